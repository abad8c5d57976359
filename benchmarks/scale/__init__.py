"""How far a cluster goes: its directory and its alarms at a million worlds, without a socket."""
