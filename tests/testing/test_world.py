"""A world in a test: what happened in it, its clock, rate limit and snapshots."""

from datetime import UTC, datetime, timedelta

import pytest

from payments_sandbox.testing import ControlApiError, RunningSandbox, Sandbox
from tests.support.sockets import pay
from tests.support.values import DECLINED, PENDING

START = datetime(2030, 1, 15, 9, tzinfo=UTC)


def test_a_world_has_the_addresses_secret_and_seed_of_the_server(
    server: RunningSandbox, world: Sandbox
) -> None:
    """The repr shows key, address and seed."""
    told = world.control.retrieve_world()
    assert (world.base_url, world.sandbox_url) == (server.base_url, server.sandbox_url)
    assert (world.webhook_secret, world.seed) == (told["webhook_secret"], told["seed"])
    assert world.headers == {"Authorization": f"Bearer {world.api_key}"}
    assert repr(world) == f"<Sandbox {world.api_key} at {world.base_url}, seed {world.seed}>"
    client = f"<SandboxClient of {world.api_key} at {server.url}>"
    assert repr(world.control) == client


def test_lists_are_chronological_and_reading_them_adds_no_requests(world: Sandbox) -> None:
    """Payments, events and requests are listed oldest first."""
    first, second = pay(world)["id"], pay(world, amount=900)["id"]
    pay(world, 400, card_number=DECLINED)

    assert [(each["id"], each["status"]) for each in world.payments[:2]] == [
        (first, "completed"),
        (second, "completed"),
    ]
    assert [each["failure_code"] for each in world.payments] == [None, None, "card_declined"]
    assert [each["type"] for each in world.events] == [
        "payment.completed",
        "payment.completed",
        "payment.failed",
    ]
    assert [each["operation"] for each in world.requests] == ["create_payment"] * 3
    assert world.rate_limit.remaining == world.rate_limit.limit - 3


def test_lists_include_all_pages(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments_sandbox.client.messages.LARGEST_PAGE", 2)
    ids = [pay(world)["id"] for _ in range(5)]
    assert [each["id"] for each in world.payments] == ids
    assert len(world.events) == len(world.requests) == 5


def test_followed_by_calls_the_other_clock_for_each_instant(world: Sandbox) -> None:
    """It is called before due events happen, so receivers see the world's time."""
    pay(world, card_number=PENDING)
    inbox = world.inbox()
    inbox.respond(500)
    seen: list[datetime] = []
    with world.clock.followed_by(seen.append):
        assert seen == [START]
        happened = world.clock.advance("2h")
        world.clock.freeze("2030-01-15T12:00:00Z")
        pay(world, card_number=PENDING)
        world.clock.next()
        world.clock.advance(to=START + timedelta(days=1))
    world.clock.advance("1d")

    settled = START + timedelta(hours=1)
    assert [each["what"] for each in happened] == [
        "payment.completed", "webhook.failed", "webhook.delivered",
    ]  # fmt: skip
    assert seen[1:6] == [
        settled,
        settled + timedelta(seconds=5),
        START + timedelta(hours=2),
        START + timedelta(hours=3),
        START + timedelta(hours=4),
    ]
    assert (seen[6:], world.clock.now) == (
        [START + timedelta(days=1)],
        START + timedelta(days=2),
    )


def test_followed_by_covers_freezing_at_a_later_instant(world: Sandbox) -> None:
    """Events that fall due on the way have their own instants."""
    pay(world, card_number=PENDING)
    world.clock.resume()
    seen: list[datetime] = []
    with world.clock.followed_by(seen.append):
        world.clock.freeze(START + timedelta(hours=2))
        assert world.clock.is_frozen
        with pytest.raises(ControlApiError):
            world.clock.freeze(START)
    assert seen[1:] == [START + timedelta(hours=1), START + timedelta(hours=2)]


def test_the_clock_accepts_durations_instants_and_next(world: Sandbox) -> None:
    """Durations and instants may be texts or objects."""
    assert (world.clock.now, world.clock.is_frozen) == (START, True)
    payment_id = pay(world, card_number=PENDING)["id"]
    assert [each["what"] for each in world.clock.due] == ["payment.completed"]

    [happened] = world.clock.next()

    assert (happened["what"], happened["payment_id"]) == ("payment.completed", payment_id)
    assert world.clock.now == START + timedelta(hours=1)
    assert world.clock.advance("1d") == []
    world.clock.advance(timedelta(seconds=1.5))
    world.clock.advance(to="2030-02-01")
    world.clock.advance(to=datetime(2030, 2, 2, tzinfo=UTC))
    world.clock.freeze("2030-02-03T00:00:00Z")
    assert world.clock.now == datetime(2030, 2, 3, tzinfo=UTC)
    world.clock.resume()
    assert not world.clock.is_frozen


def test_an_instant_without_a_time_zone_raises(world: Sandbox) -> None:
    """It would mean another instant on another machine."""
    with pytest.raises(ValueError, match="expected an instant with a time zone"):
        world.clock.freeze(datetime(2031, 1, 1))  # noqa: DTZ001 - naive on purpose
    assert world.clock.now == START


def test_the_rate_limit_can_be_set_and_exhausted_until_its_reset(world: Sandbox) -> None:
    world.rate_limit.set(limit=10)
    world.rate_limit.exhaust()
    assert pay(world, 429)["error"]["code"] == "rate_limit_exceeded"
    assert repr(world.rate_limit) == "<RateLimit 0 of 10 left>"
    world.clock.advance(to=datetime.fromtimestamp(world.rate_limit.reset, UTC))
    assert world.rate_limit.remaining == 10


def test_a_snapshot_can_be_restored_in_the_same_or_another_world(
    server: RunningSandbox, world: Sandbox
) -> None:
    """The other world continues as this one would."""
    pay(world)
    kept = world.snapshot()
    after = pay(world)
    world.restore(kept)
    assert pay(world) == after
    with server.new_world() as other:
        other.restore(kept)
        assert pay(other) == after


def test_a_modified_snapshot_raises_and_changes_nothing(world: Sandbox) -> None:
    pay(world)
    kept = world.snapshot()
    with pytest.raises(ControlApiError, match=r"/digest: .*changed after GET world/snapshot"):
        world.restore(kept | {"seed": kept["seed"] + 1})
    assert world.snapshot() == kept


def test_reset_clears_one_part_or_everything(world: Sandbox) -> None:
    pay(world)
    world.reset("journal")
    assert (len(world.payments), world.requests) == (1, [])
    world.reset()
    assert world.payments == []


def test_explain_says_which_rule_or_problem_decided_a_request(world: Sandbox) -> None:
    pay(world)
    pay(world, 500, card_number="4000009900000053")
    pay(world, 400, amount=0)
    first, second, third = world.requests
    assert world.explain(first["id"]) == (
        f"{first['id']} at 2030-01-15T09:00:00Z: POST /v3/payments → 201"
    )
    assert world.explain(second["id"]) == (
        f"{second['id']} at 2030-01-15T09:00:00Z: POST /v3/payments → 500 internal_error\n"
        "  answered by card:server_error_after_commit, step 1, committed"
    )
    assert world.explain(third["id"]) == (
        f"{third['id']} at 2030-01-15T09:00:00Z: POST /v3/payments → 400 invalid_request:"
        " /amount: expected an integer from 1 to 99999999, in minor units (2500 is 25.00 USD)."
    )


def test_control_api_error_shows_call_status_code_and_details(world: Sandbox) -> None:
    with pytest.raises(ControlApiError) as caught:
        world.clock.advance(to="2029-01-01")
    refused = caught.value
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert refused.message == "The request is invalid"
    assert refused.details is not None
    assert str(refused) == (
        "POST /_sandbox/clock/advance: 400 invalid_request: The request is invalid\n"
        f"  {refused.details}"
    )
    assert world.clock.now == START


def test_a_closed_world_is_dropped(server: RunningSandbox) -> None:
    """Its key gets a new world."""
    with server.new_world(seed=7, rate_limit=5) as world:
        pay(world)
        assert world.rate_limit.limit == 5
    assert server.client(world.api_key).list_payments()["data"] == []
