"""Owns the code under test of those who test with a sandbox: it pays, lists and refunds by HTTP."""

from typing import Any

import requests

from payments_sandbox.testing import Sandbox
from tests.support.bodies import documented_create

PENDING, DECLINED = "4000009900000012", "4000000000000002"


def pay(world: Sandbox, status: int = 201, **changes: object) -> dict[str, Any]:
    """The reply to the documented create, with changes to its body; it must have the status."""
    url = f"{world.base_url}/payments"
    body = documented_create(**changes)
    reply = requests.post(url, json=body, headers=world.headers, timeout=10)
    assert reply.status_code == status, reply.text
    found: dict[str, Any] = reply.json()
    return found
