"""Owns the filling of a world with payments of the past, in slices, wholly or not at all.

They are made beside the world, and take their place in it at the end. In a world that is used they
come before all that it has, so that payments and events stay in the order of time.
"""

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import LAST, Instant
from payments_sandbox.core.slices import Slices
from payments_sandbox.rules.scenario import Generated
from payments_sandbox.scenarios.generated_payments import generate_history
from payments_sandbox.scenarios.initial_state import fill_ledger
from payments_sandbox.world.world import World


def fill_world(world: World, wanted: Generated, seed: int | None = None) -> Slices[None]:
    """Fill a world, in slices; until it is full, it stays as it is.

    The payments are those that `given: {generate: …}` of a scenario makes of the same numbers. They
    are spread over the time before the world's now, or before what it has, if that is earlier.

    Args:
        world: gets them, and nobody is told of their events.
        wanted: how many.
        seed: what they are drawn from; the world's unless told otherwise.

    Raises:
        InvalidRequest: it gets others meanwhile that are older, or its clock is set back.
    """
    yield  # whoever asks first has just imported the tables of names
    lowest, earliest = begin = _begin_of(world)
    is_empty = earliest == LAST
    until = min(world.clock.now(), earliest)
    payments = generate_history(world.config.seed if seed is None else seed, wanted, until)
    past = yield from fill_ledger(world, payments, 0 if is_empty else lowest - wanted.payments)
    if _begin_of(world) != begin or world.clock.now() < until:
        raise InvalidRequest("/: the world was reset, filled or first used meanwhile; try again.")
    if is_empty:
        world.replace_ledger(past)
    else:
        world.ledger.put_before(past)


def _begin_of(world: World) -> tuple[int, Instant]:
    """The number that a world begins with, and when."""
    return world.ledger.event_numbers.start, world.ledger.earliest
