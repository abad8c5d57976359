"""The plan of runs: their order, second failures, and pruning."""

from payments_sandbox.exploration.calls import NOBODY, CallName
from payments_sandbox.exploration.failures import Failure, all_failures
from payments_sandbox.exploration.planning import (
    NOT_NEW,
    NOT_SURVIVED,
    SAME_HISTORY,
    Injection,
    PlannedRun,
    Survivor,
    class_of,
    injections,
    second_failures,
)
from payments_sandbox.scenarios.loader import load
from payments_sandbox.scenarios.yaml_writer import text_of
from tests.support.tables import for_each

PAY = CallName("create_payment", "cust_ada", 1)
LIST = CallName("list_payments", "cust_ada", 1)
COMPLETED = CallName("payment.completed", "cust_ada", 1)
REFUNDED = CallName("refund.created", "cust_ada", 1)
TWO = frozenset({"drop", "card_declined"})


def shown(found: list[Injection]) -> list[str]:
    return [f"{each.name.what} {each.failure.id}" for each in found]


def test_injections_are_ordered_from_most_dangerous_to_slow() -> None:
    found = shown(injections([PAY, LIST, COMPLETED], among=None))

    assert found[:3] == [
        "create_payment drop_after_commit",
        "create_payment truncate_after_commit",
        "create_payment malform_after_commit",
    ]
    assert found.index("payment.completed forged") < found.index("create_payment card_declined")
    assert found[-1] == "list_payments slow"


def test_injections_can_be_selected_by_failure_id_or_name() -> None:
    assert shown(injections([PAY], among=TWO)) == [
        "create_payment drop_after_commit",
        "create_payment drop",
        "create_payment card_declined",
    ]
    assert shown(injections([PAY], among=frozenset({"drop_after_commit"}))) == [
        "create_payment drop_after_commit"
    ]


def test_out_of_order_webhooks_need_at_least_two_webhooks() -> None:
    wanted = frozenset({"out_of_order"})

    assert injections([COMPLETED], among=wanted) == []
    assert len(injections([COMPLETED, REFUNDED], among=wanted)) == 2


@for_each("failure", all_failures(), show=lambda each: f"{each[0]}-{each.id}")
def test_every_failure_has_a_class_and_a_loadable_scenario(failure: Failure) -> None:
    what = failure[0]
    planned = PlannedRun(1, (Injection(CallName(what, NOBODY, 2), failure),))

    assert class_of(failure)
    assert load(text_of(planned.scenario("x")), name=None).problems == ()


def test_the_rules_of_two_failures_have_different_names() -> None:
    [drop] = [each for each in injections([PAY], among=TWO) if each.failure.id == "drop"]
    second = drop._replace(name=PAY._replace(nth=2))
    planned = PlannedRun(1, (drop, second))

    assert planned.rule_names == ("explored/drop-1", "explored/drop-2")
    assert [each["when"]["call"] for each in planned.scenario()["rules"]] == [1, 2]


def test_a_slug_is_shortened_and_safe_for_file_names() -> None:
    [drop] = injections([PAY._replace(customer="a/b c" * 20)], among=frozenset({"card_declined"}))

    assert drop.slug == f"create_payment_{'a_b_c' * 8}_1-card_declined"


def test_second_failures_target_new_calls_and_skip_equal_histories() -> None:
    [first, other, _] = injections([PAY], among=TWO)
    survivors = [
        Survivor(PlannedRun(1, (first,)), (LIST,), "the same"),
        Survivor(PlannedRun(2, (other,)), (LIST,), "the same"),
    ]
    found = second_failures(survivors, lost=1, usual=[PAY], among=TWO, first_number=4)

    assert [(each.number, [one.slug for one in each.injections]) for each in found.runs] == [
        (
            4,
            [
                "create_payment_cust_ada_1-drop_after_commit",
                "list_payments_cust_ada_1-drop",
            ],
        )
    ]
    assert found.pruned == {NOT_SURVIVED: 3, NOT_NEW: 6, SAME_HISTORY: 1}
