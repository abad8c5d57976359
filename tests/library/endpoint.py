"""The HTTP server in which a shop receives its webhooks."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Take = Callable[[Mapping[str, str], bytes], int]
"""Takes headers, their names in lower case, and a body; returns a status."""


@contextlib.contextmanager
def endpoint(take: Take) -> Iterator[str]:
    """Run a server that passes every POST to a function; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Reply with the status that the function returns; an exception is a 500."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                status = take(headers, body)
            except Exception:  # noqa: BLE001 - whatever it is
                status = 500
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/webhooks"
        finally:
            server.shutdown()
            thread.join(10)
