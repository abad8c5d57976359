"""Tests resets: the whole world, or parts of it, back to how it was made."""

import pytest

from tests.support.http import Api, Control, events, invalid, listed, paid, refunded

FAILS_TWICE, PENDING = "4000009900000111", "4000009900000012"
PARTS = "payments, journal, rules, webhooks, clock, rate_limit."


async def everything_used(api: Api, control: Control) -> None:
    """Change every part of the home world."""
    payment_id = (await paid(api))["id"]
    await refunded(api, payment_id)
    await paid(api, card_number=PENDING)
    await paid(api, 500, card_number=FAILS_TWICE)
    await control("set_rate_limit", {"limit": 50})
    await control("advance_clock", {"by": "10m"})


async def test_a_reset_world_equals_a_new_one(api: Api, control: Control) -> None:
    """Summary, ids and counters of rules."""
    fresh = await control("retrieve_world")
    first = await paid(api)
    await everything_used(api, control)
    assert await control("reset_world") == fresh
    assert await paid(api) == first
    for status in (500, 500, 201):
        await paid(api, status, card_number=FAILS_TWICE)


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("payments", {"payments", "refunds", "events", "clock"}),
        ("journal", {"requests"}),
        ("rules", set[str]()),
        ("webhooks", set[str]()),
        ("rate_limit", {"rate_limit"}),
    ],
)
async def test_resetting_one_part_leaves_the_others_unchanged(
    api: Api, control: Control, part: str, changed: set[str]
) -> None:
    """What was due goes with the payments."""
    fresh = await control("retrieve_world")
    await everything_used(api, control)
    used = await control("retrieve_world")
    fresh["clock"]["now"] = used["clock"]["now"]
    reset = await control("reset_world", {"only": [part]})
    assert reset == {**used, **{name: fresh[name] for name in changed}}


async def test_resetting_the_rules_restarts_the_counters_of_magic_cards(
    api: Api, control: Control
) -> None:
    await paid(api, 500, card_number=FAILS_TWICE)
    await control("reset_world", {"only": ["rules"]})
    for status in (500, 500, 201):
        await paid(api, status, card_number=FAILS_TWICE)


async def test_a_reset_restores_the_rate_limit_that_the_world_was_made_with(
    control: Control,
) -> None:
    wanted = {"api_key": "sk_test_a", "rate_limit": {"limit": 5}}
    made = await control("create_world", wanted)
    await control("set_rate_limit", {"limit": 50}, key="sk_test_a")
    assert await control("reset_world", key="sk_test_a") == made


async def test_resetting_only_the_clock_is_rejected_if_payments_are_later(
    api: Api, control: Control
) -> None:
    """Time never goes back."""
    await control("advance_clock", {"by": "1d"})
    await paid(api)
    refusal = await control("reset_world", {"only": ["clock"]}, status=400)
    assert refusal == invalid(
        "/only: expected 'payments' in addition to 'clock': some payments are later than the"
        " reset clock, and time never goes back. POST /_sandbox/world/reset with"
        ' {"only": ["payments", "clock"]} would work.'
    )
    assert (await control("retrieve_clock"))["now"] == "2030-01-16T10:30:00Z"


async def test_resetting_only_the_clock_is_rejected_if_events_are_later(
    api: Api, control: Control
) -> None:
    """Such as a refund a day later."""
    payment_id = (await paid(api))["id"]
    await control("advance_clock", {"by": "1d"})
    await refunded(api, payment_id)
    await control("reset_world", {"only": ["clock"]}, status=400)
    assert (await control("retrieve_clock"))["now"] == "2030-01-16T10:30:00Z"


async def test_the_clock_can_be_reset_alone_if_nothing_is_later(api: Api, control: Control) -> None:
    await paid(api)
    await control("advance_clock", {"by": "1d"})
    reset = await control("reset_world", {"only": ["clock"]})
    assert reset["clock"]["now"] == "2030-01-15T10:30:00Z"
    assert len(await events(api)) == 1


@pytest.mark.parametrize(
    ("only", "details"),
    [
        (
            [],
            f"/only: expected a list of different words from {PARTS}",
        ),
        (
            ["payment"],
            f"/only/0: expected one of {PARTS}",
        ),
    ],
    ids=["nothing", "a typo"],
)
async def test_a_reset_of_no_part_or_an_unknown_part_is_rejected(
    api: Api, control: Control, only: list[str], details: str
) -> None:
    """Nothing is reset."""
    payment_id = (await paid(api))["id"]
    assert await control("reset_world", {"only": only}, status=400) == invalid(details)
    assert await listed(api) == [payment_id]
