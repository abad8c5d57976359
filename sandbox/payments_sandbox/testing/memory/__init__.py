"""A sandbox without a socket: the same server, on wires in memory and on time that never waits."""
