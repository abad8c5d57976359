"""Several processes that serve one address: every key has an owner, and what is asked goes there.

Imported only where there are several.
"""
