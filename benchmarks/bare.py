"""Owns the server that ours is compared with: aiohttp, constant JSON, no access log.

Usage: bare.py LOOP [BODIES] READY_FILE. Without the file of bodies it is a hello world.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from aiohttp import web


def create_app(bodies: dict[str, str]) -> web.Application:
    """The routes of the emulated API, each with a handler that returns a constant answer."""
    app = web.Application()

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    app.router.add_get("/_sandbox/live", live)
    for operation, body in bodies.items():
        _add(app, operation, body.encode())
    return app


def _add(app: web.Application, operation: str, body: bytes) -> None:
    async def show(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async def make(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, status=201, content_type="application/json")

    match operation:
        case "create_payment":
            app.router.add_post("/v3/payments", make)
        case "retrieve_payment":
            app.router.add_get("/v3/payments/{payment_id}", show)
        case "list_payments":
            app.router.add_get("/v3/payments", show)
        case "create_refund":
            app.router.add_post("/v3/payments/{payment_id}/refunds", make)


async def serve(bodies: dict[str, str], ready: Path) -> None:
    """Listen on a free port, and write its address to the ready file."""
    runner = web.AppRunner(create_app(bodies), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    part = ready.with_suffix(".part")
    facts = {"base_url": f"http://127.0.0.1:{site.port}/v3", "pid": os.getpid()}
    part.write_text(json.dumps(facts), encoding="utf-8")
    part.replace(ready)
    await asyncio.Event().wait()


def main(loop: str, *files: str) -> None:
    """Serve until killed."""
    bodies = json.loads(Path(files[0]).read_text(encoding="utf-8")) if len(files) > 1 else {}
    serving = serve(bodies, Path(files[-1]))
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - an extra, and must not slow down the other loop's start

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serving)
    else:
        asyncio.run(serving)


if __name__ == "__main__":
    main(*sys.argv[1:])
