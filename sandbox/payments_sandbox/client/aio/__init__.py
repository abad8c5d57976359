"""The client of the control API for asyncio; its twin that blocks is made of it."""
