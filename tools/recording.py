"""Records a terminal session as an animated SVG: `make recording` writes docs/images/terminal.svg.

A command runs in a pseudo-terminal, and pyte interprets its output as a terminal would. Each state
of the screen becomes a frame of a film strip that the SVG's style sheet moves, without any script.
"""

import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import pyte

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "images" / "terminal.svg"

EXPLORE: Final = "payments-sandbox explore --faults quick --report found -- python3 naive_shop.py"
"""The command that README shows."""
SHOPS: Final = ROOT / "examples" / "explore"
COLUMNS: Final = 92
ROWS: Final = 28
"""Rows that are shown, from the top: enough for the first story of the run."""

_TALL: Final = 400
_CELL: Final = 7.8
LINE: Final = 18
"""Pixels from one line to the next."""
_PAD: Final = 14
_FRAME_TIME: Final = 0.6
_LAST_TIME: Final = 12.0
"""Seconds that the last frame is visible; all others have `_FRAME_TIME`."""

_STYLE: Final = """
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #e6edf3 }
.red { fill: #ff7b72 } .green { fill: #7ee787 } .yellow { fill: #e3b341 } .blue { fill: #79c0ff }
.magenta { fill: #d2a8ff } .cyan { fill: #76e3ea } .dim { fill: #8b949e } .bold { font-weight: 600 }
"""
_COLOURS: Final = {"brown": "yellow", "brightblack": "dim", "default": ""}
"""Colours that have other names in pyte."""

Span = tuple[str, str]
Line = tuple[Span, ...]
Frame = tuple[Line, ...]


class Session(NamedTuple):
    """What a command has shown.

    Attributes:
        command: as it was typed.
        frames: each state of the screen that lasted; the last one stays.
    """

    command: str
    frames: Sequence[Frame]


def record(
    command: str,
    folder: Path,
    *,
    columns: int = COLUMNS,
    rows: int = ROWS,
    variables: Mapping[str, str] | None = None,
) -> Session:
    """Run a command in a terminal, and record what it shows.

    Args:
        command: as one would type it; our own command is that of this environment.
        folder: the working folder.
        columns: the width of the terminal.
        rows: how many rows to record, from the top.
        variables: to add to our environment, from which variables about payments are removed.
    """
    screen = pyte.Screen(columns, _TALL)
    stream = pyte.ByteStream(screen)
    frames: list[Frame] = []
    for chunk in _output(command, folder, columns, variables or {}):
        stream.feed(chunk)
        frame = _frame(screen, rows)
        if frame and frame not in frames[-1:]:
            frames.append(frame)
    return Session(command, frames)


def _output(
    command: str, folder: Path, columns: int, variables: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield the output of a command in parts, each of which redraws the screen from its top."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", _TALL, columns, 0, 0))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {name for name in os.environ if name.startswith("PAYMENTS_")} | {
        "NO_COLOR",
        "FORCE_COLOR",
    }
    kept = {name: value for name, value in os.environ.items() if name not in own}
    size = {"COLUMNS": str(columns), "LINES": str(_TALL)}  # pytest-xdist sets others
    environment = {**kept, **size, "PATH": path, "TERM": "xterm-256color", **variables}
    process = subprocess.Popen(  # noqa: S603 - our own command
        shlex.split(command),
        cwd=folder,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    whole = b"".join(iter(lambda: _read(leader), b""))
    os.close(leader)
    process.wait()
    yield from re.split(rb"(?=\x1b\[\d+A)", whole)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # on Linux, the end of the command's side is an error
        return b""


def _frame(screen: pyte.Screen, rows: int) -> Frame:
    lines = [_line(screen, number) for number in range(rows)]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def _line(screen: pyte.Screen, number: int) -> Line:
    cells = [screen.buffer[number][column] for column in range(screen.columns)]
    looks = [(_look(cell), cell.data) for cell in cells]
    spans = [
        (look, "".join(data for _, data in group))
        for look, group in groupby(looks, key=lambda each: each[0])
    ]
    if spans:
        spans[-1] = (spans[-1][0], spans[-1][1].rstrip())
    return tuple(span for span in spans if span[1])


def _look(cell: pyte.screens.Char) -> str:
    colour = _COLOURS.get(cell.fg, cell.fg.removeprefix("bright"))
    return " ".join(filter(None, [colour, "bold" if cell.bold else ""]))


def text_of(frame: Frame) -> str:
    """The text of a frame, without its colours."""
    return "\n".join("".join(text for _, text in line) for line in frame)


def draw(session: Session, *, columns: int = COLUMNS) -> str:
    """Draw a session as an animated SVG; with reduced motion, it shows the last frame."""
    typed: Line = (("dim", "$ "), ("bold", session.command))
    frames = [(typed, (), *frame) for frame in session.frames]
    height = max(map(len, frames)) * LINE + 2 * _PAD
    width = round(columns * _CELL) + 2 * _PAD
    known: dict[Line, str] = {}
    strip = [
        f'<use href="#{known.setdefault(line, f"l{len(known)}")}" y="{top * height + y * LINE}"/>'
        for top, frame in enumerate(frames)
        for y, line in enumerate(frame)
        if line
    ]
    lines = [_drawn(line, name) for line, name in known.items()]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{escape(f'A terminal: {session.command}')}</title>",
            f"<style>{_STYLE}{_film(len(frames), height)}</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
            f"<defs>{''.join(lines)}</defs>",
            f'<g class="film">{"".join(strip)}</g>',
            "</svg>\n",
        ]
    )


def _drawn(line: Line, name: str) -> str:
    spans = "".join(
        f'<tspan class="{look}">{escape(text)}</tspan>' if look else escape(text)
        for look, text in line
    )
    wide = round(sum(len(text) for _, text in line) * _CELL, 1)
    head = f'id="{name}" x="{_PAD}" y="{_PAD + 12}" textLength="{wide}" xml:space="preserve"'
    return f"<text {head}>{spans}</text>"


def _film(frames: int, height: int) -> str:
    """The style rules that move the strip, a frame at a time."""
    whole = (frames - 1) * _FRAME_TIME + _LAST_TIME
    times = [round(100 * number * _FRAME_TIME / whole, 2) for number in range(frames)]
    steps = "".join(
        f"{time}% {{ transform: translateY({-number * height}px) }}\n"
        for number, time in enumerate(times)
    )
    last = f"transform: translateY({-(frames - 1) * height}px)"
    return (
        f"@keyframes film {{\n{steps}100% {{ {last} }}\n}}\n"
        f".film {{ animation: film {whole:g}s steps(1, end) infinite }}\n"
        f"@media (prefers-reduced-motion: reduce) {{ .film {{ animation: none; {last} }} }}\n"
    )


def explored(jobs: str | None = None) -> Session:
    """Record the command that README shows, in a folder with a copy of the shop.

    Args:
        jobs: how many shops run at once; by default one for each core.
    """
    variables = {} if jobs is None else {"PAYMENTS_SANDBOX_JOBS": jobs}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(SHOPS / "naive_shop.py", folder)
        return record(EXPLORE, Path(folder), variables=variables)


def main() -> None:
    """Record the session, and write the SVG."""
    PICTURE.write_text(draw(explored()), encoding="utf-8")


if __name__ == "__main__":
    main()
