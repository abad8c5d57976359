"""Careful shops of examples/explore survive two failures; every bug of naive shops is found."""

from pathlib import Path

import pytest

from tests.docs.test_explore_shops import (
    OF_WRITES,
    WRONG,
    assert_found,
    assert_survives,
    each_shop,
)


@each_shop
def test_a_careful_shop_survives_two_failures_in_a_row(kind: str, tmp_path: Path) -> None:
    """The second failure follows the first."""
    assert_survives(kind, tmp_path, f"{OF_WRITES},rate_limit_exceeded", depth=2)


@pytest.mark.parametrize("kind", WRONG)
def test_every_bug_of_a_naive_shop_is_found(kind: str, tmp_path: Path) -> None:
    """Failures of each kind are tried."""
    assert_found(
        kind, tmp_path, {name: bug for each in WRONG.values() for name, bug in each.items()}
    )
