"""The shops of examples/explore: pairs of failures of careful ones, each bug of naive ones."""

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
def test_a_careful_shop_survives_two_failures(kind: str, tmp_path: Path) -> None:
    """One after the other."""
    assert_survives(kind, tmp_path, f"{OF_WRITES},rate_limit_exceeded", depth=2)


@pytest.mark.parametrize("kind", WRONG)
def test_all_that_is_wrong_with_a_naive_shop_is_found(kind: str, tmp_path: Path) -> None:
    """By failures of each kind."""
    assert_found(
        kind, tmp_path, {name: bug for each in WRONG.values() for name, bug in each.items()}
    )
