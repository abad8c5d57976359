"""The failures that the API and the wire can cause, which a client has met, which it survives.

Commands and the pytest plugin import it on demand; the server does not use it.
"""
