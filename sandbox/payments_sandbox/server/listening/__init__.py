"""Owns the sockets that a server listens at: its port, the ports of TLS faults, a unix socket."""
