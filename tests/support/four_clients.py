"""Owns four HTTP clients as people use them: pay on a fresh connection, then read the JSON."""

import asyncio
import json
import urllib.request
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import httpx
import orjson
import requests

from tests.support.bodies import documented_create
from tests.support.clients import bearer
from tests.support.shop import Shop

Reply = tuple[int, Any]
"""The status, and the JSON of a reply whose status is good."""

Pay = Callable[[Shop, str, float], Reply]


def with_requests(shop: Shop, card: str, patience: float) -> Reply:
    """Pay with requests."""
    body, headers = documented_create(card_number=card), bearer(shop.key)
    reply = requests.post(shop.payments_url, json=body, headers=headers, timeout=patience)
    return reply.status_code, reply.json() if reply.ok else None


def with_httpx(shop: Shop, card: str, patience: float) -> Reply:
    """Pay with httpx."""
    body, headers = documented_create(card_number=card), bearer(shop.key)
    reply = httpx.post(shop.payments_url, json=body, headers=headers, timeout=patience)
    return reply.status_code, reply.json() if reply.is_success else None


def with_aiohttp(shop: Shop, card: str, patience: float) -> Reply:
    """Pay with aiohttp."""

    async def pay() -> Reply:
        limit = aiohttp.ClientTimeout(total=patience)
        async with (
            aiohttp.ClientSession(headers=bearer(shop.key), timeout=limit) as session,
            session.post(shop.payments_url, json=documented_create(card_number=card)) as reply,
        ):
            return reply.status, await reply.json() if reply.ok else None

    return asyncio.run(pay())


def with_urllib(shop: Shop, card: str, patience: float) -> Reply:
    """Pay with urllib."""
    body = orjson.dumps(documented_create(card_number=card))
    headers = {**bearer(shop.key), "Content-Type": "application/json"}
    request = urllib.request.Request(shop.payments_url, body, headers)  # noqa: S310 - our own URL
    with urllib.request.urlopen(request, timeout=patience) as reply:  # noqa: S310 - as above
        return int(reply.status), json.loads(reply.read())


CLIENTS: Final[dict[str, Pay]] = {
    "requests": with_requests,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "urllib": with_urllib,
}


def told(pay: Pay, shop: Shop, card: str, patience: float) -> str:
    """What a client makes of it: the name of its exception, a bad status, or the payment."""
    try:
        status, payment = pay(shop, card, patience)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return type(error).__name__
    if status >= 400:
        return f"status {status}"
    return "None" if payment is None else str(payment["status"])
