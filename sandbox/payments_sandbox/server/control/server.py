"""Owns the routes about the server itself: its health, its two documents."""

from payments_sandbox import __version__
from payments_sandbox.server.control.control_request import ControlRequest


def live(_: ControlRequest) -> dict[str, object]:
    """The process is up."""
    return {"live": True, "version": __version__}


def ready(_: ControlRequest) -> dict[str, object]:
    """The schemas are loaded: a server that could not load them does not listen."""
    return {"ready": True, "version": __version__, "problems": []}


def retrieve_openapi(request: ControlRequest) -> dict[str, object]:
    """The OpenAPI document of the emulated API."""
    from payments_sandbox.contract.openapi import document  # noqa: PLC0415 - few are ever asked for it

    return document(request.contract.schemas, server_url=f"{_origin(request)}/v3")


def retrieve_control_openapi(request: ControlRequest) -> dict[str, object]:
    """The OpenAPI document of the control API."""
    from payments_sandbox.contract.control_openapi import control_document  # noqa: PLC0415 - few ask for it

    return control_document(request.contract.schemas, server_url=f"{_origin(request)}/_sandbox")


def _origin(request: ControlRequest) -> str:
    return f"{request.http.scheme}://{request.http.host}"
