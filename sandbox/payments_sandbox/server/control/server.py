"""Owns the routes about the server itself: its health, its cards, its two documents."""

from payments_sandbox import __version__
from payments_sandbox.contract import representations
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.server.control.control_request import Ask


def live(_: Ask) -> dict[str, object]:
    """The process is up."""
    return {"live": True, "version": __version__}


def ready(_: Ask) -> dict[str, object]:
    """The schemas are loaded: a server that could not load them does not listen."""
    return {"ready": True, "version": __version__, "problems": []}


def list_cards(_: Ask) -> dict[str, object]:
    """Every magic card."""
    return representations.page([card.shown() for card in MAGIC_CARDS], has_more=False)


def retrieve_openapi(ask: Ask) -> dict[str, object]:
    """The OpenAPI document of the emulated API."""
    from payments_sandbox.contract.openapi import document  # noqa: PLC0415 - few are ever asked for it

    return document(ask.parts.contract.schemas, server_url=f"{_origin(ask)}/v3")


def retrieve_control_openapi(ask: Ask) -> dict[str, object]:
    """The OpenAPI document of the control API."""
    from payments_sandbox.contract.control_openapi import control_document  # noqa: PLC0415 - few ask for it

    return control_document(ask.parts.contract.schemas, server_url=f"{_origin(ask)}/_sandbox")


def _origin(ask: Ask) -> str:
    return f"{ask.request.scheme}://{ask.request.host}"
