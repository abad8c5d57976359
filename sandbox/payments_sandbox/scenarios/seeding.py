"""Owns the filling of a world with payments of the past, in slices, wholly or not at all."""

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.slices import Slices
from payments_sandbox.rules.scenario import Generated
from payments_sandbox.scenarios.generated_payments import generate_history
from payments_sandbox.scenarios.initial_state import fill_ledger
from payments_sandbox.world.world import World


def fill_world(world: World, wanted: Generated, seed: int | None = None) -> Slices[None]:
    """Fill a world, with a breath after each slice; until it is full, it stays as it is.

    The payments are those that `given: {generate: …}` of a scenario makes of the same numbers. They
    are made beside the world, and take their place in it at the end.

    Args:
        world: without payments and events, which are kept in the order of time.
        wanted: how many.
        seed: what they are drawn from; the world's unless told otherwise.

    Raises:
        InvalidRequest: it has some, or gets some meanwhile, or its clock is set back.
    """
    _check_empty(world)
    yield  # whoever asks first has just imported the tables of names
    now = world.clock.now()
    payments = generate_history(world.config.seed if seed is None else seed, wanted, now)
    ledger = yield from fill_ledger(world, payments)
    _check_empty(world)
    if world.clock.now() < now:
        raise InvalidRequest("/: the clock was reset meanwhile, to before the payments; try again.")
    world.replace_ledger(ledger)


def _check_empty(world: World) -> None:
    if len(world.ledger.payments) or world.ledger.events:
        raise InvalidRequest(
            "/: expected a world without payments and events, for these are older, and all are kept"
            ' in the order of time; POST /_sandbox/world/reset {"only": ["payments"]} empties it.'
        )
