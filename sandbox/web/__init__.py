"""The HTTP rim: it knows aiohttp so that nothing below does."""
