"""The client of the control API: a typed method for each route, blocking and for asyncio.

`client.py`, `async_client.py` and `models.py` are generated from the routes and the schemas by
`make generate`; the rest, such as the transports, is written by hand. It imports no other part of
the package except `core`.
"""
