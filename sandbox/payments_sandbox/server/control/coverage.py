"""Owns the route of the failure tally."""

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.control.control_request import ControlRequest


async def retrieve_coverage(request: ControlRequest) -> dict[str, object]:
    """Return which failures the calls and webhooks of all worlds have met.

    Raises:
        InvalidRequest: the server was started without `--coverage`.
    """
    tally = request.runtime.tally
    if tally is None:
        raise InvalidRequest(
            "/: this server does not count failures; start it with --coverage or coverage=True."
        )
    return tally.with_others(await request.runtime.elsewhere.ask("coverage")).as_json()
