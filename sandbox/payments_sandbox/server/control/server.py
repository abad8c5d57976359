"""Owns the routes about the server itself: its health, and the OpenAPI documents of both APIs."""

from aiohttp import web

from payments_sandbox import __version__
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.response import SERVER


def live(_: ControlRequest) -> dict[str, object]:
    """Answer that the process is up."""
    return {"live": True, "version": __version__}


def ready(request: ControlRequest) -> dict[str, object] | web.Response:
    """Answer whether the server can serve: 503 if the runtime reports problems.

    The schemas need no check: a server that could not load them does not listen.
    """
    problems = list(request.runtime.problems())
    state = {"ready": not problems, "version": __version__, "problems": problems}
    return state if not problems else web.json_response(state, status=503, headers=SERVER)


def retrieve_openapi(request: ControlRequest) -> dict[str, object]:
    """Return the OpenAPI document of the emulated API."""
    from payments_sandbox.contract.openapi import document  # noqa: PLC0415 - few are ever asked for it

    return document(request.contract.schemas, server_url=f"{request.origin}/v3")


def retrieve_control_openapi(request: ControlRequest) -> dict[str, object]:
    """Return the OpenAPI document of the control API."""
    from payments_sandbox.contract.control_openapi import control_document  # noqa: PLC0415 - few ask for it

    return control_document(request.contract.schemas, server_url=f"{request.origin}/_sandbox")
