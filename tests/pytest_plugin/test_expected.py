"""Expectations of a test end with it, also in a world that tests share."""

from tests.support.process import Suite

pytest_plugins = ["pytester"]

SHARES = """
import pytest
from shop import pay

MANY = {"request": "create_payment", "count": {"min": 99}}

@pytest.fixture(scope="module")
def shared(sandbox_server):
    with sandbox_server.new_world() as world:
        yield world

class TestOneObject:
    @pytest.fixture
    def sandbox(self, shared):
        return shared

    def test_1_unmet(self, sandbox):
        sandbox.expect(MANY)

    def test_2_innocent(self, sandbox): pay(sandbox)

    def test_3_unmet(self, sandbox):
        sandbox.expect(MANY)
        sandbox.expect({"payments": {}, "count": 1})

    def test_4_failed(self, sandbox):
        sandbox.expect(MANY)
        assert 0, "its own failure"

    def test_5_innocent(self, sandbox):
        sandbox.expect({"payments": {}, "count": {"min": 1}})
        pay(sandbox)

class TestOneKey:
    @pytest.fixture
    def sandbox(self, sandbox_server):
        return sandbox_server.world("sk_test_shop")

    def test_1_unmet(self, sandbox):
        sandbox.expect(MANY)

    def test_2_innocent(self, sandbox):
        pay(sandbox)

    def test_3_unmet(self, sandbox):
        sandbox.expect(MANY)
"""


SCOPE = """
import pytest
from shop import pay

@pytest.fixture(scope="module")
def sandbox(sandbox_server):
    with sandbox_server.new_world() as world:
        world.expect({"payments": {"status": "failed"}, "count": 0})
        yield world

def test_1_unmet(sandbox):
    sandbox.expect({"request": "create_payment", "count": {"min": 99}})
    pay(sandbox)

def test_2_innocent(sandbox): pay(sandbox)

def test_3_unmet(sandbox):  # what the module expects is a matter of all its tests
    pay(sandbox, card_number="4000000000000002")
"""


def test_a_test_does_not_fail_for_expectations_of_others_in_a_shared_world(
    suite: Suite,
) -> None:
    """Expectations of a fixture with a wider scope stay."""
    suite.holds("", test_it=SHARES, test_scope=SCOPE)
    result = suite.run("-p", "no:randomly")
    result.assert_outcomes(passed=4, failed=7)
    result.stdout.no_fnmatch_line("FAILED *innocent*")
    result.stdout.fnmatch_lines(
        [
            "FAILED test_it.py::TestOneObject::test_1_unmet *",
            "FAILED test_it.py::TestOneObject::test_3_unmet *",
            "FAILED test_it.py::TestOneObject::test_4_failed *",
            "FAILED test_it.py::TestOneKey::test_1_unmet *",
            "FAILED test_it.py::TestOneKey::test_3_unmet *",
            "FAILED test_scope.py::test_1_unmet *",
            "FAILED test_scope.py::test_3_unmet *",
        ]
    )
