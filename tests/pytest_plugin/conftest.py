"""Fixtures for tests of the plugin: nested suites in which only this plugin is loaded."""

import pytest

from tests.support.process import SHOP_MODULE, Suite


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable other plugins, unless a test loads them, and remove the plugin's variables."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("URL", "SEED", "SCENARIO_DIR"):
        monkeypatch.delenv(f"PAYMENTS_SANDBOX_{name}", raising=False)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Suite:
    """Return a suite with a shop client that its tests can import."""
    made = Suite(pytester)
    made.holds("", shop=SHOP_MODULE)
    return made
