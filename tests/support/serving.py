"""Owns a sandbox in a thread, on a real socket, for clients that block."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from payments_sandbox.core.settings import Settings
from payments_sandbox.rules.magic_cards import CARD_RULES
from payments_sandbox.rules.model import CardRule
from payments_sandbox.rules.rule_engine import index_card_rules
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.server.http_server import listening
from payments_sandbox.world.registry import DEFAULT_API_KEY


@dataclass(frozen=True, slots=True)
class Serving:
    """A sandbox that listens; touch its worlds only when no request is under way."""

    address: str
    sandbox: AssembledServer

    @property
    def base_url(self) -> str:
        """Where the emulated API is."""
        return f"{self.address}/v3"


def ruled(sandbox: AssembledServer, rules: Iterable[CardRule]) -> AssembledServer:
    """The sandbox, whose worlds hold to these rules beside those of the magic cards."""
    worlds = sandbox.runtime.worlds
    worlds.context = worlds.context._replace(card_rules=index_card_rules([*CARD_RULES, *rules]))
    worlds.drop(worlds.get_or_create(DEFAULT_API_KEY))  # it starts again at once
    return sandbox


@contextlib.contextmanager
def serving(
    settings: Settings | None = None,
    *,
    rules: Iterable[CardRule] = (),
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Iterator[Serving]:
    """Serve on a free port until the block ends; `rules` are as for `ruled`."""
    sandbox = assemble(settings or Settings(port=0, max_wall_delay=100))
    if rules:
        ruled(sandbox, rules)
    ready = threading.Event()
    shared: dict[str, object] = {}

    async def serve() -> None:
        stop = asyncio.Event()
        async with listening(sandbox) as address:
            shared.update(address=address, loop=asyncio.get_running_loop(), stop=stop)
            ready.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10), "the sandbox did not start"
    loop, stop = shared["loop"], shared["stop"]
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert isinstance(stop, asyncio.Event)
    try:
        yield Serving(str(shared["address"]), sandbox)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        assert not thread.is_alive(), "the sandbox did not stop"
