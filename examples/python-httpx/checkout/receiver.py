"""The server that receives webhooks, and acts only on signed ones."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


@contextmanager
def receiving(secret: str, hear: Callable[[dict[str, Any]], None]) -> Iterator[str]:
    """Receive webhooks until the block ends; yields the URL to send them to."""
    webhook = Webhook(secret)

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                event = webhook.verify(raw, dict(self.headers))
            except (WebhookVerificationError, ValueError):
                self._answer(400)
                return
            hear(event)  # if this raises, the webhook is sent again
            self._answer(204)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/webhooks"
        finally:
            server.shutdown()
            thread.join()
