"""docs/webhooks.md matches the code: schedule, schemes, test vectors, events and limits."""

import json
import re
from collections.abc import Iterator
from typing import Final

from payments_sandbox.core.instants import show_duration
from payments_sandbox.payments.events import EventType
from payments_sandbox.server.webhooks.dispatcher import MAX_PER_ENDPOINT
from payments_sandbox.webhooks.delivery import KEPT_BODY
from payments_sandbox.webhooks.endpoint import TIMEOUT
from payments_sandbox.webhooks.retry_policy import DELAYS
from payments_sandbox.webhooks.signing import DEFAULT_HEADER, Encoding, Scheme, Signing, sign
from payments_sandbox.world.config import DEFAULT_WEBHOOK_SECRET
from tests.project.blocks import HEADING
from tests.project.tree import ROOT

TEXT: Final = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
FLAT: Final = " ".join(TEXT.split())
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def rows(heading: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables below a heading."""
    at = ""
    lines = TEXT.splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if match := HEADING.match(line):
            at = match["title"]
        is_row = line.startswith("|") and not line.startswith("|---")
        if at == heading and is_row and not after.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def test_the_retry_schedule_matches_the_code() -> None:
    found = [row for row in rows("When a webhook is tried again") if len(row[0]) < 3]
    written = [re.sub(r"m$", " min", re.sub(r"([sh])$", r" \1", show_duration(d))) for d in DELAYS]
    written = ["24 h" if each == "1d" else each for each in written]
    expected = [[str(number), delay] for number, delay in enumerate(written, start=1)]
    assert found == [*expected, [str(len(DELAYS) + 1), "never: the delivery has failed"]]


def test_the_test_vectors_match_the_signatures_of_the_code() -> None:
    """Each row has settings, the header and its value."""
    found = list(rows("Test vectors"))
    for setting, header, value in found:
        wanted = json.loads(setting.strip("`"))
        signing = Signing(
            Scheme(wanted["scheme"]),
            wanted.get("header", DEFAULT_HEADER),
            wanted.get("prefix", ""),
            Encoding(wanted.get("encoding", "hex")),
        )
        headers = sign(
            signing,
            [SECRET],
            message="msg_p5jXN8AQM9LWM0D4loKWxJek",
            sent_at=1_614_265_330,
            body=b'{"test": 2432232314}',
        )
        assert headers[header.strip("`")] == value.strip("`")
    assert {json.loads(row[0].strip("`"))["scheme"] for row in found} == set(Scheme)


def test_the_tables_list_exactly_the_schemes_and_events() -> None:
    schemes = [re.sub("`|,.*", "", row[0]) for row in rows("How it is signed")]
    events = [row[0].strip("`") for row in rows("What arrives")]
    assert schemes == list(Scheme)
    assert events == list(EventType)


def test_secrets_headers_timeouts_and_limits_match_the_code() -> None:
    eight = {8: "eight"}[MAX_PER_ENDPOINT]
    for words in (
        DEFAULT_WEBHOOK_SECRET,
        f"`HEADER` is `{DEFAULT_HEADER}` unless",
        f"nothing within {TIMEOUT // 1_000} s of wall time",
        f"{KEPT_BODY // 1024} KB of an answer are kept",
        f"up to {eight} at once",
    ):
        assert words in FLAT, words
