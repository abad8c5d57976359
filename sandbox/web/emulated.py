"""Owns the rim of the emulated API: requests become calls, answers become bytes or faults."""

import asyncio
import logging
from time import perf_counter
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from sandbox.api.calls import Answer, Call
from sandbox.api.gateway import Gateway
from sandbox.contract.operations import OPERATIONS
from sandbox.domain.errors import InvalidApiKey
from sandbox.engine.journal import Entry, masked_target
from sandbox.engine.world import World
from sandbox.scenario.wire import Hang
from sandbox.web import cors
from sandbox.web.body import read_body
from sandbox.web.faults.kit import AlreadySent
from sandbox.web.guard import authorization_of
from sandbox.web.parts import Parts
from sandbox.web.routes import Target, variable_of

_log = logging.getLogger("sandbox.web")

_WITH_BODY: Final = frozenset(each.name for each in OPERATIONS if each.request is not None)
_HEADERS: Final = CIMultiDict({"Content-Type": "application/json", "Server": "payments-sandbox"})


class EmulatedApi:
    """Serves every path below `/v3`, the unknown ones too."""

    def __init__(self, parts: Parts, gateway: Gateway) -> None:
        self._parts = parts
        self._gateway = gateway
        self.settings: Final = parts.settings

    async def handle(
        self,
        request: web.BaseRequest,
        target: Target,
        operation: str | None,
        *,
        allow: str | None = None,
    ) -> web.StreamResponse:
        """Answer one request in the envelope, whatever goes wrong."""
        started = perf_counter()
        path, query = target.path, target.query
        call = Call(operation, request.method, path, request.raw_headers, query, allow=allow)
        if operation is not None:
            call.payment_id = variable_of(target)
        world = None
        try:
            key = authorization_of(request)
            world = self._gateway.admit(key)
            if operation in _WITH_BODY:
                call.body = await read_body(request, patience=self.settings.body_patience)
                if world not in self._parts.worlds:
                    world = self._gateway.admit(key)  # it was dropped while the body arrived
            return await self._answer(request, world, call, started)
        except InvalidApiKey as error:
            refused = self._gateway.turn_away(error)
            self._parts.log.refused(request, refused.reply.status, error)
            return _response(refused)
        except ConnectionResetError:
            raise  # the client left while we read: nobody to answer
        except Exception:
            if world is None or request.writer.output_size > 0:
                raise  # the site knows what to do without a world, and after half an answer
            _log.exception("unhandled error in %s %s", request.method, masked_target(path))
            return _response(self._gateway.give_up(world))

    async def _answer(
        self, request: web.BaseRequest, world: World, call: Call, started: float
    ) -> web.StreamResponse:
        answer = self._gateway.answer(world, call)
        if world.timeline.next_due is not None:
            self._parts.pacer.watch(world)
        held = () if world.webhooks is None else world.webhooks.outbox.take_fresh()
        if answer.fault is None and not answer.delay:
            response: web.StreamResponse = _response(answer)
        else:
            if isinstance(answer.fault, Hang):
                self._parts.dispatcher.release(world, held)  # no reply is going to be first
            response = await self._deviate(request, world, answer)
        if held:
            # The reply is written when the handler has returned, and this is done after it.
            asyncio.get_running_loop().call_soon(self._parts.dispatcher.release, world, held)
        self._finish(world, answer.entry, perf_counter() - started)
        return response

    def _finish(self, world: World, entry: Entry | None, seconds: float) -> None:
        """Tell who listens what became of the call."""
        if entry is not None:
            entry.duration_ms = round(seconds * 1_000, 3)
            self._parts.log.answered(entry)
        self._parts.news.publish(world)

    async def _deviate(
        self, request: web.BaseRequest, world: World, answer: Answer
    ) -> web.StreamResponse:
        """Hold the reply, or do in its place what the fault says."""
        if answer.delay and not await self._hold(request, world, answer):
            return AlreadySent()
        if answer.fault is None or answer.entry is None:
            return _response(answer)
        # A plain serve comes without faults, and so without what they import.
        from sandbox.web.faults.dispatch import inflict  # noqa: PLC0415
        from sandbox.web.faults.exchange import Exchange, Message  # noqa: PLC0415

        headers = {**_HEADERS, **answer.headers}
        if origins := self.settings.cors:  # too late for the site to add them
            cors.name_origin(request, headers, is_permitted=cors.permits(request, origins))
        real = Message(answer.reply.status, headers, answer.reply.body)
        most = self.settings.max_wall_delay / 1_000
        exchange = Exchange(request, real, answer.entry, world, self._parts.sleepers, most)
        return await inflict(answer.fault, exchange)

    async def _hold(self, request: web.BaseRequest, world: World, answer: Answer) -> bool:
        """Hold the reply; False, and journalled as abandoned, when nobody waits for it any more."""
        seconds = min(answer.delay, self.settings.max_wall_delay) / 1_000
        is_time_up = False
        try:
            is_time_up = await self._parts.sleepers.sleep(request, world, seconds)
        finally:
            if not is_time_up and answer.entry is not None:
                answer.entry.abandon()
        return is_time_up


def _response(answer: Answer) -> web.Response:
    reply = answer.reply
    headers = _HEADERS.copy()
    headers.update(answer.headers)
    response = web.Response(body=reply.body, status=reply.status, headers=headers)
    if answer.close:
        response.force_close()
    return response
