"""Tests the exceptions of `payments_sandbox.testing`, including their old names."""

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
def test_the_old_name_of_an_exception_works_with_a_deprecation_warning(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old} is now {new}"):
        assert getattr(testing, old) is getattr(testing, new)


def test_an_unknown_name_in_testing_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nope'"):
        _ = testing.Nope
