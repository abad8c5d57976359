"""The names of `payments_sandbox.testing`."""

import pytest

from payments_sandbox import testing


def test_a_name_that_never_was_is_not_found() -> None:
    """As in any other module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nope'"):
        _ = testing.Nope
