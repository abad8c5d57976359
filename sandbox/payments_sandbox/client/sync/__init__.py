"""The client of the control API that blocks; all but its line is made of the one for asyncio."""
