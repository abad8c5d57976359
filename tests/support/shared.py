"""Owns two servers that share an address: one owns few keys, the other all the rest."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from payments_sandbox.cluster import membership, node
from payments_sandbox.cluster.mailbox import Mailbox, open_mailbox
from payments_sandbox.cluster.membership import Membership
from payments_sandbox.cluster.places import Here, Member, Place, Sibling, UnreachableError
from payments_sandbox.cluster.runtime import NodeRuntime
from payments_sandbox.cluster.server import SharedServer
from payments_sandbox.cluster.serving import ClusterOptions, serving, settings_of_node
from payments_sandbox.core.settings import Settings
from payments_sandbox.rules.model import CardRule
from payments_sandbox.server.control.questions import answer
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.server.http_server import listening
from payments_sandbox.server.listening.listeners import ListeningAt
from tests.support.nodes import RENEW_EVERY
from tests.support.redis_server import running_redis
from tests.support.sockets import RunningServer, running_server, with_card_rules

FRONT: Final = "sk_test_front"
"""The prefix of the keys that the server in front owns."""

_FRONT: Final = 0
_OWNER: Final = 1


class Way(StrEnum):
    """How a connection reaches the owner."""

    PASSED = "passed"
    RELAYED = "relayed"
    NODES = "between nodes"


@dataclass(frozen=True, slots=True)
class FixedDirectory:
    """A directory in which keys with a prefix are here, and all others in one other place."""

    others: Place
    own: str | None = None

    def place_of(self, key: str) -> Place | None:
        """Return the known place of a key, or None for some keys."""
        return None if key.endswith("_unknown") else self._place(key)

    async def claim(self, key: str) -> Place:
        """Return the place of a key."""
        return self._place(key)

    def unreachable(self, node: Member, error: UnreachableError) -> None:
        """Do nothing: places never change."""
        logging.getLogger(__name__).warning("%s: %s", node.name, error)

    def owns(self, api_key: str) -> bool:
        """Return whether a key is here."""
        return self._place(api_key) == Here()

    def accept_drawn(self, api_key: str) -> bool:
        """Return whether a generated key is here."""
        return self.owns(api_key)

    def made(self, api_key: str) -> None:
        """Do nothing."""

    def dropped(self, api_key: str) -> None:
        """Do nothing."""

    def _place(self, key: str) -> Place:
        return Here() if self.own is not None and key.startswith(self.own) else self.others


@dataclass(frozen=True, slots=True)
class SharingServers:
    """The two servers: clients use the one in front, and tests inspect the owner."""

    front: RunningServer
    owner: RunningServer


@contextmanager
def sharing_servers(
    way: Way,
    *,
    owners_port: int | None = None,
    **options: Any,  # noqa: ANN401 - as for `running_server`
) -> Iterator[SharingServers]:
    """Run two servers on free ports, each in its own thread, until the block ends.

    Args:
        way: how connections reach the owner.
        owners_port: the port at which the server in front looks for the owner, if not the real one.
        options: options of `running_server`.
    """
    if way is Way.NODES:
        with _sharing_nodes(**options) as nodes:
            yield nodes
        return
    boxes = [open_mailbox(), open_mailbox()]
    with ExitStack() as stack:
        for box in boxes:
            stack.callback(box.reader.close)
            stack.callback(box.writer.close)
        owning = FixedDirectory(Here(), None)
        owner = stack.enter_context(
            running_server(listens=_listens(_OWNER, owning, boxes), **options)
        )
        target = urlsplit(owner.address)
        assert target.hostname is not None
        assert target.port is not None
        node = Member("owner", target.hostname, owners_port or target.port)
        directory = FixedDirectory(Sibling(_OWNER) if way is Way.PASSED else node, FRONT)
        front = stack.enter_context(
            running_server(listens=_listens(_FRONT, directory, boxes), **options)
        )
        yield SharingServers(front, owner)


@contextmanager
def _sharing_nodes(
    *,
    settings: Settings,
    rules: Iterable[CardRule] = (),
    **options: Any,  # noqa: ANN401 - as for `running_server`
) -> Iterator[SharingServers]:
    """Run two nodes of a cluster; only the choice of the owner of a key is replaced."""
    with ExitStack() as stack:
        at = ClusterOptions(stack.enter_context(running_redis()).url, waits_for_replies=False)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(node, "ANNOUNCE", 0)
        patch.setattr(node, "LINGER", 0)
        patch.setattr(membership, "RENEW_EVERY", RENEW_EVERY)
        start = partial(
            running_server,
            settings,
            assembling=partial(_assembled_node, rules=rules),
            listens=partial(serving, settings=settings, options=at),
            **options,
        )
        owner, front = stack.enter_context(start()), stack.enter_context(start())
        names = [_name(each) for each in (owner, front)]
        patch.setattr(Membership, "first_for", lambda _, key: names[key.startswith(FRONT)])
        yield SharingServers(front, owner)


def _assembled_node(settings: Settings, rules: Iterable[CardRule]) -> AssembledServer:
    sandbox = assemble(settings_of_node(settings), runtime_type=NodeRuntime)
    return with_card_rules(sandbox, rules)


def _name(server: RunningServer) -> str:
    runtime = server.sandbox.runtime
    assert isinstance(runtime, NodeRuntime)
    return runtime.membership.member.name


def _listens(
    own: int, directory: FixedDirectory, boxes: Sequence[Mailbox]
) -> Callable[[AssembledServer], AbstractAsyncContextManager[ListeningAt]]:
    @asynccontextmanager
    async def listens(sandbox: AssembledServer) -> AsyncIterator[ListeningAt]:
        sandbox.runtime.worlds.share(directory)
        siblings = {index: box.writer for index, box in enumerate(boxes) if index != own}
        server = SharedServer(
            sandbox.handler,
            sandbox.settings.body_timeout,
            directory,
            siblings,
            partial(answer, sandbox.runtime),
        )
        sandbox.runtime.elsewhere = server
        async with (
            server.receiving(boxes[own].reader),
            listening(sandbox, http_server=server) as at,
        ):
            yield at

    return listens
