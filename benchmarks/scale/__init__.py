"""How far a cluster scales: its directory and its alarms with a million worlds, without sockets."""
