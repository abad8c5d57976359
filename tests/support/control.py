"""Owns the control API as tests call it: by route name, every reply held against its schema."""

from collections.abc import Mapping

from payments_sandbox.contract.control_route_table import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.schemas import Contract
from tests.support.clients import Api, Json, bearer

REFUSED = "control/responses/refused_scenario"
"""What a refusal follows that lists a scenario's problems."""

BY_NAME = {route.name: route for route in CONTROL_ROUTES}


def path_of(route: ControlRoute) -> str:
    """A path of the route; its ids are of nothing."""
    return CONTROL_PATH + route.path.format(
        payment_id="pay_xyz789",
        request_id="req_xyz789",
        event_id="evt_abc123",
        endpoint_id="we_4b1d0f",
        delivery_id="dlv_9c2e71",
        name="orders",
    )


class Control:
    """Calls routes by name; a reply that breaks its schema fails the test."""

    def __init__(self, api: Api, contract: Contract) -> None:
        self._api = api
        self._contract = contract

    async def __call__(  # noqa: PLR0913 - what a request is made of, each by its name
        self,
        name: str,
        body: object = None,
        *,
        status: int | None = None,
        key: str | None = None,
        query: dict[str, str] | None = None,
        ids: Mapping[str, str] | None = None,
        **variables: str,
    ) -> Json:
        """The JSON of the reply, whose status is the route's success unless told otherwise.

        Args:
            name: the route's name.
            body: what to send as JSON; None sends no body.
            status: the status that is expected.
            key: whose world it is about; the home world unless told otherwise.
            query: the query's parameters.
            ids: the variable parts of the path.
            **variables: the same, by name.
        """
        route = BY_NAME[name]
        path = CONTROL_PATH + route.path.format(**(ids or variables))
        expected = route.success if status is None else status
        options: dict[str, Json] = {} if body is None else {"json": body}
        if key is not None:
            options["headers"] = bearer(key)
        async with self._api.request(route.method, path, params=query, **options) as reply:
            text = await reply.text()
            assert reply.status == expected, f"{name}: {reply.status} {text}"
            assert reply.headers["Server"] == "payments-sandbox"
            if reply.status == 204:
                assert text == ""
                return None
            assert reply.headers["Content-Type"] == "application/json"
            self._hold(name, reply.status, shown := await reply.json())
            return shown

    def _hold(self, name: str, status: int, body: object) -> None:
        route = BY_NAME[name]
        is_success = status in (route.success, *route.also)
        has_problems = isinstance(body, dict) and "problems" in body
        refused = REFUSED if has_problems else "responses/error"
        schema = route.response_schema if is_success else refused
        assert schema is None or self._contract.accepts(schema, body), (
            f"{schema}: {self._contract.explain(schema or '', body)}"
        )
