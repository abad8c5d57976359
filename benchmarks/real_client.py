"""Owns the clients that people use: each makes payments for some seconds, and prints how many.

Usage: real_client.py CLIENT PORT SECONDS AT_ONCE. It prints `{"requests": …, "seconds": …}`.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from time import perf_counter
from typing import Final

import aiohttp
import httpx
import requests

from benchmarks.traffic import CREATED, KEY, create_body

_HEADERS: Final = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
_BODIES: Final = [json.loads(create_body(f"buyer_{number:03}")) for number in range(100)]

Post = Callable[[dict[str, object]], Awaitable[int]]
"""Makes a payment and returns the status."""


def by_requests(url: str, seconds: float, at_once: int) -> int:
    """Use a session of requests, which makes one call at a time."""
    assert at_once == 1, at_once
    with requests.Session() as session:
        session.headers.update(_HEADERS)
        until = perf_counter() + seconds
        for done in count():
            if perf_counter() >= until:
                return done
            reply = session.post(url, json=_BODIES[done % len(_BODIES)], timeout=10)
            assert reply.status_code == CREATED, reply.text
            reply.json()
    raise AssertionError


def by_httpx(url: str, seconds: float, at_once: int) -> int:
    """Use a client of httpx: in an event loop if there are several calls at a time."""
    if at_once > 1:
        return asyncio.run(_by_async_httpx(url, seconds, at_once))
    with httpx.Client(headers=_HEADERS, trust_env=False) as client:
        until = perf_counter() + seconds
        for done in count():
            if perf_counter() >= until:
                return done
            reply = client.post(url, json=_BODIES[done % len(_BODIES)])
            assert reply.status_code == CREATED, reply.text
            reply.json()
    raise AssertionError


def by_aiohttp(url: str, seconds: float, at_once: int) -> int:
    """Use a session of aiohttp."""
    return asyncio.run(_by_aiohttp(url, seconds, at_once))


async def _by_async_httpx(url: str, seconds: float, at_once: int) -> int:
    async with httpx.AsyncClient(headers=_HEADERS, trust_env=False) as client:

        async def post(body: dict[str, object]) -> int:
            reply = await client.post(url, json=body)
            reply.json()
            return reply.status_code

        return await _repeat(post, seconds, at_once)


async def _by_aiohttp(url: str, seconds: float, at_once: int) -> int:
    async with aiohttp.ClientSession(headers=_HEADERS) as session:

        async def post(body: dict[str, object]) -> int:
            async with session.post(url, json=body) as reply:
                await reply.json()
                return reply.status

        return await _repeat(post, seconds, at_once)


async def _repeat(post: Post, seconds: float, at_once: int) -> int:
    until = perf_counter() + seconds

    async def work() -> int:
        for done in count():
            if perf_counter() >= until:
                return done
            status = await post(_BODIES[done % len(_BODIES)])
            assert status == CREATED, status
        raise AssertionError

    return sum(await asyncio.gather(*(work() for _ in range(at_once))))


CLIENTS: Final = {"requests": by_requests, "httpx": by_httpx, "aiohttp": by_aiohttp}


def main(client: str, port: str, seconds: str, at_once: str) -> None:
    """Make payments, and print how many there were, and the time."""
    started = perf_counter()
    done = CLIENTS[client](f"http://127.0.0.1:{port}/v3/payments", float(seconds), int(at_once))
    print(json.dumps({"requests": done, "seconds": perf_counter() - started}))


if __name__ == "__main__":
    main(*sys.argv[1:])
