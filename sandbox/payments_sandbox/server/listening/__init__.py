"""Owns where a server listens: its port, the ports of TLS faults, a unix socket."""
