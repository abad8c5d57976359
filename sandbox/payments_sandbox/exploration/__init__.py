"""Failures of the API and of connections: which exist, which a client has met and survives.

Commands and the pytest plugin import it on demand; the server does not use it.
"""
