"""Owns a `Sender` that never touches a network: each post waits until the test answers it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from payments_sandbox.webhooks.delivery import AttemptResult, ReceiverResponse, why_failed


@dataclass(slots=True)
class Post:
    """One post that is under way."""

    url: str
    body: bytes
    result: asyncio.Future[AttemptResult] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def answer(self, status: int | None = 200, *, duration_ms: float = 1.0) -> None:
        """End it; None is silence."""
        response = None if status is None else ReceiverResponse(status, {}, "")
        error = "no answer" if response is None else why_failed(response)
        self.result.set_result(AttemptResult({}, response, error, duration_ms))


class HeldSender:
    """Remembers the posts that are under way, in the order they were made.

    Attributes:
        posts: those that have not been answered.
        count: how many there have been.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.count = 0
        self.is_closed = False

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> AttemptResult:
        """Wait for the test's answer."""
        del headers, timeout_ms
        post = Post(url, body)
        self.posts.append(post)
        self.count += 1
        try:
            return await post.result
        finally:
            self.posts.remove(post)

    async def close(self) -> None:
        """Nothing is open."""
        self.is_closed = True

    async def turn(self) -> None:
        """Let everybody have a few turns of the loop."""
        for _ in range(5):
            await asyncio.tasks.sleep(0)

    async def answer_all(self, status: int | None = 200, *, duration_ms: float = 1.0) -> None:
        """End all that is under way."""
        for post in list(self.posts):
            post.answer(status, duration_ms=duration_ms)
        await self.turn()
