"""Stands in the way of uvloop: a process that finds this first runs as without the extra [fast]."""

raise ImportError("the processes of tests run on asyncio, unless they say otherwise")
