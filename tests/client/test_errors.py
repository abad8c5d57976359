"""The exceptions of `payments_sandbox.testing`, by their old names, too."""

import pytest

from payments_sandbox import testing


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("NotArrived", "WebhookNotReceived"),
        ("Refused", "ControlApiError"),
        ("Unmet", "ExpectationFailed"),
    ],
)
def test_a_renamed_exception_is_found_by_its_old_name(old: str, new: str) -> None:
    """A warning says what it is called now."""
    with pytest.warns(DeprecationWarning, match=f"{old} is now {new}"):
        assert getattr(testing, old) is getattr(testing, new)


def test_a_name_that_never_was_is_not_found() -> None:
    """As in any other module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nope'"):
        _ = testing.Nope
