"""Owns a command's process group: it ends when the run does, however the run ends.

The supervisor is a separate process, because a run that is killed can no longer do anything. What
remains reliable is the kernel: it closes the run's end of the socket between the two, and the
supervisor waits for that. It reports over the socket, one line at a time:

    refused ERRNO     there is no such command, and the supervisor has ended
    started PID       the command runs, and leads the group PID
    ended CODE        its exit code, or minus the signal that ended it

Linux's parent-death signal (PR_SET_PDEATHSIG) cannot replace it. That signal goes to the command
alone, and not to its group: processes that the command has started would be adopted by init and go
on. It is not inherited across a fork either, so only the command could ask for it again. It is also
sent when the thread ends that started the command, and other systems do not have it.

It imports nothing of the package, so that the command starts without delay.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Final

GRACE: Final = 2.0
"""Seconds between SIGTERM and SIGKILL for what is left of the group."""

_LOOK_EVERY: Final = 0.02
"""Seconds between two checks whether the group has ended."""

_PROCESSES: Final = "/proc"
_FOR_THE_RUN: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STDIN: Final = 0


def main(run: int, command: Sequence[str]) -> None:
    """Run the command until the run's end of the socket is closed, then end its group.

    The command gets the standard streams and the environment unchanged, and nothing else.
    """
    os.setpgid(0, 0)  # so that Ctrl-C and signals to the run's own group do not reach us
    for number in _FOR_THE_RUN:
        if (
            signal.getsignal(number) is not signal.SIG_IGN
        ):  # an ignored signal stays ignored, as under nohup, for the command to inherit
            signal.signal(number, _do_nothing)
    home = os.getpgid(os.getppid())
    has_terminal = _foreground() == home
    try:
        child = subprocess.Popen(  # noqa: S603 - it is what the user asks for
            command,
            process_group=0,
            # This process has no other thread that could hold a lock between fork and exec.
            preexec_fn=_take_terminal if has_terminal else None,  # noqa: PLW1509 - see above
        )
    except OSError as error:
        _tell(run, f"refused {error.errno}")
        return
    _tell(run, f"started {child.pid}")

    def wait() -> None:
        code = child.wait()
        if has_terminal:
            _hand_terminal(home)
        _tell(run, f"ended {code}")

    threading.Thread(target=wait, daemon=True).start()
    with suppress(ConnectionError):  # the run was killed with unread data in its socket
        os.read(run, 1)
    end(child.pid)


def end(group: int, grace: float = GRACE) -> None:
    """End what is left of a process group: with SIGTERM, and after `grace` seconds with SIGKILL."""
    never = threading.Event()
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses if all are zombies
        os.killpg(group, signal.SIGTERM)
        os.killpg(group, signal.SIGCONT)  # a suspended process would not handle SIGTERM
        for _ in range(round(grace / _LOOK_EVERY)):
            never.wait(_LOOK_EVERY)
            os.killpg(group, 0)
            if _are_zombies(group):
                return
        os.killpg(group, signal.SIGKILL)


def _are_zombies(group: int) -> bool:
    """Whether all processes of a group have ended, and only wait to be reaped by their new parent.

    That may take forever if the first process of a container does not reap. False if the system
    does not show it as Linux does.
    """
    states: set[bytes] = set()
    with suppress(OSError):
        for name in os.listdir(_PROCESSES):  # noqa: PTH208 - importing pathlib takes too long
            with suppress(OSError, ValueError):  # it is not a process, or has ended
                with open(f"{_PROCESSES}/{int(name)}/stat", "rb") as file:  # noqa: PTH123 - as above
                    state, _parent, its_group, *_ = file.read().rpartition(b")")[2].split()
                if int(its_group) == group:
                    states.add(state)
    return bool(states) and states <= {b"Z", b"X"}


def _tell(run: int, line: str) -> None:
    with suppress(ConnectionError):  # the run has gone
        os.write(run, f"{line}\n".encode())


def _foreground() -> int | None:
    """The process group in the foreground of the terminal, if there is one."""
    try:
        return os.tcgetpgrp(_STDIN)
    except OSError:
        return None


def _take_terminal() -> None:
    """Called in the command before it starts: give its group the terminal, so it gets Ctrl-C alone.

    Ctrl-Z is disabled: it would suspend the command, and nothing would continue it.
    """
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    _hand_terminal(os.getpid())


def _hand_terminal(group: int) -> None:
    """Give the terminal to a group; a process in the background is otherwise stopped for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    with suppress(OSError):  # the terminal or the group has gone
        os.tcsetpgrp(_STDIN, group)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; unlike an ignored signal, a handler is not inherited."""


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
