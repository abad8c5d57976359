"""What tests of the plugin have in common: suites in which no plugin is loaded but ours."""

import pytest

from tests.support.process import SHOP_MODULE, Suite


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plugin but ours is loaded unless a test wants it, and nothing is told to it."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("URL", "SEED", "SCENARIO_DIR"):
        monkeypatch.delenv(f"PAYMENTS_SANDBOX_{name}", raising=False)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Suite:
    """A suite with a client of a shop, which its tests import."""
    made = Suite(pytester)
    made.holds("", shop=SHOP_MODULE)
    return made
