"""Owns the calls about the server itself."""

from typing import Any

from payments_sandbox.client.models.objects import MagicCard, Page
from payments_sandbox.client.models.responses import LiveResponse, ReadyResponse
from payments_sandbox.client.sync.caller import Caller


class ServerCalls(Caller):
    """Health, cards, documents."""

    def live(self) -> LiveResponse:
        """Whether the process is up."""
        return self._get(LiveResponse, "/live")

    def ready(self) -> ReadyResponse:
        """Whether the server is ready to serve; if not, `problems` says why."""
        return self._get(ReadyResponse, "/ready")

    def retrieve_openapi(self) -> dict[str, Any]:
        """The OpenAPI document of the emulated API."""
        return self._get(dict[str, Any], "/openapi.json")

    def retrieve_control_openapi(self) -> dict[str, Any]:
        """The OpenAPI document of the control API."""
        return self._get(dict[str, Any], "/control-openapi.json")

    def list_cards(self) -> Page[MagicCard]:
        """The magic cards, whole."""
        return self._get(Page[MagicCard], "/cards")
