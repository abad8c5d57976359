"""The careful shops of examples/explore, and every pair of failures of what they write."""

from pathlib import Path

from tests.docs.test_explore_shops import OF_WRITES, assert_survives, each_shop


@each_shop
def test_a_careful_shop_survives_two_failures(kind: str, tmp_path: Path) -> None:
    """One after the other."""
    assert_survives(kind, tmp_path, f"{OF_WRITES},rate_limit_exceeded", depth=2)
