"""The client of the control API: a typed method for each route, blocking and for asyncio.

`client.py`, `async_client.py` and `models.py` are generated from the routes and the schemas by
`make generate`; how requests are carried is written by hand. Of the package
it imports `core` alone.
"""
