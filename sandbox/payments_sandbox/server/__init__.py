"""The HTTP server: aiohttp, sockets and timers around the pure core."""
