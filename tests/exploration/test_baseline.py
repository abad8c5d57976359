"""A baseline is what an earlier exploration has written, and nothing else."""

import json
from pathlib import Path

import pytest

from payments_sandbox.exploration.baseline import read_baseline


def test_the_identities_of_an_earlier_report_are_known(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"format": 1, "findings": [{"identity": "a"}, {"identity": "b"}]}))

    assert read_baseline(file) == {"a", "b"}


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "findings": []}'])
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)

    with pytest.raises(
        ValueError, match="expected a report that `explore --json FILE` has written"
    ):
        read_baseline(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*x\.json: No such file"):
        read_baseline(tmp_path / "x.json")
