"""Owns `payments-sandbox serve`: it runs the server until it is told to stop."""

import argparse
import asyncio
import contextlib
import errno
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox import __version__
from sandbox.cli.options import Commands, Options
from sandbox.cli.server_options import add_server_options, settings_of
from sandbox.settings import Settings

if TYPE_CHECKING:
    from sandbox.bootstrap import Sandbox

EXAMPLES: Final = """\
examples:
  payments-sandbox serve
      http://127.0.0.1:8080/v3, and the key is sk_test_sandbox
  payments-sandbox serve --port 0 --ready-file ready.json
      a free port, for scripts
  payments-sandbox serve --clock 2030-01-15T09:00:00Z --seed 7
      the same run every time
  payments-sandbox serve --rate-limit 20
      see how your client takes a 429"""


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        help="run the server",
        usage="payments-sandbox serve [options]",
        description=f"Run the server until SIGTERM or SIGINT.\n\n{EXAMPLES}",
        epilog="Every option can come from the environment: --rate-limit is"
        " PAYMENTS_SANDBOX_RATE_LIMIT.\nA list is separated by commas there.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    options = Options(parser)
    add_server_options(options)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Serve; returns 0 after a signal, 1 when it could not, 2 when its state is none."""
    settings = settings_of(chosen)
    is_terminal = sys.stdout.isatty()
    gc.disable()  # nothing that is imported from here on is garbage
    serving = _serve(settings, chosen.ready_file, chosen.state, log=chosen.log or is_terminal)
    gc.freeze()
    gc.enable()
    try:
        _run(serving)
    except UnusableStateError as error:
        sys.stderr.write(f"payments-sandbox: {error}.\n")
        return 2
    except UnwritableError as error:
        sys.stderr.write(f"payments-sandbox: {error}.\n")
        return 1
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = "; --port 0 picks a free one" if error.errno == errno.EADDRINUSE else ""
        address = f"{settings.host}:{settings.port}"
        sys.stderr.write(f"payments-sandbox: cannot listen on {address}: {reason}{hint}.\n")
        return 1
    return 0


class UnwritableError(Exception):
    """A file cannot be written; the text names it and says why."""


class UnusableStateError(Exception):
    """The file of `--state` is not the state of a server; the text names it and says why."""


def _serve(
    settings: Settings, ready_file: Path | None, state: Path | None, *, log: bool
) -> Coroutine[Any, Any, None]:
    """The coroutine that serves; what is heavy is imported here, and only by this command."""
    with _no_certificates():
        from sandbox.bootstrap import assemble
        from sandbox.web.server import listening

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    sandbox = assemble(settings, _say if log else None)

    async def serve() -> None:
        told_to_stop = asyncio.Event()
        _on_signals(told_to_stop.set)
        async with _kept(state, sandbox):
            with _no_ready_file(ready_file):
                async with listening(sandbox.site, sandbox.parts) as address:
                    _announce(settings, _reachable(address), ready_file)
                    await told_to_stop.wait()

    return serve()


@contextlib.asynccontextmanager
async def _kept(file: Path | None, sandbox: "Sandbox") -> AsyncIterator[None]:
    """Take over the state of an earlier server, and keep this one's."""
    if file is None:
        yield
        return
    from sandbox.cli.state_file import StateFile
    from sandbox.engine.state import NoStateError

    state = StateFile(file, sandbox)
    try:
        state.load()
    except NoStateError as error:
        raise UnusableStateError(f"cannot use {file}: {error}") from None
    async with state.saving():
        yield
    try:
        state.save()
    except OSError as error:
        raise UnwritableError(f"cannot write {file}: {error.strerror}") from None


@contextlib.contextmanager
def _no_certificates() -> Iterator[None]:
    """While aiohttp is imported it reads the machine's certificates, for clients that we are not.

    That takes longer than all of our own imports. Who calls out has to make a context of its own.
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


def _run(serving: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where the extra `[fast]` has installed it."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        asyncio.run(serving)
        return
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serving)


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))


def _reachable(address: str) -> str:
    """An address that a client on this machine can use: a wildcard is none."""
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _announce(settings: Settings, address: str, ready_file: Path | None) -> None:
    from sandbox.engine.worlds import HOME_KEY, HOME_SECRET

    facts: dict[str, object] = {
        "base_url": f"{address}/v3",
        "sandbox_url": f"{address}/_sandbox",
        "api_key": HOME_KEY,
        "webhook_secret": HOME_SECRET,
        "pid": os.getpid(),
        "version": __version__,
    }
    if settings.control_token is not None:
        facts["control_token"] = settings.control_token
    if ready_file is not None:
        _write_whole(ready_file, json.dumps(facts) + "\n")
    _say(_in_prose(facts) if sys.stdout.isatty() else json.dumps({"ready": True} | facts))


def _in_prose(facts: dict[str, object]) -> str:
    token = facts.get("control_token")
    return "\n".join(
        (
            f"payments-sandbox {facts['version']} is ready.",
            f"  base URL        {facts['base_url']}",
            f"  API key         {facts['api_key']}  (any sk_test_… key gets a world of its own)",
            f"  webhook secret  {facts['webhook_secret']}",
            f"  control API     {facts['sandbox_url']}",
            *([f"  control token   {token}  (send it as Sandbox-Token)"] if token else []),
            "  Ctrl-C stops it. `payments-sandbox cards` lists the magic cards.",
        )
    )


@contextlib.contextmanager
def _no_ready_file(file: Path | None) -> Iterator[None]:
    """Nobody finds the ready file of an earlier server, nor that of one that has stopped."""
    if file is not None:
        file.unlink(missing_ok=True)
    try:
        yield
    finally:
        if file is not None:
            file.unlink(missing_ok=True)


def _write_whole(file: Path, text: str) -> None:
    """Write beside, then replace: a reader sees all of it or none."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise UnwritableError(f"cannot write {file}: {error.strerror}") from None


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it, or the disk is full: no client's fault
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
