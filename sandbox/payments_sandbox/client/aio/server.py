"""Owns the calls about the server itself."""

from typing import Any

from payments_sandbox.client.aio.caller import AsyncCaller
from payments_sandbox.client.models.objects import MagicCard, Page
from payments_sandbox.client.models.responses import LiveResponse, ReadyResponse


class AsyncServerCalls(AsyncCaller):
    """Health, cards, documents."""

    async def live(self) -> LiveResponse:
        """Whether the process is up."""
        return await self._get(LiveResponse, "/live")

    async def ready(self) -> ReadyResponse:
        """Whether the server is ready to serve; if not, `problems` says why."""
        return await self._get(ReadyResponse, "/ready")

    async def retrieve_openapi(self) -> dict[str, Any]:
        """The OpenAPI document of the emulated API."""
        return await self._get(dict[str, Any], "/openapi.json")

    async def retrieve_control_openapi(self) -> dict[str, Any]:
        """The OpenAPI document of the control API."""
        return await self._get(dict[str, Any], "/control-openapi.json")

    async def list_cards(self) -> Page[MagicCard]:
        """The magic cards, whole."""
        return await self._get(Page[MagicCard], "/cards")
