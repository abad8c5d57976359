"""Owns the pictures of the library: a careful client's day in each scenario.

`make docs` draws them; the test of the careful client compares each with its own run.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx

from payments_sandbox.core.instants import SECOND, show_duration
from payments_sandbox.core.settings import Settings
from payments_sandbox.testing import Server
from payments_sandbox.testing.timeline import Moment, see, timeline
from tests.library.careful import CarefulShop
from tests.library.day import Day, Host, MakeShop, Wall, opened
from tests.library.merchant import Account, Shop, Time
from tests.library.stories import STORIES
from tests.project.tree import ROOT
from tests.support.sockets import running_server
from tools.sequence import Exchange, Pause, Row, draw

FOLDER: Final = ROOT / "docs" / "images" / "scenarios"
PATIENCE: Final = 60.0
"""Seconds that the client waits: longer than any reply takes on a busy machine."""


def careful_shop(name: str) -> MakeShop:
    """Make the careful client of a scenario's day."""

    def make(account: Account, time: Time) -> Shop:
        return CarefulShop(account, time, cashback=STORIES[name].cashback, patience=PATIENCE)

    return make


def picture(name: str, day: Day) -> str:
    """Draw the calls of a day, once the webhooks under way have arrived."""
    world = Server(day.address).world(day.api_key)
    world.clock.advance("0s")  # it waits for them, and no time passes
    moments = timeline(see(world))
    return draw(f"A careful client in the scenario {name}", list(_rows(moments)))


def path_of(name: str) -> Path:
    """Return the file of a picture."""
    return FOLDER / f"{name}.svg"


@contextmanager
def served(longest: int = 2_000) -> Iterator[Host]:
    """Run a sandbox with defaults, except that delays last at most `longest` milliseconds."""
    wall = Wall()
    with (
        patch("payments_sandbox.server.factory.wall_clock", wall.now),
        running_server(Settings(port=0, max_wall_delay=longest)) as server,
        httpx.Client(base_url=f"{server.address}/_sandbox/", timeout=30) as http,
    ):
        yield Host(http, wall)


def _rows(moments: Sequence[Moment]) -> Iterator[Row]:
    for moment in moments:
        match moment.kind:
            case "request":
                yield _call(moment.detail)
            case "attempt":
                yield _webhook(moment)
            case "clock":
                passed = _instant(moment.detail["to"]) - _instant(moment.detail["at"])
                if milliseconds := round(passed.total_seconds() * SECOND):
                    yield Pause(show_duration(milliseconds))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _call(entry: Any) -> Exchange:  # noqa: ANN401 - JSON
    response, fault = entry["response"], entry["fault"]
    is_well = fault is None and response["status"] < HTTPStatus.BAD_REQUEST
    return Exchange(
        entry["operation"],
        f"no reply: {fault}" if response is None else _reply(response, fault),
        is_well=is_well,
        is_lost=response is None,
        has_happened=entry["committed"] is True and not is_well,
        rule=entry["rule"] or "",
    )


def _reply(response: Any, fault: str | None) -> str:  # noqa: ANN401 - JSON
    """Return the status and the most telling part of the body."""
    match response["body"]:
        case _ if fault is not None:
            return f"{response['status']} ({fault})"
        case {"error": {"code": str(code)}}:
            return f"{response['status']} {code}"
        case {"id": str(), "status": str(status)}:
            return f"{response['status']} {status}"
    return str(response["status"])


def _webhook(moment: Moment) -> Exchange:
    response, error = moment.detail["response"], moment.detail["error"]
    what = moment.text.partition(": ")[2].partition(" to ")[0]
    reply = error if response is None else f"{response['status']}"
    return Exchange(what, reply, is_webhook=True, is_well=error is None, is_lost=response is None)


def main() -> None:
    """Run each scenario and write its picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with served() as host:
        for name, story in STORIES.items():
            with opened(host, name, careful_shop(name)) as day:
                story.tell(day)
                path_of(name).write_text(picture(name, day), encoding="utf-8")


if __name__ == "__main__":
    main()
