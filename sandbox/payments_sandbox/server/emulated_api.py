"""Owns the emulated API over HTTP: requests become calls, answers become bytes or faults."""

import asyncio
import logging
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Final

from aiohttp import web

from payments_sandbox.api.call import Answer, Call, HeldCall, Refusal
from payments_sandbox.api.gateway import Gateway
from payments_sandbox.contract.operations import OPERATIONS
from payments_sandbox.core.errors import SANDBOX_FAILED, InvalidApiKey, NotFound, SandboxError
from payments_sandbox.core.masking import mask_target
from payments_sandbox.core.settings import Settings
from payments_sandbox.rules.faults.reply import RealReply
from payments_sandbox.server.delayed_replies import HeldReply
from payments_sandbox.server.fault_player import apply_fault
from payments_sandbox.server.log.request_log import RequestLog
from payments_sandbox.server.origin_guard import is_origin_permitted, name_origin
from payments_sandbox.server.request_body import buffered_body, read_any_body
from payments_sandbox.server.request_headers import RequestHeaders
from payments_sandbox.server.response import EVERY_REPLY, AlreadySent, JsonResponse
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.server.world_runtime import NotKeptError, WorldRuntime
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from payments_sandbox.webhooks.delivery import Delivery

_log = logging.getLogger(__name__)

_WITH_BODY: Final = frozenset(each.name for each in OPERATIONS if each.request is not None)


class EmulatedApi:
    """Serves every path below `/v3`, including unknown ones."""

    def __init__(
        self, settings: Settings, runtime: WorldRuntime, gateway: Gateway, log: RequestLog
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._gateway = gateway
        self._log = log

    async def handle(
        self,
        request: web.BaseRequest,
        headers: RequestHeaders,
        call: Call,
    ) -> web.StreamResponse:
        """Answer one request, with the documented error envelope if anything goes wrong."""
        started = perf_counter()
        if isinstance(peer := request.protocol.peername, tuple):
            call.connection = peer[1]  # the client's port, which tells its connections apart
        world, key = None, headers.key
        if isinstance(key, InvalidApiKey):
            return self._turn_away(request, call, key)
        try:
            if self._runtime.worlds.context.scenarios:
                world = await self._admit(key)
            else:
                world = self._gateway.admit(key)
            if call.operation in _WITH_BODY:
                body = buffered_body(request, headers)
                if body is None:
                    world, body = await self._await_body(request, world, key)
                call.body = body
            return await self._answer(request, world, call, started)
        except InvalidApiKey as error:
            return self._turn_away(request, call, error)
        except ConnectionResetError:
            raise  # the client left while its body was read: there is nobody to answer
        except Exception as error:
            if world is None or request.writer.output_size > 0:
                raise  # the request handler deals with no world, and with a half-sent answer
            _log_failure(request, call.path, error)
            return _response(self._gateway.give_up(world, _why(error)))

    def _turn_away(
        self, request: web.BaseRequest, call: Call, error: InvalidApiKey
    ) -> web.StreamResponse:
        if call.elsewhere is not None:  # the path does not exist, whatever the key
            return _response(self._gateway.turn_away(NotFound("not_found", call.elsewhere)))
        refused = self._gateway.turn_away(error)
        self._runtime.metrics.count_refused_key(call.operation, refused.reply.status)
        if self._runtime.tally is not None:
            self._runtime.tally.count_refused_key(call.operation, error.code)
        self._log.refused(request, refused.reply.status, error)
        return _response(refused)

    async def _await_body(
        self, request: web.BaseRequest, world: World, key: str
    ) -> tuple[World, bytes | SandboxError]:
        """Wait for the body; return it with the world, a new one if that was dropped meanwhile."""
        body = await read_any_body(request)
        return world if world in self._runtime.worlds else await self._admit(key), body

    async def _admit(self, key: str) -> World:
        """Return the world of a key, in slices: a new world may take long to start."""
        return await run_in_slices(self._gateway.admitting(key))

    async def _answer(
        self, request: web.BaseRequest, world: World, call: Call, started: float
    ) -> web.StreamResponse:
        """Make the call and answer it.

        Between the call and the taking of its webhooks nothing is awaited, unless a step holds the
        call: so no other call can take them.
        """
        self._runtime.held_calls.abandon_left(world, self._gateway)
        answer = self._gateway.answer(world, call)
        if isinstance(answer, HeldCall):
            decided = await self._decided(request, answer, started)
            if decided is None:
                return AlreadySent()
            answer = decided
        held = self._runtime.take_due(world)
        if (kept := self._runtime.before_reply(world)) is not None:
            if answer.fault is None and not answer.delay:  # otherwise, the reply is not known yet
                answer.entry.duration_ms = (perf_counter() - started) * 1_000
            await kept
        if held and (first := [each for each in held if each.is_before_reply]):
            if not await self._sent_first(request, world, first):
                answer.entry.abandon()  # the world has ended, so the reply is not sent
                return AlreadySent()
            held = [each for each in held if not each.is_before_reply]
        if answer.fault is not None and answer.fault.starts_silent:
            self._runtime.send(world, held)  # there is no reply that they would have to follow
            held = ()
        try:
            if answer.fault is None and not answer.delay:
                return _response(answer)
            return await self._deviate(request, world, answer)
        finally:
            seconds = perf_counter() - started
            self._finish(world, answer.entry, held, seconds, delay=answer.delay)

    async def _decided(
        self, request: web.BaseRequest, held: HeldCall, started: float
    ) -> Answer | None:
        """Wait for the decision on a held call; None if nobody waits for its answer any more."""
        held_calls = self._runtime.held_calls
        outcome = await held_calls.wait_for_decision(request, self._gateway, held)
        if isinstance(outcome, Entry):
            self._finish(held.world, outcome, (), perf_counter() - started)
            return None
        return outcome

    async def _sent_first(
        self, request: web.BaseRequest, world: World, first: "Sequence[Delivery]"
    ) -> bool:
        """Send webhooks before the reply; return False if the world ended before they did."""
        with self._runtime.delayed_replies.holding(world, HeldReply(request)) as held:
            sending = asyncio.ensure_future(self._runtime.send_before_reply(world, first))
            ending = asyncio.ensure_future(held.ended.wait())
            try:
                await asyncio.wait((sending, ending), return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()  # re-raises an error
                return not held.ended.is_set()
            finally:
                sending.cancel()
                ending.cancel()

    def _finish(
        self,
        world: World,
        entry: Entry,
        held: "Sequence[Delivery]",
        seconds: float,
        *,
        delay: int = 0,
    ) -> None:
        """Count and log a finished call, and send its webhooks; a failure here is only logged."""
        try:
            if entry.duration_ms is None:
                entry.duration_ms = seconds * 1_000
            self._runtime.metrics.count_call(entry)
            if self._runtime.tally is not None:
                self._runtime.tally.count_call(entry, delay)
            self._runtime.replied(world, held)
            self._log.answered(world, entry)
        except Exception:  # noqa: BLE001 - the call has happened, so its reply is sent
            _log.exception("a call was answered, but could not be recorded")

    async def _deviate(
        self, request: web.BaseRequest, world: World, answer: Answer
    ) -> web.StreamResponse:
        """Delay the reply, or play the fault in its place."""
        delays, entry = self._runtime.delayed_replies, answer.entry
        held = HeldReply(request, entry)
        if answer.delay and not await self._hold(world, held, answer):
            return AlreadySent()
        if answer.fault is None:
            return _response(answer)
        real = self._real_reply(request, world, answer)
        wait_until = delays.wait_until(request, world)
        return await apply_fault(answer.fault, request, real, entry, wait_until)

    def _real_reply(self, request: web.BaseRequest, world: World, answer: Answer) -> RealReply:
        headers = {**EVERY_REPLY, **answer.headers}
        if origins := self._settings.cors:  # a fault bypasses the request handler, which adds them
            name_origin(request, headers, is_permitted=is_origin_permitted(request, origins))
        return RealReply(
            answer.reply.status,
            headers,
            answer.reply.body,
            seed=world.config.seed,
            request_number=answer.entry.number,
            max_wait=self._settings.max_wall_delay,
        )

    async def _hold(self, world: World, held: HeldReply, answer: Answer) -> bool:
        """Delay the reply; False, with the journal entry abandoned, if the wait ended early."""
        seconds = min(answer.delay, self._settings.max_wall_delay) / 1_000
        is_time_up = False
        try:
            is_time_up = await self._runtime.delayed_replies.sleep(world, held, seconds)
        finally:
            if not is_time_up:
                answer.entry.abandon()
        return is_time_up


def _log_failure(request: web.BaseRequest, path: str, error: Exception) -> None:
    what = f"{request.method} {mask_target(path)}"
    if isinstance(error, NotKeptError):
        _log.warning("%s is answered 500, since its changes may be lost: %s", what, error)
    else:
        _log.error("unhandled error in %s", what, exc_info=error)


def _why(error: Exception) -> str:
    if isinstance(error, NotKeptError):
        return f"The changes of this request may be lost: {error}."
    return SANDBOX_FAILED


def _response(answer: Answer | Refusal) -> JsonResponse:
    response = JsonResponse(answer.reply.status, answer.headers, answer.reply.body)
    if answer.close:
        response.force_close()
    return response
