"""Owns the worlds by API key: made at the first use or by hand, dropped if idle or too many."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypedDict, Unpack

from payments_sandbox.core.errors import InvalidApiKey, InvalidRequest, NotFound
from payments_sandbox.core.ids import (
    API_KEY,
    DEFAULT_API_KEY,
    SEEDS,
    IdSequence,
    derived_seed,
    webhook_secret,
)
from payments_sandbox.core.instants import Instant, read_instant, show_duration
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import Slices, finish
from payments_sandbox.world.config import (
    DEFAULT_WEBHOOK_SECRET,
    ServerContext,
    WorldConfig,
    world_name,
)
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from payments_sandbox.rules.scenario import Scenario

DROP_REASONS_KEPT: Final = 1_000


class WorldWishes(TypedDict, total=False):
    """The keywords of `Worlds.making`, which describe a new world."""

    name: str | None
    seed: int | None
    clock: Instant | str | None
    rate_limit: int | None
    scenarios: "Sequence[Scenario]"


class Activate(Protocol):
    """A function that makes exactly these scenarios active in a world."""

    def __call__(
        self, world: World, scenarios: "Sequence[Scenario]", *, is_clock_given: bool
    ) -> Slices[None]:
        """Activate them, and end all others; raises InvalidRequest if they conflict."""


class Ownership(Protocol):
    """Decides which keys belong to this process, if several share them, and is told of worlds."""

    def owns(self, api_key: str) -> bool:
        """Whether the world of a key belongs to this process."""

    def accept_drawn(self, api_key: str) -> bool:
        """Accept a key that was drawn for a new world, or return False if it is not ours."""

    def made(self, api_key: str) -> None:
        """Note that a world was made for a key."""

    def dropped(self, api_key: str) -> None:
        """Note that the world of a key was dropped."""


class NotOwned(Exception):
    """A world cannot be made here because its key belongs to another process.

    Attributes:
        api_key: the key.
    """

    def __init__(self, api_key: str) -> None:
        super().__init__(f"the world of {api_key} belongs to another process")
        self.api_key = api_key


class Worlds:
    """Worlds by key, least recently used first."""

    def __init__(
        self,
        settings: Settings,
        *,
        context: ServerContext,
        entropy: Callable[[], int],
        on_drop: Callable[[World, str], None],
        activate: Activate,
    ) -> None:
        self._settings = settings
        self._frozen_at = None if settings.clock == "live" else read_instant(settings.clock)
        self.context = context
        self._wall = context.wall
        self._entropy = entropy
        self._on_drop = on_drop
        self._activate = activate
        self._keys = IdSequence("sk_test_", entropy() if settings.seed is None else settings.seed)
        self._made = 0
        self._worlds: OrderedDict[str, World] = OrderedDict()
        self._being_made: dict[str, Slices[World]] = {}
        self._drop_reasons: OrderedDict[str, str] = OrderedDict()
        self._ownership: Ownership | None = None
        self._unlisted_home: World | None = None
        self.make(DEFAULT_API_KEY)

    @property
    def home(self) -> World:
        """The home world; if another process owns it, a similar one that no request can reach."""
        return self._unlisted_home or self.get_or_create(DEFAULT_API_KEY)

    def share(self, ownership: Ownership) -> None:
        """Keep only worlds of this process's keys from now on; call it before any request."""
        self._ownership = ownership
        for key in list(self._worlds):
            if ownership.owns(key):
                ownership.made(key)
            else:
                self._unlisted_home = self._worlds.pop(key)

    def record_loss(self, api_key: str, reason: str) -> None:
        """Remember that the world of a key was lost; the reason follows the word "was"."""
        self._drop_reasons[api_key] = reason

    def begin_keys_at(self, number: int) -> None:
        """Let drawn keys begin with the nth, so that servers of the same seed can draw others."""
        self._made = number

    def __len__(self) -> int:
        return len(self._worlds)

    def __contains__(self, world: World) -> bool:
        return self._worlds.get(world.config.api_key) is world

    def __iter__(self) -> Iterator[World]:
        return iter(list(self._worlds.values()))

    def get_or_create(self, api_key: str) -> World:
        """Return the world of a key, and make it if it is new and that is allowed.

        Raises:
            InvalidApiKey: the key is malformed, or unknown with --strict-keys.
        """
        world = self._worlds.get(api_key)
        if world is None:
            return finish(self.getting(api_key))
        self._worlds.move_to_end(api_key)
        world.used_at = self._wall()
        return world

    def getting(self, api_key: str) -> Slices[World]:
        """Return the world of a key, and make it in slices if it is new.

        Callers that ask for the same key meanwhile continue the same work, so it is made once.

        Raises:
            InvalidApiKey: as `get_or_create`.
            InvalidRequest: the scenarios of the server conflict.
        """
        while api_key not in self._worlds:
            self._check_key(api_key)
            work = self._being_made.get(api_key)
            if work is None:
                work = self._being_made[api_key] = self.making(api_key)
            try:
                next(work)
            except StopIteration:
                continue
            except Exception:
                del self._being_made[api_key]  # the next caller starts again
                raise
            yield
        self._being_made.pop(api_key, None)  # it is finished, or POST worlds has made another
        return self.get_or_create(api_key)

    def get(self, api_key: str) -> World | None:
        """The world of a key, or None; this does not count as use."""
        return self._worlds.get(api_key)

    def release(self, world: World) -> None:
        """Remove a world silently: it continues elsewhere, or is made again on demand."""
        if world in self:
            del self._worlds[world.config.api_key]

    def find(self, api_key: str) -> World:
        """Return the world of a key, without making one.

        Raises:
            InvalidApiKey: the key is malformed, or unknown with --strict-keys.
            NotFound: it has no world.
        """
        if api_key not in self._worlds:
            self._check_key(api_key)
            drop_reason = self._drop_reasons.get(api_key)
            why = (
                f"The world of this key was {drop_reason}"
                if drop_reason
                else "No world has this key"
            )
            raise NotFound(
                "not_found",
                f"{why}, so there is nothing to show. A call with this key creates one, and so"
                " does POST /_sandbox/worlds.",
            )
        return self.get_or_create(api_key)

    def making(  # noqa: PLR0913 - each by its name
        self,
        api_key: str | None = None,
        *,
        name: str | None = None,
        seed: int | None = None,
        clock: Instant | str | None = None,
        rate_limit: int | None = None,
        scenarios: "Sequence[Scenario]" = (),
    ) -> Slices[World]:
        """Make a new world, in slices; nobody can find it before it is ready.

        Args:
            api_key: its key; None draws one.
            name: its name in reports and logs.
            seed: the seed of ids and draws; None derives one from the server's seed and the key.
            clock: an instant at which its clock stands still, or "live"; None uses the server's.
            rate_limit: how many requests a window has; None uses the server's.
            scenarios: the scenarios that are active from the start, after those of the server.

        Raises:
            InvalidRequest: the key has a world already, or the scenarios conflict.
            NotOwned: the key belongs to another process.
        """
        key = self._draw_key() if api_key is None else api_key
        self._check_new(key)
        self.sweep(room_for=1)
        seed = self._seed_of(key) if seed is None else seed
        frozen_at = self._frozen_at
        if clock is not None:
            frozen_at = None if isinstance(clock, str) else clock
        secret = DEFAULT_WEBHOOK_SECRET if key == DEFAULT_API_KEY else webhook_secret(seed)
        limit = self._settings.rate_limit if rate_limit is None else rate_limit
        config = WorldConfig(
            key, seed, secret, frozen_at, limit, self._wall(), name and world_name(name)
        )
        world = World(config, self.context)
        if scenarios or self.context.scenarios:
            together = [*self.context.scenarios, *scenarios]
            yield from self._activate(world, together, is_clock_given=clock is not None)
            self._check_new(key)  # another caller may have made one meanwhile
        self._add(world)
        return world

    def make(self, api_key: str | None = None, **wishes: Unpack[WorldWishes]) -> World:
        """Make a new world at once; see `making`."""
        return finish(self.making(api_key, **wishes))

    def _add(self, world: World) -> None:
        self._worlds[world.config.api_key] = world
        if self._ownership is not None:
            self._ownership.made(world.config.api_key)

    def _check_new(self, key: str) -> None:
        if self._ownership is not None and not self._ownership.owns(key):
            raise NotOwned(key)
        if key in self._worlds:
            raise InvalidRequest(
                "/api_key: expected a key that has no world yet;"
                " DELETE /_sandbox/world with this key drops its current world."
            )

    def put(self, world: World) -> None:
        """Add a restored world, replacing the world of its key."""
        if (before := self._worlds.get(world.config.api_key)) is not None:
            self._on_drop(before, "restored from a snapshot")
        if world.config.api_key == DEFAULT_API_KEY:
            world.config = world.config._replace(webhook_secret=DEFAULT_WEBHOOK_SECRET)
        self._add(world)

    def dropping(self, world: World) -> Slices[None]:
        """Drop a world; the home world is made again, in slices."""
        self._drop(world.config.api_key, "dropped by DELETE world")
        self._drop_reasons.pop(world.config.api_key, None)
        if world.config.api_key == DEFAULT_API_KEY:
            yield from self.getting(DEFAULT_API_KEY)

    def sweep(self, *, room_for: int = 0) -> None:
        """Drop worlds that are idle for too long, and the least recently used above the limit."""
        ttl, most = self._settings.world_ttl, self._settings.max_worlds
        oldest = self._wall() - ttl
        idle = f"idle for {show_duration(ttl)} (--world-ttl)"
        crowded = f"the longest idle of {most} worlds (--max-worlds)"
        while (world := self._longest_idle()) is not None:
            if world.used_at <= oldest:
                self._drop(world.config.api_key, idle)
            elif len(self._worlds) + room_for > most:
                self._drop(world.config.api_key, crowded)
            else:
                break

    def restart_reason(self, api_key: str) -> str | None:
        """A sentence that says why an earlier world of this key was dropped, or None."""
        drop_reason = self._drop_reasons.get(api_key)
        return f"An earlier world of this key was {drop_reason}." if drop_reason else None

    def _longest_idle(self) -> World | None:
        return next((world for key, world in self._worlds.items() if key != DEFAULT_API_KEY), None)

    def _check_key(self, api_key: str) -> None:
        """Check that a key without a world may get one."""
        if not API_KEY.fullmatch(api_key):
            raise InvalidApiKey(
                "A sandbox key is sk_test_ followed by 1 to 64 letters, digits, '-' or '_',"
                " as in 'Authorization: Bearer sk_test_sandbox'."
            )
        if self._settings.strict_keys and api_key != DEFAULT_API_KEY:
            drop_reason = self._drop_reasons.get(api_key)
            reason = (
                f"Its world was {drop_reason}."
                if drop_reason
                else "No world has this key (--strict-keys)."
            )
            raise InvalidApiKey(f"{reason} POST /_sandbox/worlds creates one.")

    def _drop(self, key: str, reason: str) -> None:
        self._drop_reasons.pop(key, None)
        self._drop_reasons[key] = reason
        if len(self._drop_reasons) > DROP_REASONS_KEPT:
            self._drop_reasons.popitem(last=False)
        if self._ownership is not None:
            self._ownership.dropped(key)
        self._on_drop(self._worlds.pop(key), reason)

    def _seed_of(self, api_key: str) -> int:
        if self._settings.seed is None:
            return self._entropy() % SEEDS
        return derived_seed(self._settings.seed, api_key)

    def _draw_key(self) -> str:
        while True:
            key = self._keys.nth(self._made)
            self._made += 1
            is_ours = self._ownership is None or self._ownership.accept_drawn(key)
            if is_ours and key not in self._worlds:
                return key
