"""Coverage of failure on a terminal."""

from payments_sandbox.exploration.coverage import coverage_of
from payments_sandbox.exploration.coverage_text import as_text, headline
from payments_sandbox.exploration.failures import CallFailure, all_failures
from tests.support.values import tally

LOST = tally(
    ("create_payment", "drop", True, 2),
    ("list_payments", None, None, 9),
    ("list_payments", "respond_raw", None, 1),
    webhooks=(("payment.completed", "forged", 1),),
)


def test_the_first_line_says_what_it_comes_to() -> None:
    first, *_ = as_text(coverage_of([LOST]), "--coverage-json").splitlines()

    assert first == (
        f"coverage of failure: 2 of {len(all_failures())} met (2 %);"
        " errors of the API seen: 0 of 19"
    )


def test_the_table_tells_met_from_missing_from_impossible() -> None:
    lines = as_text(coverage_of([LOST]), "--coverage-json").splitlines()
    heads = next(line for line in lines if "create_payment" in line)
    [drop] = [line for line in lines if line.startswith("drop_after_commit")]
    [forged] = [line for line in lines if line.startswith("forged")]

    assert heads.split() == ["create_payment", "retrieve_payment", "list_payments", "create_refund"]
    assert drop.split() == ["drop_after_commit", "2", "-"]
    assert len(drop) == len(heads)
    assert forged.split() == ["forged", "1", "-", "-", "-"]


def test_some_of_what_is_missing_is_named_with_its_rule_and_the_rest_counted() -> None:
    text = as_text(coverage_of([LOST]), "--coverage-json")

    assert (
        "  create_payment hang_after_commit: no reply comes, the connection stays open,"
        " though the operation has happened\n"
        "    {name: hang-after-commit, request: create_payment,"
        " do: [{hang: {commit: true, for: 2500ms}}]}\n"
    ) in text
    assert text.endswith(
        f"  and {len(all_failures()) - 7} more, which --coverage-json FILE writes down\n"
    )


def test_what_was_met_besides_is_told() -> None:
    assert "\nmet besides: list_payments respond_raw (1)\n" in as_text(coverage_of([LOST]), "")


def test_where_little_is_missing_all_of_it_is_named() -> None:
    calls = [
        (each.operation, each.name, each.commit, 1)
        for each in all_failures()
        if isinstance(each, CallFailure)
    ]
    webhooks = [
        (each.event, each.name, 1) for each in all_failures() if not isinstance(each, CallFailure)
    ]
    one_left = coverage_of([tally(*calls, webhooks=tuple(webhooks[1:]))])
    none_left = coverage_of([tally(*calls, webhooks=tuple(webhooks))])

    assert as_text(one_left, "").endswith("do: {drop: true}}\n")
    assert "never met" not in as_text(none_left, "")


def test_nothing_is_covered_where_nothing_was_called() -> None:
    """No table, no number: that would look like a result."""
    assert as_text(coverage_of([tally()]), "") == (
        "coverage of failure: nothing is covered, for no call has reached a sandbox that counts.\n"
    )


def test_where_nothing_was_called_there_is_no_number() -> None:
    unused = coverage_of([])

    assert as_text(unused, "--coverage-json") == f"{headline(unused)}\n"
    assert headline(unused).startswith("coverage of failure: nothing is covered")
