"""Owns `serve --cluster`: how a server that is a node of a cluster is put together."""

import argparse
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, TextIO

from payments_sandbox.cli.failure import MISTAKEN
from payments_sandbox.cli.options import refuse
from payments_sandbox.cli.processes.server_process import (
    CannotServeError,
    ListeningServer,
    assemble_server,
    served,
)
from payments_sandbox.cli.server_options import check_installed, is_loopback, read_settings

if TYPE_CHECKING:
    from payments_sandbox.server.listening.listeners import ListeningAt

CLUSTER: Final = "--cluster"


def node_of(arguments: argparse.Namespace, *, log_to: TextIO | None) -> ListeningServer:
    """Put together a server that is a node; use it like that of `server_of`."""
    _check(arguments)
    from payments_sandbox.cluster.runtime import NodeRuntime
    from payments_sandbox.cluster.serving import (
        CannotJoinError,
        ClusterOptions,
        serving,
        settings_of_node,
    )

    settings = read_settings(arguments)
    own = settings_of_node(settings)
    sandbox = assemble_server(arguments, own, log_to=log_to, runtime_type=NodeRuntime)
    waits = arguments.durability == "reply"
    options = ClusterOptions(arguments.cluster, waits, arguments.advertise)

    @contextlib.asynccontextmanager
    async def listens() -> "AsyncIterator[ListeningAt]":
        try:
            async with serving(sandbox, settings, options) as at:
                yield at
        except CannotJoinError as error:
            raise CannotServeError(f"{CLUSTER}: {error}", MISTAKEN) from None

    return served(arguments, sandbox, listens())


def _check(arguments: argparse.Namespace) -> None:
    """Reject options that cannot be combined with a cluster."""
    if arguments.workers > 1:
        refuse(arguments, CLUSTER, "not allowed with --workers; start a node for each core")
    if arguments.tls is not None:
        problem = "not allowed with --tls: encrypted connections cannot be passed to another node"
        refuse(arguments, CLUSTER, problem)
    if arguments.state is not None:
        refuse(arguments, CLUSTER, "not allowed with --state: the cluster keeps the worlds")
    check_installed(arguments, CLUSTER, "redis", extra="cluster")
    if arguments.control_token is None and not is_loopback(arguments.host):
        problem = "requires --control-token, the same for all nodes, if --host is not loopback"
        refuse(arguments, CLUSTER, problem)
