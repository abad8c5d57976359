"""What failures the API documents and the wire knows, and which of them a client has met.

Commands and the pytest plugin import it when somebody asks for it; the server knows nothing of it.
"""
