"""Owns a server that runs in this process: how it is put together, and which files it writes."""

import argparse
import asyncio
import contextlib
import errno
import gc
import json
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TextIO

from payments_sandbox import __version__
from payments_sandbox.cli.failure import MISTAKEN, CommandFailedError
from payments_sandbox.cli.output_files import UnwritableError, forget, write_whole
from payments_sandbox.cli.processes.signals import ignore_signals
from payments_sandbox.cli.server_options import read_settings
from payments_sandbox.cli.terminal.standard_streams import remark, try_to_print
from payments_sandbox.core.output_files import is_pipe
from payments_sandbox.core.settings import Settings

if TYPE_CHECKING:
    from payments_sandbox.cli.state_file import StateFile
    from payments_sandbox.server.factory import AssembledServer
    from payments_sandbox.server.listening.listeners import ListeningAt
    from payments_sandbox.server.log.request_log import RequestLog
    from payments_sandbox.server.world_runtime import WorldRuntime

Facts = dict[str, object]
"""The facts about a server: `base_url`, `sandbox_url`, `api_key`, `webhook_secret`, `pid`,
`version`; `control_token` if it requires one, `ca_file` and `ca_bundle` if clients have to trust an
authority, `tls_faults` and `unix_socket` if they were asked for."""


LOOK_FOR_READER_EVERY: Final = 0.1
"""Seconds between two attempts to write a ready file that is a pipe without a reader."""


class Listening(NamedTuple):
    """A server that listens; use its worlds only in the loop that it runs in."""

    facts: Facts
    runtime: "WorldRuntime"
    log: "RequestLog"


ListeningServer = AbstractAsyncContextManager[Listening]
"""A server that listens while the context is entered."""


class CannotServeError(CommandFailedError):
    """There will be no server, or its state cannot be stored; the text gives the reason."""


def server_of(
    arguments: argparse.Namespace, *, log_to: TextIO | None, level: int = logging.INFO
) -> ListeningServer:
    """Put together a server for this process.

    Entering and leaving it may raise CannotServeError, or UnwritableError for the ready file.

    Args:
        arguments: the options of a server.
        log_to: the stream for the log of requests and webhooks; None for no log.
        level: the lowest level that is logged.

    Raises:
        CannotServeError: its scenarios are invalid.
    """
    sandbox = assemble_server(arguments, read_settings(arguments), log_to=log_to, level=level)
    from payments_sandbox.server.http_server import listening

    return served(arguments, sandbox, listening(sandbox))


def assemble_server(
    arguments: argparse.Namespace,
    settings: Settings,
    *,
    log_to: TextIO | None,
    level: int = logging.INFO,
    runtime_type: "type[WorldRuntime] | None" = None,
) -> "AssembledServer":
    """Import the modules of a server, and make one that does not listen yet.

    Args:
        arguments: how requests and webhooks are logged.
        settings: of this server.
        log_to: the stream for that log; None for no log.
        level: the lowest level that is logged.
        runtime_type: the type of its runtime, if it is not the usual one.

    Raises:
        CannotServeError: its scenarios are invalid.
    """
    gc.disable()  # nothing that the imports make is garbage
    with no_certificates():
        from payments_sandbox.server.factory import assemble
        from payments_sandbox.server.http_server import listening  # noqa: F401 - it imports aiohttp
        from payments_sandbox.server.world_runtime import WorldRuntime

    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    log = None
    if log_to is not None:
        from payments_sandbox.cli.serve_log import make_log

        log = make_log(arguments, log_to)
    with (
        reporting_scenario_problems("--scenario")
        if settings.scenarios
        else contextlib.nullcontext()
    ):
        sandbox = assemble(settings, log, runtime_type=runtime_type or WorldRuntime)
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)  # a request leaves hundreds of objects, but no cycles
    gc.enable()
    return sandbox


@contextlib.contextmanager
def reporting_scenario_problems(option: str) -> Iterator[None]:
    """Print every problem of the scenarios that are read in the block.

    Raises:
        CannotServeError: there are problems.
    """
    from payments_sandbox.core.errors import InvalidRequest
    from payments_sandbox.scenarios.library import UnknownScenario, WrongScenarios

    try:
        yield
    except WrongScenarios as error:
        try_to_print(str(error), sys.stderr)
        problem = error.summary
    except InvalidRequest as error:
        problem = str(error.details).removeprefix("/: ")
    except UnknownScenario as error:
        problem = str(error)
    except OSError as error:
        problem = f"cannot read {error.filename}: {error.strerror}"
    else:
        return
    raise CannotServeError(f"{option}: {problem}", MISTAKEN)


@contextlib.asynccontextmanager
async def served(
    arguments: argparse.Namespace,
    sandbox: "AssembledServer",
    listens: "AbstractAsyncContextManager[ListeningAt]",
) -> AsyncIterator[Listening]:
    """Listen until the block ends, with the state and the ready file that were asked for."""
    settings = sandbox.settings
    async with _state_of_earlier_server(arguments, sandbox), contextlib.AsyncExitStack() as stack:
        stack.enter_context(no_ready_file(arguments.ready_file))
        if arguments.watch:
            from payments_sandbox.cli.scenario_watcher import watching

            await stack.enter_async_context(watching(sandbox))
        try:
            at = await stack.enter_async_context(listens)
        except OSError as error:
            raise cannot_listen(settings, error) from None
        facts = facts_of(settings, at)
        if at.authority is not None:
            facts |= _authority_files(at.authority, arguments.ready_file, stack)
        ready_file = arguments.ready_file
        if ready_file is not None and not write_ready_file(ready_file, facts):
            from payments_sandbox.server.background import beside

            await stack.enter_async_context(beside(_write_for_reader(ready_file, facts)))
        yield Listening(facts, sandbox.runtime, sandbox.log)


@contextlib.contextmanager
def no_certificates() -> Iterator[None]:
    """Keep aiohttp from reading the machine's certificates while it is imported.

    That takes longer than all of our own imports, and a server does not need them. Code that makes
    TLS connections has to make its own context.
    """
    kept = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    os.environ.update(dict.fromkeys(kept, os.devnull))
    try:
        yield
    finally:
        for name, value in kept.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def run_to_the_end(working: Coroutine[Any, Any, int]) -> int:
    """Run in a loop; once it is done, ignore signals, so that nothing interrupts the exit."""
    return run_loop(_to_the_end(working))


async def _to_the_end(working: Coroutine[Any, Any, int]) -> int:
    try:
        return await working
    finally:
        loop = asyncio.get_running_loop()
        # Between the loop's handlers and ours a signal would end the process. We block it then,
        # but only in this thread, so that the loop's other threads have to end first.
        await loop.shutdown_default_executor()
        ignore_signals(loop)


def run_loop(working: Coroutine[Any, Any, int]) -> int:
    """Run in a loop: on uvloop if the extra `[fast]` has installed it."""
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        from uvloop import new_event_loop

        new_loop = new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:  # outside the handling of ImportError
        return runner.run(working)


@contextlib.asynccontextmanager
async def _state_of_earlier_server(
    arguments: argparse.Namespace, sandbox: "AssembledServer"
) -> AsyncIterator[None]:
    """Load the state of an earlier server, and store this one's."""
    file: Path | None = arguments.state
    if file is None:
        yield
        return
    from payments_sandbox.cli.state_file import StateFile

    state = StateFile(file, sandbox)
    with contextlib.ExitStack() as stack:
        await _reserve_and_load(arguments, state, stack)
        async with state.saving():
            yield
        gc.disable()  # the exit has one second, which collections over all objects would use up
        gc.freeze()
        try:
            state.save()
        except OSError as error:
            raise CannotServeError(f"cannot write {file}: {error.strerror}") from None
    if state.unsaved:
        raise CannotServeError(f"not saved in {file}: {', '.join(state.unsaved)}")


async def _reserve_and_load(
    arguments: argparse.Namespace, state: "StateFile", stack: contextlib.ExitStack
) -> None:
    """Reserve a state until the stack closes, and load it."""
    from payments_sandbox.cli.terminal.progress import progress
    from payments_sandbox.world.state_file import NoStateError

    file: Path = arguments.state
    try:
        stack.enter_context(state.reserved())
        with progress(arguments, f"loading {file.name}", lambda: state.how_far):
            await state.load()
    except NoStateError as error:
        raise CannotServeError(f"cannot use {file}: {error}", MISTAKEN) from None
    except asyncio.CancelledError:
        remark(f"interrupted while loading {file}; it is unchanged")
        raise


def _authority_files(
    authority: bytes, ready_file: Path | None, stack: contextlib.AsyncExitStack
) -> Facts:
    """Write the files with the authority that clients trust; they are removed with the stack."""
    from payments_sandbox.server.listening.certificates import authority_files

    is_file = ready_file is not None and (ready_file.is_file() or not ready_file.exists())
    try:
        files = stack.enter_context(authority_files(authority, ready_file if is_file else None))
    except OSError as error:
        raise CannotServeError(f"cannot write {error.filename}: {error.strerror}") from None
    return {"ca_file": str(files.authority), "ca_bundle": str(files.bundle)}


@contextlib.contextmanager
def no_ready_file(file: Path | None) -> Iterator[None]:
    """Remove the ready file of an earlier server at the start, and this server's at the end."""
    forget(file)
    try:
        yield
    finally:
        with contextlib.suppress(UnwritableError):  # somebody else may have changed it meanwhile
            forget(file)


def write_ready_file(file: Path, facts: Facts) -> bool:
    """Write the ready file; return whether it was written: a pipe needs a reader.

    Raises:
        UnwritableError: the system rejects it.
    """
    try:
        write_whole(file, json.dumps(facts) + "\n")
    except UnwritableError:
        if not is_pipe(file):
            raise
        return False
    return True


async def _write_for_reader(pipe: Path, facts: Facts) -> None:
    from payments_sandbox.server.slices import pause

    while not write_ready_file(pipe, facts):
        await pause(LOOK_FOR_READER_EVERY)


def cannot_listen(settings: Settings, error: OSError) -> CannotServeError:
    """The error for an address that the server cannot listen at, with what would work."""
    if error.filename is not None:  # the path of a unix socket, or a port of TLS
        return CannotServeError(f"cannot listen on {error.filename}: {error.strerror}")
    reason = os.strerror(error.errno) if error.errno else str(error)
    hint = "; --port 0 picks a free one" if error.errno == errno.EADDRINUSE else ""
    if isinstance(error, socket.gaierror):  # its numbers are not the system's
        reason, hint = str(error.strerror), "; --host must be an address or a name of this machine"
    return CannotServeError(f"cannot listen on {settings.host}:{settings.port}: {reason}{hint}")


def _reachable(address: str) -> str:
    """An address that a client on this machine can use; it cannot use a wildcard."""
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def facts_of(settings: Settings, at: "ListeningAt") -> Facts:
    """The facts about a server that listens at an address."""
    from payments_sandbox.core.ids import DEFAULT_API_KEY
    from payments_sandbox.world.config import DEFAULT_WEBHOOK_SECRET

    address = _reachable(at.url)
    facts: Facts = {
        "base_url": f"{address}/v3",
        "sandbox_url": f"{address}/_sandbox",
        "api_key": DEFAULT_API_KEY,
        "webhook_secret": DEFAULT_WEBHOOK_SECRET,
        "pid": os.getpid(),
        "version": __version__,
    }
    if settings.control_token is not None:
        facts["control_token"] = settings.control_token
    if settings.unix is not None:
        facts["unix_socket"] = str(settings.unix.absolute())
    if at.tls_faults:
        urls = {name: f"{_reachable(url)}/v3" for name, url in at.tls_faults.items()}
        facts["tls_faults"] = urls
    return facts
