"""Owns the routes about the server itself: its health and its documents."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

SERVER: Final = (
    ControlRoute(
        name="live",
        method="GET",
        path="/live",
        tag="Server",
        summary="Whether the process is up",
        description="Answers as soon as the server listens.",
        response="control/responses/live",
        needs_key=False,
        needs_token=False,
    ),
    ControlRoute(
        name="ready",
        method="GET",
        path="/ready",
        tag="Server",
        summary="Whether the server is ready to serve",
        description="Answers 503 with the problems until everything is loaded.",
        also=(503,),
        response="control/responses/ready",
        needs_key=False,
        needs_token=False,
    ),
    ControlRoute(
        name="retrieve_openapi",
        method="GET",
        path="/openapi.json",
        tag="Server",
        summary="The OpenAPI document of the emulated API",
        description="OpenAPI 3.1, made from the schemas that validate requests.",
        needs_key=False,
    ),
    ControlRoute(
        name="retrieve_control_openapi",
        method="GET",
        path="/control-openapi.json",
        tag="Server",
        summary="The OpenAPI document of the control API",
        description="OpenAPI 3.1: this document.",
        needs_key=False,
    ),
)
