"""Owns the lint of a whole scenario: its head, initial state, rules and expectations."""

from collections.abc import Iterator
from typing import Any

from payments_sandbox.contract.schema_errors import Path, presentable
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.ids import webhook_secret
from payments_sandbox.core.instants import Instant, read_duration, read_instant, show_duration
from payments_sandbox.rules.conditions import parse_when
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.scenarios.diagnostics import KEY, Problem
from payments_sandbox.scenarios.lint_matchers import check_card, check_cards, check_matchable
from payments_sandbox.scenarios.lint_rules import LintContext, check_name, check_rules
from payments_sandbox.scenarios.parser import items, parse_rule
from payments_sandbox.verification.expectations import kind_of
from payments_sandbox.verification.expectations.expectation import MAX_WAIT
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.endpoint_settings import apply_settings
from payments_sandbox.webhooks.target_policy import TargetPolicy


def check_scenario(plain: Json, name: str | None, context: LintContext) -> Iterator[Problem]:
    """Find all problems that the schema cannot express.

    Args:
        plain: a scenario of the right shape; lists may have gaps.
        name: the name of its file without the suffix; None if there is no file.
        context: what the checks depend on.
    """
    if name is not None and plain["scenario"] != name:
        message = f"'{plain['scenario']}' is not the file's name"
        yield Problem(("scenario",), message, f"write scenario: {presentable(name)}")
    yield from check_name(plain["scenario"], ("scenario",))
    yield from _check_instant(plain.get("clock"), ("clock",))
    if "given" in plain:
        yield from check_given(plain["given"], _instant(plain.get("clock")), ("given",))
    rules = [(n, each, parse_rule(each, n)) for n, each in items(plain, "rules")]
    yield from check_rules(rules, context)
    for position, each in items(plain, "expect"):
        yield from check_expectation(
            each, ("expect", position), has_rules=bool(rules) or context.has_rules
        )


def check_given(plain: Json, clock: Instant | None, path: Path) -> Iterator[Problem]:
    """Check that the initial state of a scenario is possible."""
    ids: set[str] = set()
    for position, payment in items(plain, "payments"):
        place: Path = (*path, "payments", position)
        if (payment_id := payment.get("id")) in ids:
            message = f"another payment has the id '{payment_id}'"
            yield Problem((*place, "id"), message, "give each payment its own id")
        ids |= {payment_id} - {None}
        yield from _check_created(payment.get("created"), clock, (*place, "created"))
        if "card" in payment:
            yield from check_card(payment["card"], (*place, "card"))
    for position, endpoint in items(plain, "webhook_endpoints"):
        yield from _check_endpoint(endpoint, (*path, "webhook_endpoints", position))
    limits, generate = plain.get("rate_limit", {}), plain.get("generate", {})
    if limits.get("remaining", 0) > limits.get("limit", limits.get("remaining", 0)):
        yield Problem((*path, "rate_limit", "remaining"), "remaining is larger than limit")
    if generate.get("customers", 0) > generate.get("payments", 0):
        yield Problem((*path, "generate", "customers"), "more customers than payments")


def _check_endpoint(plain: Json, path: Path) -> Iterator[Problem]:
    """Check an endpoint as the control API does on a server with `--public-webhooks`."""
    endpoint = Endpoint(number=0, id="", url=plain["url"], secret=webhook_secret(0))
    try:
        apply_settings(endpoint, plain, TargetPolicy(public=True))
    except InvalidRequest as error:
        pointer, _, message = (error.details or "").partition(": ")
        place = (int(step) if step.isdigit() else step for step in pointer.split("/")[1:])
        yield Problem((*path, *place), message.removesuffix("."))


def check_expectation(plain: Json, path: Path, *, has_rules: bool) -> Iterator[Problem]:
    """Check that an expectation can be met."""
    kind = kind_of(plain)
    if read_duration(plain.get("within", "0s")) > MAX_WAIT:
        message = f"the longest possible wait is {show_duration(MAX_WAIT)}"
        yield Problem((*path, "within"), message, is_warning=True)
    for key, wanted in plain.items():
        if isinstance(wanted, dict) and _is_empty_range(wanted):
            yield Problem((*path, key), "min is larger than max")
    if kind.needs_rules and not has_rules:
        yield Problem(path, "there are no rules that could fire", "leave it out")
    if kind.matchers is not None:
        matchers = plain.get(kind.matchers, {})
        yield from _check_matchers(matchers, kind.operation(plain), (*path, kind.matchers))


def _is_empty_range(wanted: dict[str, Any]) -> bool:
    least, most = wanted.get("min"), wanted.get("max")
    return isinstance(least, int) and isinstance(most, int) and least > most


def _check_matchers(
    matchers: dict[str, Any], operation: str | None, place: Path
) -> Iterator[Problem]:
    """Check that the things that an expectation counts can exist."""
    yield from check_cards(matchers, place)
    for key in ("call", "attempt"):
        if key in matchers:
            yield Problem((*place, key, KEY), f"'{key}' is only for rules", "use count")
    wanted = tuple(each for each in parse_when(matchers) if each.field not in ("call", "attempt"))
    yield from check_matchable(operation, wanted, matchers, place, "this can never be met")


def _check_created(text: str | None, clock: Instant | None, path: Path) -> Iterator[Problem]:
    if text is None:
        return
    if text.startswith("-"):
        try:
            read_duration(text[1:])
        except ValueError:
            hint = "created looks like -40d, or is an instant such as 2025-01-15T10:30:00Z"
            yield Problem(path, f"'{presentable(text)}' is not a time in the past", hint)
    else:
        yield from _check_instant(text, path, "created looks like -40d, or is such an instant")
        created = _instant(text)
        if clock is not None and created is not None and created > clock:
            yield Problem(path, "this is later than the scenario's clock")


def _check_instant(text: str | None, path: Path, hint: str | None = None) -> Iterator[Problem]:
    if text is not None:
        try:
            read_instant(text)
        except ValueError as error:
            yield Problem(path, str(error), hint)


def _instant(text: str | None) -> Instant | None:
    try:
        return None if text is None else read_instant(text)
    except ValueError:
        return None
