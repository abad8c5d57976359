"""Several processes that serve one address: each key has an owner, which answers its requests.

Imported only if there are several processes: plain `serve` does not need it.
"""
