"""Owns the webhook receiver of the benchmark: it answers at once, and counts by `webhook-id`.

Usage: receiver.py READY_FILE. GET returns the counts and resets them.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path

from aiohttp import web


class Receiver:
    """Counts the webhooks that arrive."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Accept a webhook, or return the counts."""
        if request.method == "POST":
            await request.read()
            self._counts[request.headers["webhook-id"]] += 1
            return web.Response()
        counts, self._counts = self._counts, Counter()
        return web.json_response({"arrived": counts.total(), "different": len(counts)})


async def serve(ready: Path) -> None:
    """Listen on a free port, and write its address to the ready file."""
    runner = web.ServerRunner(web.Server(Receiver(), access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    part = ready.with_suffix(".part")
    facts = {"base_url": f"http://127.0.0.1:{site.port}/", "pid": os.getpid()}
    part.write_text(json.dumps(facts), encoding="utf-8")
    part.replace(ready)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
