"""Owns a scenario with expectations, and two clients of it: one looks before it pays again."""

from collections.abc import Mapping
from typing import Final

from tests.support.beside import ASK
from tests.support.bodies import documented_create

SCENARIO: Final[dict[str, object]] = {
    "scenario": "charged",
    "rules": [
        {
            "name": "failed-but-charged",
            "request": "create_payment",
            "do": [{"respond": {"error": "internal_error", "commit": True}}],
        }
    ],
}
ONCE: Final = {"payments": {"status": "completed"}, "count": 1}
CLEAN: Final = {"audit": "clean"}
SOON: Final = {"webhook": "payment.completed", "acknowledged": True, "within": "1m"}
"""An expectation that is waited for; without an endpoint it is never met."""

_CLIENT: Final = f"""
body = {documented_create()!r}
try:
    pay(body)
except OSError:
    retry()
"""
CAREFUL: Final = f"""
def retry():
    assert listed(body)
{_CLIENT}"""
NAIVE: Final = f"""
def retry():
    pay(body)
{_CLIENT}"""


def playing(client: str, *expect: Mapping[str, object]) -> str:
    """The program of a client in a world where this is expected."""
    scenario = SCENARIO | ({"expect": list(expect)} if expect else {})
    return f"{ASK}\nplay({scenario!r})\n{client}"
