"""Several processes that serve one address: every key has one owner, and what is asked of it goes there.

Imported only where there are several.
"""
