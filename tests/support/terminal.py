"""Owns pseudo-terminals with a width, and what was written to them."""

import fcntl
import os
import struct
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_CHUNK: Final = 65_536
_LINES: Final = 40
_OUTPUT: Final = 1
"""The index of the output modes in the result of `tcgetattr`."""


class Terminal:
    """A terminal that records its output.

    Args:
        columns: its width.

    Attributes:
        device: the descriptor for programs.
    """

    def __init__(self, columns: int) -> None:
        self._ours, self.device = os.openpty()
        modes = termios.tcgetattr(self.device)
        modes[_OUTPUT] &= ~termios.OPOST  # keep line ends as written
        termios.tcsetattr(self.device, termios.TCSANOW, modes)
        size = struct.pack("HHHH", _LINES, columns, 0, 0)
        fcntl.ioctl(self.device, termios.TIOCSWINSZ, size)
        self._is_closed = False
        self._said = bytearray()
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Record output until no process has the terminal open."""
        with suppress(OSError):
            while chunk := os.read(self._ours, _CHUNK):
                with self._changed:
                    self._said += chunk
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def text(self) -> str:
        """The output until now."""
        return self._said.decode("utf-8", "replace")

    def wait_for(self, text: str, seconds: float) -> str:
        """Wait until a text is in the output, and return the output."""
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.text, seconds), self.text
        return self.text

    def close(self, seconds: float) -> str:
        """Wait until no process has it open, and return the output."""
        if not self._is_closed:
            self._is_closed = True
            with suppress(OSError):
                os.close(self.device)
            self._reader.join(seconds)
            assert not self._reader.is_alive(), self.text
            os.close(self._ours)
        return self.text


@contextmanager
def terminal(columns: int, seconds: float) -> Iterator[Terminal]:
    """Open a terminal until the block ends."""
    made = Terminal(columns)
    try:
        yield made
    finally:
        made.close(seconds)
