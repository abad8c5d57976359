"""Owns the route of the metrics of a server, for monitoring."""

from typing import Final

from payments_sandbox.contract.control_routes.route import TEXT, ControlRoute

METRICS: Final = (
    ControlRoute(
        name="retrieve_metrics",
        method="GET",
        path="/metrics",
        tag="Server",
        summary="The metrics of the server",
        description="In the text format of Prometheus, over all worlds since the server began.",
        media_type=TEXT,
        needs_key=False,
    ),
)
