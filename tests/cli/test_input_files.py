"""Files that commands read their input from."""

from pathlib import Path

import pytest

from payments_sandbox.cli.input_files import read_given
from tests.support.process import run

DEVICE = Path("/dev/zero")


def test_a_file_is_read_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "given"
    file.write_bytes(b"\xff\r\n\0")
    assert read_given(str(file)) == b"\xff\r\n\0"


@pytest.mark.skipif(not DEVICE.exists(), reason="there is no such device here")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("webhook", "verify", "--header", "a: b", "--secret", "s", "--body", str(DEVICE)),
            "argument --body: cannot read the file: File too large",
        ),
        (
            ("trigger", "payout.paid", "--data", f"@{DEVICE}"),
            f"; {DEVICE}: File too large",
        ),
    ],
    ids=["webhook verify", "trigger"],
)
def test_an_endless_file_is_rejected_as_too_large(arguments: tuple[str, ...], told: str) -> None:
    """The error comes before the memory is exhausted."""
    ended = run(*arguments)
    assert ended.returncode == 2
    assert told in ended.stderr
