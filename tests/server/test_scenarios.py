"""Tests scenarios over HTTP: the library, activation, problems, report and verify."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.resources import data_files
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.world.world import World
from tests.support.http import Api, Control, ask, bearer, envelope, invalid, paid
from tests.support.in_process import scenario_of
from tests.support.tables import for_each
from tests.support.values import documented_create

DOWN: dict[str, Any] = {
    "scenario": "down",
    "about": "Everything is down.",
    "tags": ["retry"],
    "rules": [{"request": "*", "do": [{"respond": {"error": "internal_error"}}], "then": "cycle"}],
    "expect": [{"request": "create_payment", "count": {"max": 1}}],
}
ANSWER_500 = {"do": [{"respond": {"error": "internal_error"}}]}
YAML = """\
scenario: lost
rules:
  - name: reply-lost
    request: create_payment
    do: [{respond: {error: internal_error, commit: true}}]
expect:
  - {payments: {status: completed}, count: 1}
"""
WRONG = "scenario: wrong\nrules:\n  - request: create_paymnt\n    do: [pas]\n"
PROBLEMS: list[dict[str, object]] = [
    {
        "line": 3,
        "column": 14,
        "path": "/rules/0/request",
        "message": "unknown value 'create_paymnt'",
        "hint": "did you mean 'create_payment'?",
    },
    {
        "line": 4,
        "column": 10,
        "path": "/rules/0/do/0",
        "message": "unknown value 'pas'",
        "hint": "did you mean 'pass'?",
    },
]


def refused(at: str = "") -> dict[str, object]:
    """Return the error of the wrong scenario at this place in a body: each path begins with it."""
    details = "3:14: unknown value 'create_paymnt'; did you mean 'create_payment'? (and 1 more)"
    error = {
        "code": "invalid_scenario",
        "message": "The scenario is not valid",
        "details": details,
    }
    problems = [problem | {"path": f"{at}{problem['path']}"} for problem in PROBLEMS]
    return {"error": error, "problems": problems}


async def test_the_served_scenario_schema_is_the_shipped_one_and_needs_no_key(
    api: Api, control: Control
) -> None:
    """For editors."""
    shipped = json.loads(data_files("schemas")["scenario.schema.json"])
    assert await control("retrieve_scenario_schema") == shipped
    async with api.get("/_sandbox/scenario.schema.json", headers={"Authorization": ""}) as reply:
        assert reply.status == 200


@pytest.mark.parametrize(
    ("accept", "content_type", "begins"),
    [
        ("text/plain", "text/plain", "passed: 1 expectation met; the audit is clean\n"),
        ("application/xml", "application/xml", '<?xml version="1.0" encoding="UTF-8"?>\n'),
        ("text/html,application/xml;q=0.9", "text/html", "<!doctype html>"),
        ("text/html, image/gif, *; q=.2, */*; q=.2", "application/json", '{"passed":true'),
        ("text/plain;q=0.5, application/json", "application/json", '{"passed":true'),
        ("TEXT/PLAIN;q=0.5, application/json;q=0.1", "text/plain", "passed: "),
        ("text/plain;q=0", "application/json", '{"passed":true'),
        ("image/png", "application/json", '{"passed":true'),
        ("*/*", "application/json", '{"passed":true'),
    ],
)
async def test_a_report_has_the_format_of_the_accept_header(
    api: Api, control: Control, accept: str, content_type: str, begins: str
) -> None:
    """JSON by default."""
    await control(
        "add_active_scenario", {"scenario": "s", "expect": [{"request": "*", "count": 1}]}
    )
    await ask(api, "GET", "/v3/payments")
    async with api.get("/_sandbox/report", headers={"Accept": accept}) as reply:
        assert (reply.status, reply.content_type) == (200, content_type)
        assert (await reply.text()).startswith(begins)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a sandbox with a folder of scenarios."""
    (tmp_path / "lost.yaml").write_text(YAML, encoding="utf-8")
    (tmp_path / "wrong.yml").write_text(WRONG, encoding="utf-8")
    (tmp_path / "down.json").write_text('{"scenario": "down", "expect": [{"audit": "clean"}]}')
    (tmp_path / "notes.txt").write_text("no scenario")
    return Settings(
        clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=60_000, scenario_dirs=(tmp_path,)
    )


async def send_yaml(api: Api, method: str, path: str, text: str, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    """Send YAML; return the JSON of the reply."""
    headers = {"Content-Type": "application/yaml"}
    return await ask(api, method, f"/_sandbox/{path}", status, data=text.encode(), headers=headers)


async def active(control: Control) -> list[str]:
    """Return the names of the active scenarios."""
    return [each["name"] for each in (await control("list_active_scenarios"))["data"]]


async def test_the_library_lists_the_valid_scenarios_of_a_folder(control: Control) -> None:
    """With name, about and tags."""
    shown = (await control("list_scenarios"))["data"]
    mine = [each for each in shown if each["name"] in ("lost", "down", "wrong", "notes")]

    assert mine == [
        {"name": "down", "about": "", "tags": []},
        {"name": "lost", "about": "", "tags": []},
    ]


async def test_a_scenario_activated_by_its_name_answers_calls(api: Api, control: Control) -> None:
    await control("add_active_scenario", "lost")
    async with api.post("/v3/payments", json=documented_create()) as reply:
        status, headers = reply.status, reply.headers

    assert await active(control) == ["lost"]
    assert (status, headers["Sandbox-Rule"], headers["Sandbox-Step"]) == (500, "reply-lost", "1")
    entry = await control("retrieve_request", request_id=headers["Sandbox-Request-Id"])
    assert (entry["rule"], entry["step"], entry["committed"]) == ("reply-lost", 1, True)


@pytest.mark.parametrize("field", ["status", "brand", "currency", "customer_id", "amount"])
async def test_a_rule_of_a_read_matches_each_field_of_the_payment_in_the_path(
    api: Api, control: Control, field: str
) -> None:
    """A read has no body with that field."""
    is_so = {
        "status": "completed",
        "brand": "visa",
        "currency": "USD",
        "customer_id": "cust_1",
        "amount": 700,
    }
    payment = await paid(api, amount=700, customer_id="cust_1")
    rule = {"request": "retrieve_payment", "when": {field: is_so[field]}, **ANSWER_500}
    await control("add_active_scenario", {"scenario": "about", "rules": [rule]})

    await ask(api, "GET", f"/v3/payments/{payment['id']}", 500)


async def test_a_scenario_can_be_activated_as_json_or_yaml_and_is_shown_as_sent(
    api: Api, control: Control
) -> None:
    await control("add_active_scenario", DOWN)
    shown = await send_yaml(api, "POST", "scenarios/active", YAML)

    assert [each["name"] for each in shown["data"]] == ["down", "lost"]
    assert shown["data"][0] == {
        "name": "down",
        "about": "Everything is down.",
        "tags": ["retry"],
        "scenario": DOWN,
    }


async def test_putting_active_scenarios_replaces_all(api: Api, control: Control) -> None:
    """With names and objects; an empty list removes all."""
    await control("add_active_scenario", "lost")
    said = [await control("put_active_scenarios", [DOWN, "lost"])]
    said.append(await send_yaml(api, "PUT", "scenarios/active", f"- {{{YAML_FLOW}}}\n- down\n"))
    said.append(await control("put_active_scenarios", []))

    assert [[each["name"] for each in one["data"]] for one in said] == [
        ["down", "lost"],
        ["flow", "down"],
        [],
    ]


YAML_FLOW = "scenario: flow, expect: [{audit: clean}]"


async def test_putting_one_yaml_mapping_activates_that_scenario_alone(api: Api) -> None:
    shown = await send_yaml(api, "PUT", "scenarios/active", YAML)

    assert [each["name"] for each in shown["data"]] == ["lost"]


async def test_active_scenarios_are_removed_by_name_or_all_at_once(control: Control) -> None:
    await control("put_active_scenarios", [DOWN, "lost"])
    await control("remove_active_scenarios", query={"name": "down"})
    left = await active(control)
    await control("remove_active_scenarios")

    assert (left, await active(control)) == (["lost"], [])


async def test_an_unknown_scenario_name_is_rejected_with_the_nearest(control: Control) -> None:
    """And changes nothing."""
    await control("add_active_scenario", "lost")
    refusal = await control("put_active_scenarios", ["dwn"], status=400)
    missing = await control("remove_active_scenarios", status=400, query={"name": "down"})

    assert refusal == invalid(
        "/0: there is no scenario 'dwn'; did you mean 'down'?"
        " GET /_sandbox/scenarios lists what exists."
    )
    assert missing == invalid(
        "/name: expected an active scenario; active scenarios: lost."
        " POST /_sandbox/scenarios/active activates one."
    )
    assert await active(control) == ["lost"]


async def test_all_problems_of_several_scenarios_are_reported_with_their_places(
    api: Api, control: Control
) -> None:
    """With lines in YAML; an unknown name is one of the problems."""
    text = """
- lost
- dwn
- {scenario: a, rules: [{request: create_payment, do: [{drop: {}}]}]}
- scenario: b
  on: x
  expct: [{audit: clean}]
"""
    refusals = [
        await send_yaml(api, "PUT", "scenarios/active", text, 400),
        await control(
            "put_active_scenarios",
            [
                "dwn",
                {"scenario": "a", "rules": [{"request": "create_payment", "do": [{"drop": {}}]}]},
                {"scenario": "b", "on": "x", "expct": []},
            ],
            status=400,
        ),
    ]
    said = [
        [(each["line"], each["path"], each["message"]) for each in refusal["problems"]]
        for refusal in refusals
    ]

    unknown = "there is no scenario 'dwn'; did you mean 'down'?"
    assert said[0] == [
        (None, "/1", unknown),
        (4, "/2/rules/0/do/0/drop", "'drop' needs 'commit'"),
        (6, "/3", "YAML readers disagree on what on means"),
        (7, "/3/expct", "unknown key 'expct'"),
    ]
    assert [(path, message) for _, path, message in said[1]] == [
        ("/0", unknown),
        ("/1/rules/0/do/0/drop", "'drop' needs 'commit'"),
        ("/2/expct", "unknown key 'expct'"),
        ("/2/on", "unknown key 'on'"),
    ]


async def test_a_problem_of_a_scenario_has_its_json_pointer_in_the_body(
    api: Api, control: Control
) -> None:
    """As one scenario, in a list, or in a new world."""
    wrong = {"scenario": "x", "expect": [{}]}
    said = [
        await control("add_active_scenario", wrong, status=400),
        await control("put_active_scenarios", ["lost", wrong], status=400),
        await control("create_world", {"scenarios": ["lost", wrong]}, status=400),
        await send_yaml(api, "PUT", "scenarios/active", "{scenario: x, expect: [{}]}", 400),
    ]
    unknown = [
        await control("add_active_scenario", "dwn", status=400),
        await control("put_active_scenarios", ["lost", "dwn"], status=400),
        await control("create_world", {"scenarios": ["lost", "dwn"]}, status=400),
        await send_yaml(api, "PUT", "scenarios/active", "[lost, dwn]", 400),
    ]

    assert [each["problems"][0]["path"] for each in said] == [
        "/expect/0",
        "/1/expect/0",
        "/scenarios/1/expect/0",
        "/expect/0",
    ]
    assert [each["error"]["details"].partition(": ")[0] for each in (*said[:3], *unknown)] == [
        "/expect/0",
        "/1/expect/0",
        "/scenarios/1/expect/0",
        "/",
        "/1",
        "/scenarios/1",
        "/1",
    ]


async def test_truncated_yaml_is_reported_with_the_problems_before_the_cut(api: Api) -> None:
    """In a list, or in one scenario."""
    for text in (
        "- {scenario: a, abuot: x}\n- lost\n- {scenario: b, rules: [",
        "{abuot: x, rules: [",
    ):
        refusal = await send_yaml(api, "PUT", "scenarios/active", text, 400)
        assert "unknown key 'abuot'" in [each["message"] for each in refusal["problems"]]
        assert "did not find expected node content" in str(refusal["problems"])


async def test_an_invalid_scenario_is_rejected_with_every_problem_and_changes_nothing(
    api: Api, control: Control
) -> None:
    await control("add_active_scenario", "lost")
    said = [
        await control("add_active_scenario", "wrong", status=400),
        await control("put_active_scenarios", ["down", "wrong"], status=400),
        await control("create_world", {"scenarios": ["wrong"]}, status=400),
        await send_yaml(api, "POST", "scenarios/active", WRONG, 400),
        await send_yaml(api, "POST", "scenarios/check", WRONG, 400),
    ]

    assert said == [refused(), refused("/1"), refused("/scenarios/0"), refused(), refused()]
    assert await active(control) == ["lost"]


async def test_problems_of_a_json_scenario_have_pointers_but_no_lines(control: Control) -> None:
    """There is no text to point into."""
    refusal = await control("check_scenario", {"scenario": "x", "expect": [{}]}, status=400)

    assert refusal["error"]["details"] == (
        "/expect/0: expected an expectation; an expectation needs one of request, retries, order,"
        " payments, refunds, webhook, audit and rules"
    )
    assert [(each["line"], each["path"]) for each in refusal["problems"]] == [(None, "/expect/0")]


async def test_a_scenario_with_a_warning_is_accepted_and_the_warning_listed(
    control: Control,
) -> None:
    rule = {"request": "list_payments", "do": [{"hang": {"commit": True}}]}
    shown = await control("check_scenario", {"scenario": "x", "rules": [rule]})

    assert [each["message"] for each in shown["problems"]] == [
        "warning: commit has no effect on list_payments, which changes nothing"
    ]
    assert await control("check_scenario", "lost") == {"problems": []}


EITHER = "/: expected a body with Content-Type: application/json or application/yaml."


@for_each(
    ("data", "content_type", "details"),
    [
        (b"\xff", "application/yaml", "/: expected UTF-8; byte 0 is invalid."),
        (b"a: 1", "text/yaml", EITHER),
        (b"a: 1", "application/x-www-form-urlencoded", EITHER),
        (b"{", "application/json", "/: expected JSON; "),
        (b"5", "application/json", "/: expected a scenario's name, or a scenario as a JSON"),
    ],
)
async def test_a_body_that_is_not_a_scenario_is_rejected(
    api: Api, data: bytes, content_type: str, details: str
) -> None:
    """Of another type, or unreadable."""
    headers = {"Content-Type": content_type}
    refusal = await ask(api, "POST", "/_sandbox/scenarios/active", 400, data=data, headers=headers)

    assert refusal["error"]["details"].startswith(details)


async def test_malformed_yaml_is_rejected(api: Api) -> None:
    """In a list as well."""
    refusal = await send_yaml(api, "PUT", "scenarios/active", "- a: [", 400)

    assert [each["message"] for each in refusal["problems"]] == [
        "did not find expected node content"
    ]


async def test_yaml_of_more_than_a_megabyte_is_rejected(api: Api) -> None:
    headers = {"Content-Type": "application/yaml"}
    text = io.BytesIO(b"#" * 1_100_000)
    refusal = await ask(api, "PUT", "/_sandbox/scenarios/active", 413, data=text, headers=headers)

    assert refusal == envelope("request_too_large", "The body is larger than 1048576 bytes.")


async def test_a_world_can_be_made_with_active_scenarios(control: Control) -> None:
    """The world's clock takes precedence over theirs."""
    clock = {"scenario": "clock", "clock": "2031-01-01", "expect": [{"audit": "clean"}]}
    worlds = [
        await control("create_world", {"scenarios": [clock, "lost"]}),
        await control("create_world", {"scenarios": [clock], "clock": "2030-06-01"}),
    ]

    assert [each["clock"]["now"] for each in worlds] == [
        "2031-01-01T00:00:00Z",
        "2030-06-01T00:00:00Z",
    ]
    shown = await control("list_active_scenarios", key=worlds[0]["api_key"])
    assert [each["name"] for each in shown["data"]] == ["clock", "lost"]


async def test_a_world_with_contradicting_scenarios_is_rejected_and_its_key_stays_free(
    control: Control,
) -> None:
    body = {"api_key": "sk_test_twice", "scenarios": ["lost", "lost"]}
    refusal = await control("create_world", body, status=400)

    assert refusal == invalid(
        "/: expected each scenario once; 'lost' is given twice."
        " GET /_sandbox/scenarios lists others; a later clock leaves room for past payments."
    )
    assert (await control("create_world", body | {"scenarios": []}))["restarted"] is None


async def test_a_scenario_is_active_in_its_world_only(api: Api, control: Control) -> None:
    await control("add_active_scenario", DOWN)
    headers = bearer("sk_test_other")

    await ask(api, "GET", "/v3/payments", 200, headers=headers)
    await ask(api, "GET", "/v3/payments", 500)


async def test_hanging_requests_end_at_once_when_scenarios_change(
    api: Api, control: Control
) -> None:
    """Without a reply."""
    hang = {"scenario": "hang", "rules": [{"request": "*", "do": [{"hang": {"commit": False}}],
                                           "then": "cycle"}]}  # fmt: skip
    for change in (
        ("put_active_scenarios", [hang, DOWN]),
        ("add_active_scenario", "lost"),
        ("remove_active_scenarios", None),
    ):
        if change[0] == "put_active_scenarios":
            await control("add_active_scenario", hang)
        waiting = asyncio.create_task(ask(api, "GET", "/v3/payments", 200))
        async with asyncio.timeout(5):
            while (await control("retrieve_report"))["rules"][0]["fired"] == 0:
                pass
            await control(*change)
            with pytest.raises(ServerDisconnectedError):
                await waiting
        if change[0] != "remove_active_scenarios":
            await control("reset_world", {"only": ["rules"]})


async def test_a_report_has_expectations_rules_audit_and_whether_all_passed(
    api: Api, control: Control
) -> None:
    await control("add_active_scenario", "lost")
    before = await control("retrieve_report")
    await ask(api, "POST", "/v3/payments", 500, json=documented_create())
    after = await control("retrieve_report")
    payment = (await control("list_events"))["data"][0]["data"]["payment_id"]

    assert before == {
        "passed": False,
        "expectations": [
            {
                "expect": {"payments": {"status": "completed"}, "count": 1},
                "met": False,
                "observed": "expected 1, saw none",
            }
        ],
        "rules": [
            {
                "scenario": "lost",
                "rule": "reply-lost",
                "matched": 0,
                "fired": 0,
                "why_not": "no such call was made",
            }
        ],
        "audit": {"clean": True, "findings": []},
    }
    assert (after["passed"], after["expectations"][0]["observed"]) == (
        True,
        f"expected 1, saw 1: {payment}",
    )
    assert after["rules"][0] | {"why_not": None} == after["rules"][0]


async def test_the_audit_names_the_requests_behind_each_finding(api: Api, control: Control) -> None:
    clean = await control("retrieve_audit")
    await control("add_active_scenario", "lost")
    for status in (500, 201):
        await ask(api, "POST", "/v3/payments", status, json=documented_create())
    found = await control("retrieve_audit")
    requests = [each["id"] for each in (await control("list_requests"))["data"]][::-1]

    assert clean == {"clean": True, "findings": []}
    assert [(each["kind"], each["requests"]) for each in found["findings"]] == [
        ("possible_double_charge", requests),
        ("blind_retry", requests),
    ]


async def test_verify_checks_the_given_or_the_active_expectations(
    api: Api, control: Control
) -> None:
    expect = [{"request": "create_payment", "count": 1}]
    before = await control("verify", {"expect": expect})
    await paid(api)
    request = (await control("list_requests"))["data"][0]["id"]
    after = await control("verify", {"expect": expect})
    nothing = await control("verify", {})
    await control("add_active_scenario", DOWN)
    own = await control("verify", {"within": "1ms"})

    assert before == {
        "passed": False,
        "expectations": [{"expect": expect[0], "met": False, "observed": "expected 1, saw none"}],
    }
    assert after["expectations"][0]["observed"] == f"expected 1, saw 1: {request}"
    assert nothing == {"passed": True, "expectations": []}
    assert [each["met"] for each in own["expectations"]] == [True]


async def test_verify_with_within_waits_until_all_expectations_are_met(
    api: Api, control: Control
) -> None:
    """And not longer."""
    body = {"expect": [{"request": "create_payment", "count": 2}], "within": "30s"}
    waiting = asyncio.create_task(control("verify", body))
    for _ in range(2):
        assert not waiting.done()
        await paid(api)
    async with asyncio.timeout(5):
        assert (await waiting)["passed"] is True


async def test_verify_does_not_wait_for_an_expectation_that_can_no_longer_be_met(
    api: Api, control: Control
) -> None:
    """Two payments never become one."""
    for _ in range(2):
        await paid(api)
    body = {"expect": [{"request": "create_payment", "count": 1}], "within": "30s"}

    async with asyncio.timeout(5):
        assert (await control("verify", body))["passed"] is False


async def test_verify_waits_for_the_within_of_its_expectations_by_default(control: Control) -> None:
    """Then it says what was seen."""
    body = {"expect": [{"request": "create_payment", "within": "20ms"}]}

    assert (await control("verify", body))["passed"] is False


async def test_a_waiting_verify_ends_when_its_world_is_dropped(
    control: Control, sandbox: AssembledServer
) -> None:
    world = await control("create_world", {})
    body = {"expect": [{"request": "create_payment"}], "within": "30s"}
    key = world["api_key"]
    waiting = asyncio.create_task(control("verify", body, key=key))
    async with asyncio.timeout(5):
        while not len(sandbox.runtime.notifier):
            await control("retrieve_world", key=key)
        await control("delete_world", key=key)
        assert (await waiting)["passed"] is False


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"within": "6m"}, "/within: expected at most 5m."),
        ({"within": "x"}, "/within: expected a duration of at most 5m, such as 250ms or 3s."),
    ],
)
async def test_verify_with_an_invalid_or_too_long_within_is_rejected(
    control: Control, body: object, details: str
) -> None:
    assert await control("verify", body, status=400) == invalid(details)


async def test_invalid_expectations_are_rejected_with_their_json_pointers(control: Control) -> None:
    """Valid ones are not listed."""
    expect = [
        {"audit": "clean"},
        {"requests": "create_payment"},
        {"request": "list_payments", "when": {"amount": 1}},
    ]
    refusal = await control("verify", {"expect": expect}, status=400)

    assert [(each["path"], each["message"]) for each in refusal["problems"]] == [
        ("/expect/1/requests", "unknown key 'requests'"),
        ("/expect/2/when/amount", "this can never be met: list_payments has no amount"),
    ]


async def test_a_reset_restores_the_given_payments_and_at_rules_of_a_scenario(
    api: Api, control: Control, world: World
) -> None:
    given = {
        "scenario": "given",
        "given": {"payments": [{"id": "pay_old", "amount": 1200, "currency": "EUR"}]},
        "rules": [{"at": "1h", "do": {"rate_limit": {"remaining": 0}}}],
    }
    await control("add_active_scenario", given)
    await control("reset_world")
    shown = await ask(api, "GET", "/v3/payments/pay_old", 200)

    assert shown["amount"] == 1200
    assert [each.what for each in world.upcoming(5)] == ["rule given/rule-1"]


def test_every_world_of_a_server_starts_with_the_servers_scenarios(tmp_path: Path) -> None:
    """The home world, and those made on first use."""
    file = tmp_path / "scene.yaml"
    file.write_text("scenario: scene\nclock: 2031-01-01\nexpect: [{audit: clean}]", "utf-8")
    scene = scenario_of("clock: 2031-01-01\nexpect: [{audit: clean}]")
    sandbox: AssembledServer = assemble(Settings(scenarios=(file,)))
    worlds = [
        sandbox.runtime.worlds.get_or_create(key) for key in ("sk_test_sandbox", "sk_test_new")
    ]

    assert [world.rules.scenarios for world in worlds] == [(scene,)] * 2
    with pytest.raises(InvalidRequest, match="is given twice"):
        assemble(Settings(scenarios=("scene", file), scenario_dirs=(tmp_path,)))
