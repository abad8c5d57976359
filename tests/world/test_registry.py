"""Tests the worlds by their keys: made on first use or by hand, dropped when idle or too many."""

import re
from base64 import b64decode
from typing import NamedTuple

import pytest

from payments_sandbox.core.errors import InvalidApiKey, InvalidRequest, NotFound
from payments_sandbox.core.ids import DEFAULT_API_KEY, SEEDS, webhook_secret
from payments_sandbox.core.instants import DAY, HOUR, show_instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import SLICE, finish
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.world.clock import Mode
from payments_sandbox.world.config import DEFAULT_WEBHOOK_SECRET
from payments_sandbox.world.registry import (
    NotOwned,
    Worlds,
)
from payments_sandbox.world.snapshot import restoring
from payments_sandbox.world.world import World
from tests.support.in_process import NOON, Wall, new_worlds, scenario_of, snapshot
from tests.support.tables import for_each
from tests.support.values import run_to_end

DROP_REASONS_KEPT = 1_000

NAME_LENGTH = 500

ALICE, BOB, CAROL = "sk_test_alice", "sk_test_bob", "sk_test_carol"
IDLE, CROWDED = "idle for 1d (--world-ttl)", "the longest idle of 3 worlds (--max-worlds)"
MALFORMED = (
    "A sandbox key is sk_test_ followed by 1 to 64 letters, digits, '-' or '_',"
    " as in 'Authorization: Bearer sk_test_sandbox'."
)


def said(reason: str) -> str:
    """Return the notice of a restarted world about the earlier one."""
    return f"An earlier world of this key was {reason}."


class Gone(list[tuple[str, str]]):
    """Records the worlds that were dropped: key and reason."""

    def __call__(self, world: World, reason: str) -> None:
        """Record one."""
        self.append((world.config.api_key, reason))


def keys_of(worlds: Worlds) -> list[str]:
    """Return the keys, least recently used first."""
    return [world.config.api_key for world in worlds]


def test_a_server_starts_with_the_home_world_and_its_documented_secret() -> None:
    worlds = new_worlds()

    assert (keys_of(worlds), len(worlds)) == ([DEFAULT_API_KEY], 1)
    assert worlds.get_or_create(DEFAULT_API_KEY).config.webhook_secret == DEFAULT_WEBHOOK_SECRET


def starting_with(*scenarios: Scenario, is_strict: bool = False) -> Worlds:
    """Return worlds that start with these scenarios."""
    worlds = new_worlds(Settings(strict_keys=is_strict))
    worlds.context = worlds.context._replace(scenarios=scenarios)
    return worlds


FILLED = scenario_of(f"given: {{generate: {{payments: {3 * SLICE}}}}}")
"""Makes more payments than one slice does."""


def test_concurrent_first_uses_of_a_key_share_the_work_and_get_one_world() -> None:
    """Each does a slice in turn."""
    worlds = starting_with(FILLED)
    waiting = [worlds.getting(ALICE), worlds.getting(ALICE), worlds.getting(BOB)]
    turns, found = [0, 0, 0], dict[int, World]()
    while len(found) < len(waiting):
        for number in {0, 1, 2} - found.keys():
            try:
                next(waiting[number])
                turns[number] += 1
            except StopIteration as done:
                found[number] = done.value

    assert found[0] is found[1] is worlds.get_or_create(ALICE)
    assert found[2] is worlds.get_or_create(BOB) is not found[0]
    assert turns[0] + turns[1] == turns[2] >= 3, "the work for one key is done once"
    assert len(found[0].ledger.payments) == 3 * SLICE


def test_a_world_made_by_hand_during_a_first_use_is_the_result_of_both() -> None:
    """Nothing is rejected, and the unfinished world is dropped."""
    worlds = starting_with(FILLED)
    first_use = worlds.getting(ALICE)
    next(first_use)
    made = worlds.make(ALICE)

    assert finish(first_use) is made
    assert keys_of(worlds) == [DEFAULT_API_KEY, ALICE]
    finish(worlds.dropping(made))
    assert finish(worlds.getting(ALICE)) is not made, "nothing is left of what was given up"


def test_an_abandoned_first_use_is_continued_by_the_next_caller() -> None:
    """It does not start again."""
    worlds = starting_with(FILLED)
    first_use = worlds.getting(ALICE)
    next(first_use)
    next(first_use)
    first_use.close()
    _, left = run_to_end(worlds.getting(ALICE))
    _, whole = run_to_end(worlds.getting(BOB))

    assert left == whole - 2


def test_a_rejected_first_use_leaves_no_world_and_is_rejected_again() -> None:
    """The server's scenarios contradict each other."""
    worlds = starting_with(FILLED, FILLED)
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="'scene' is given twice"):
            finish(worlds.getting(ALICE))
    worlds.context = worlds.context._replace(scenarios=())

    assert finish(worlds.getting(ALICE)).config.api_key == ALICE


def test_the_home_world_is_found_while_it_is_being_restarted_in_slices() -> None:
    """Also with strict keys."""
    worlds = starting_with(FILLED, is_strict=True)
    steps = worlds.dropping(worlds.get_or_create(DEFAULT_API_KEY))
    next(steps)
    found = worlds.get_or_create(DEFAULT_API_KEY)
    finish(steps)

    assert worlds.get_or_create(DEFAULT_API_KEY) is found
    assert len(found.ledger.payments) == 3 * SLICE


def test_the_first_use_of_a_key_makes_its_world_and_secret() -> None:
    """The next use finds it."""
    worlds = new_worlds()
    made = worlds.get_or_create(ALICE)

    assert worlds.get_or_create(ALICE) is made
    assert keys_of(worlds) == [DEFAULT_API_KEY, ALICE]
    assert made.config.webhook_secret == webhook_secret(made.config.seed)
    assert len(b64decode(made.config.webhook_secret.removeprefix("whsec_"))) == 32


@for_each(
    "key",
    [
        "",
        "sk_test_",
        "sk_live_alice",
        "sk_test_a b",
        "sk_test_é",
        f"sk_test_{'x' * 65}",
        "x" + ALICE,
        ALICE + "\n",
    ],
    show=ascii,
)
def test_a_malformed_key_is_rejected_and_makes_no_world(key: str) -> None:
    """The error says what a key looks like and does not quote it."""
    worlds = new_worlds()
    with pytest.raises(InvalidApiKey) as caught:
        worlds.get_or_create(key)

    assert (caught.value.details, keys_of(worlds)) == (MALFORMED, [DEFAULT_API_KEY])


def test_a_key_of_the_maximum_length_makes_a_world() -> None:
    """64 characters of every allowed kind."""
    key = "sk_test_" + "aZ9-_" * 12 + "abcd"

    assert new_worlds().get_or_create(key).config.api_key == key


def test_strict_keys_accept_only_worlds_made_by_hand() -> None:
    """The error says how to make one, and what became of an earlier one."""
    wall = Wall()
    worlds = new_worlds(Settings(strict_keys=True), wall)
    made = worlds.make(ALICE)
    found = worlds.get_or_create(ALICE)
    wall.move(DAY)
    worlds.sweep()
    refusals = []
    for key in (ALICE, BOB):
        with pytest.raises(InvalidApiKey) as caught:
            worlds.get_or_create(key)
        refusals.append(caught.value.details)

    assert found is made
    assert refusals == [
        f"Its world was {IDLE}. POST /_sandbox/worlds creates one.",
        "No world has this key (--strict-keys). POST /_sandbox/worlds creates one.",
    ]


def test_the_seed_of_a_world_is_given_derived_or_drawn() -> None:
    """It is derived from the server's seed and the key; without that, drawn."""
    given = new_worlds(Settings(seed=1)).make(ALICE, seed=42)
    derived = [
        new_worlds(Settings(seed=seed)).get_or_create(key).config.seed
        for seed, key in ((1, ALICE), (1, ALICE), (2, ALICE), (1, BOB))
    ]
    worlds = new_worlds()
    drawn = [worlds.get_or_create(key).config.seed for key in (DEFAULT_API_KEY, ALICE, BOB)]

    assert given.config.seed == 42
    assert derived[0] == derived[1]
    assert len(set(derived)) == 3
    assert all(0 <= seed < SEEDS for seed in derived)
    assert drawn == [1, 2, 3], "0 went into the keys that the server makes up"


def test_the_name_of_a_world_is_escaped_and_shortened_to_one_line() -> None:
    """It is printed in lists."""
    worlds = new_worlds()
    names = ("test_ü", "a\nb\x1b[0m", "x" * 900)
    made = [worlds.make(name=name).config.name for name in names]

    assert made == ["test_ü", "a\\nb\\x1b[0m", "x" * NAME_LENGTH]
    assert worlds.make(ALICE, name="shop").config.title == "shop (sk_test_alice)"
    assert worlds.make(BOB).config.title == BOB


def test_generated_keys_come_from_the_seed_and_skip_taken_ones() -> None:
    """Well-formed, different each time, the same in the next run."""
    worlds, again = (new_worlds(Settings(seed=1)) for _ in range(2))
    made = [worlds.make().config.api_key for _ in range(3)]
    again.make(made[0])
    repeated = [again.make().config.api_key for _ in range(2)]

    assert all(re.fullmatch(r"sk_test_[0-9a-f]{16}", key) for key in made)
    assert len(set(made)) == 3
    assert repeated == made[1:]


def test_generated_keys_can_start_at_a_later_position_of_the_seed() -> None:
    """So that several servers of one seed do not draw the same keys."""
    worlds, other = (new_worlds(Settings(seed=1)) for _ in range(2))
    made = [worlds.make().config.api_key for _ in range(6)]
    other.begin_keys_at(5)

    assert other.make().config.api_key == made[5]


def test_a_world_has_the_requested_clock_or_the_servers() -> None:
    """A frozen instant, or "live"."""
    worlds = new_worlds(Settings(clock=show_instant(NOON)))
    made = [worlds.make(), worlds.make(clock="live"), worlds.make(clock=NOON)]

    assert [world.clock.mode for world in made] == [Mode.FROZEN, Mode.LIVE, Mode.FROZEN]
    assert [world.clock.now() for world in made] == [NOON] * 3


def test_making_a_second_world_of_a_key_is_rejected() -> None:
    """The first one stays."""
    worlds = new_worlds()
    first = worlds.make(ALICE)
    with pytest.raises(InvalidRequest) as caught:
        worlds.make(ALICE)

    assert caught.value.details == (
        "/api_key: expected a key that has no world yet;"
        " DELETE /_sandbox/world with this key drops its current world."
    )
    assert worlds.get_or_create(ALICE) is first


def test_idle_worlds_are_dropped_once_and_the_home_world_is_not() -> None:
    """A world used within the time stays too."""
    wall, gone = Wall(), Gone()
    worlds = new_worlds(wall=wall, on_drop=gone)
    for key in (ALICE, BOB):
        worlds.get_or_create(key)
    wall.move(DAY - 1)
    worlds.sweep()
    before = keys_of(worlds)
    worlds.get_or_create(ALICE)
    wall.move(1)
    worlds.sweep()
    worlds.sweep()

    assert before == [DEFAULT_API_KEY, ALICE, BOB]
    assert keys_of(worlds) == [DEFAULT_API_KEY, ALICE]
    assert gone == [(BOB, IDLE)]
    assert [worlds.restart_reason(key) for key in (ALICE, BOB)] == [None, said(IDLE)]
    assert [worlds.restart_reason(key) for key in (ALICE, BOB)] == [
        None, f"An earlier world of this key was {IDLE}.",
    ]  # fmt: skip


def test_finding_a_world_does_not_make_it_and_says_why_it_is_gone() -> None:
    """So that a typo in a key is not judged as an empty world."""
    wall = Wall()
    worlds = new_worlds(wall=wall)
    made = worlds.make(ALICE)
    found = worlds.find(ALICE)
    wall.move(DAY)
    worlds.sweep()
    refusals = []
    for key in (ALICE, BOB):
        with pytest.raises(NotFound) as caught:
            worlds.find(key)
        refusals.append(str(caught.value.details).partition(",")[0])
    with pytest.raises(InvalidApiKey):
        worlds.find("sk_live_alice")

    assert found is made
    assert refusals == [f"The world of this key was {IDLE}", "No world has this key"]
    assert keys_of(worlds) == [DEFAULT_API_KEY]


def test_one_world_too_many_drops_the_longest_idle_one() -> None:
    """Never the home world."""
    gone = Gone()
    worlds = new_worlds(Settings(max_worlds=3), on_drop=gone)
    for key in (ALICE, BOB, ALICE, CAROL):
        worlds.get_or_create(key)

    assert keys_of(worlds) == [DEFAULT_API_KEY, ALICE, CAROL]
    assert gone == [(BOB, CROWDED)]


def test_a_dropped_world_starts_again_with_the_reason_of_the_drop() -> None:
    worlds = new_worlds(Settings(max_worlds=3, seed=1))
    before = worlds.get_or_create(ALICE)
    for key in (BOB, CAROL):
        worlds.get_or_create(key)
    after = worlds.get_or_create(ALICE)

    assert after is not before
    assert after.config == before.config
    assert worlds.restart_reason(ALICE) == said(CROWDED)


def test_the_last_1000_drop_reasons_are_kept() -> None:
    worlds = new_worlds(Settings(max_worlds=1))
    keys = [f"sk_test_{number}" for number in range(DROP_REASONS_KEPT + 2)]
    for key in keys:
        worlds.get_or_create(key)
    told = [worlds.restart_reason(key) is not None for key in keys]

    assert told == [False, *[True] * DROP_REASONS_KEPT, False]


@pytest.mark.parametrize("key", [ALICE, DEFAULT_API_KEY])
def test_a_world_dropped_by_hand_leaves_no_drop_reason(key: str) -> None:
    """The home world starts again at once."""
    gone = Gone()
    worlds = new_worlds(on_drop=gone)
    before = worlds.get_or_create(key)
    finish(worlds.dropping(before))

    assert keys_of(worlds) == [DEFAULT_API_KEY]
    assert (gone, worlds.restart_reason(key)) == ([(key, "dropped by DELETE world")], None)
    assert worlds.get_or_create(key) is not before


def test_a_restored_world_replaces_the_world_of_its_key() -> None:
    """The replaced world is reported as dropped."""
    gone = Gone()
    worlds = new_worlds(on_drop=gone)
    other = new_worlds().get_or_create(ALICE)
    worlds.get_or_create(ALICE)
    worlds.put(other)

    assert worlds.get_or_create(ALICE) is other
    assert gone == [(ALICE, "restored from a snapshot")]


def test_a_world_can_be_restored_after_it_was_dropped() -> None:
    """The drop is not reported a second time."""
    gone = Gone()
    worlds = new_worlds(on_drop=gone)
    other = new_worlds().get_or_create(ALICE)
    worlds.put(other)

    assert worlds.get_or_create(ALICE) is other
    assert gone == []


def test_a_registry_contains_a_world_until_it_is_dropped() -> None:
    """Another world of the same key is a different world."""
    worlds = new_worlds()
    first = worlds.get_or_create(ALICE)
    before = first in worlds
    finish(worlds.dropping(first))
    second = worlds.get_or_create(ALICE)

    assert (before, first in worlds, second in worlds) == (True, False, True)


def test_a_world_has_the_requested_rate_limit_or_the_servers() -> None:
    worlds = new_worlds(Settings(rate_limit=5))

    assert [world.config.rate_limit for world in (worlds.make(), worlds.make(rate_limit=9))] == [
        5,
        9,
    ]


def test_worlds_do_not_affect_each_other() -> None:
    worlds = new_worlds(Settings(clock=show_instant(NOON)))
    alice, bob = worlds.get_or_create(ALICE), worlds.get_or_create(BOB)
    before = snapshot(bob)
    alice.limiter.take(NOON)
    alice.clock.reach(type(NOON)(NOON + HOUR))

    assert snapshot(bob) == before


def test_the_home_world_keeps_its_secret_when_another_world_is_restored_into_it() -> None:
    """It is documented as a constant."""
    worlds = new_worlds()
    other = worlds.make("sk_test_other")
    kept = snapshot(other)
    home = finish(restoring(kept, api_key=DEFAULT_API_KEY, made_at=NOON, context=worlds.context))
    worlds.put(home)
    assert (
        worlds.get_or_create(DEFAULT_API_KEY).config.webhook_secret
        == DEFAULT_WEBHOOK_SECRET
        != other.config.webhook_secret
    )


def test_a_world_is_not_found_until_it_is_ready() -> None:
    """If another is made of its key meanwhile, that one stays."""
    many = scenario_of("given: {generate: {payments: 600}}")
    worlds = new_worlds()
    making = worlds.making(ALICE, scenarios=[many])
    next(making)
    before = keys_of(worlds)
    other = worlds.make(ALICE)
    with pytest.raises(InvalidRequest, match="has no world yet"):
        list(making)

    assert before == [DEFAULT_API_KEY]
    assert worlds.get_or_create(ALICE) is other


def test_a_repeated_drop_renews_the_age_of_its_reason() -> None:
    """The oldest reasons are forgotten first."""
    worlds = new_worlds(Settings(max_worlds=2))
    worlds.get_or_create(ALICE)
    for number in range(DROP_REASONS_KEPT - 1):
        worlds.get_or_create(f"sk_test_{number}")
    worlds.get_or_create(ALICE)
    for number in range(2):
        worlds.get_or_create(f"sk_test_again_{number}")

    assert worlds.restart_reason(ALICE) == said("the longest idle of 2 worlds (--max-worlds)")
    assert worlds.restart_reason("sk_test_0") is None


class Share(NamedTuple):
    """The keys that one of several processes owns, and the calls it got."""

    owned: frozenset[str]
    told: list[str]

    def owns(self, api_key: str) -> bool:
        """Whether this process owns the key."""
        return api_key in self.owned

    def accept_drawn(self, api_key: str) -> bool:
        """Whether this process may draw the key."""
        return self.owns(api_key)

    def made(self, api_key: str) -> None:
        """Record it."""
        self.told.append(f"+{api_key}")

    def dropped(self, api_key: str) -> None:
        """Record it."""
        self.told.append(f"-{api_key}")


def test_a_world_is_made_only_by_the_process_that_owns_its_key() -> None:
    """On first use and by hand; changes are reported in their order."""
    worlds, share = new_worlds(), Share(frozenset({ALICE, CAROL}), [])
    worlds.share(share)
    worlds.get_or_create(ALICE)
    with pytest.raises(NotOwned, match=BOB):
        worlds.get_or_create(BOB)
    with pytest.raises(NotOwned, match=BOB):
        worlds.make(BOB)
    worlds.make(CAROL)
    finish(worlds.dropping(worlds.get_or_create(ALICE)))
    kept = snapshot(worlds.get_or_create(CAROL))
    worlds.put(finish(restoring(kept, api_key=ALICE, made_at=NOON, context=worlds.context)))
    assert share.told == [f"+{ALICE}", f"+{CAROL}", f"-{ALICE}", f"+{ALICE}"]


def test_the_home_world_is_in_the_process_that_owns_its_key() -> None:
    """The others have a copy outside of their worlds."""
    own, other = new_worlds(), new_worlds()
    own.share(share := Share(frozenset({DEFAULT_API_KEY}), []))
    other.share(Share(frozenset({ALICE}), []))
    assert (keys_of(own), share.told) == ([DEFAULT_API_KEY], [f"+{DEFAULT_API_KEY}"])
    assert own.home is own.get_or_create(DEFAULT_API_KEY)
    assert keys_of(other) == []
    assert (other.home.config.api_key, other.home in other) == (DEFAULT_API_KEY, False)
    finish(own.dropping(own.home))
    assert own.home in own


def test_generated_keys_are_those_that_the_process_owns() -> None:
    """What one process skips is drawn by another with the same seed."""
    worlds, shared = new_worlds(Settings(seed=7)), new_worlds(Settings(seed=7))
    drawn = [worlds.make().config.api_key for _ in range(4)]
    shared.share(Share(frozenset(drawn[1::2]), []))
    assert [shared.make().config.api_key for _ in range(2)] == drawn[1::2]


def test_a_lost_world_that_is_made_again_says_that_it_was_lost() -> None:
    worlds = new_worlds()
    worlds.record_loss(ALICE, "lost with the process that had it")
    worlds.get_or_create(ALICE)
    expected = "An earlier world of this key was lost with the process that had it."
    assert (worlds.restart_reason(ALICE), worlds.restart_reason(BOB)) == (expected, None)


def test_letting_go_of_a_world_removes_it_without_reporting_a_drop() -> None:
    """A newer world of the same key stays."""
    gone = Gone()
    worlds = new_worlds(on_drop=gone)
    first = worlds.get_or_create(ALICE)
    worlds.release(first)
    assert worlds.get(ALICE) is None
    second = worlds.get_or_create(ALICE)
    worlds.release(first)
    assert (worlds.get(ALICE), gone) == (second, [])
