"""`payments-sandbox serve` with webhooks: they are sent, and stopping does not wait for them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.support.process import ServeProcess, serve_process
from tests.support.values import AUTHORIZED, LONGEST_WAIT, documented_create


class BlackHole:
    """A receiver that accepts connections and requests, and never answers."""

    def __init__(self, listener: socket.socket) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhooks"
        self.arrived = threading.Semaphore(0)
        self._listener = listener
        self._connections: list[socket.socket] = []

    def run(self) -> None:
        """Accept connections until it is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
                connection.recv(65_536)
            except OSError:
                return
            self._connections.append(connection)
            self.arrived.release()

    def close(self) -> None:
        """Close all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            connection.close()


@contextmanager
def black_hole() -> Iterator[BlackHole]:
    """Run a black hole until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hole = BlackHole(listener)
        thread = threading.Thread(target=hole.run, daemon=True)
        thread.start()
        try:
            yield hole
        finally:
            hole.close()
            thread.join(LONGEST_WAIT)


def post(
    server: ServeProcess, path: str, body: object, timeout: float = LONGEST_WAIT
) -> requests.Response:
    """Send a POST request to the server."""
    return requests.post(server.address + path, json=body, headers=AUTHORIZED, timeout=timeout)


@pytest.mark.parametrize("is_advancing", [False, True])
def test_stopping_reports_pending_deliveries_without_waiting_for_them(
    *, is_advancing: bool
) -> None:
    """The exit code is 0, although their timeout has not passed."""
    with black_hole() as hole, serve_process("--clock", "2030-01-15T10:30:00Z") as server:
        post(server, "/_sandbox/webhook_endpoints", {"url": hole.url, "timeout": "30s"})
        for _ in range(5):
            assert post(server, "/v3/payments", documented_create()).status_code == 201
        assert hole.arrived.acquire(timeout=LONGEST_WAIT)
        if is_advancing:
            with pytest.raises(requests.exceptions.ReadTimeout):
                post(server, "/_sandbox/clock/advance", {"by": "1d"}, timeout=0.3)
        code, _ = server.stop()
        _, errors = server.rest()

    assert code == 0
    assert errors.startswith("WARNING payments_sandbox.server.http_server: ")
    assert errors.endswith(": webhook deliveries still pending: 5\n")


def test_stopping_reports_nothing_if_no_delivery_is_pending() -> None:
    """The only delivery has been delivered."""
    with serve_process() as server:
        post(server, "/_sandbox/webhook_endpoints", {"url": "inbox:orders"})
        post(server, "/v3/payments", documented_create())
        url = f"{server.address}/_sandbox/inbox/orders?wait=5s"
        found = requests.get(url, headers=AUTHORIZED, timeout=LONGEST_WAIT).json()["data"]
        code, _ = server.stop()
        _, errors = server.rest()

    assert [each["verified"] for each in found] == [True]
    assert (code, errors) == (0, "")


def test_webhook_creates_a_signing_endpoint_in_every_world() -> None:
    """All of them sign with the secret of the default world."""
    with serve_process("--webhook", "inbox:orders") as server:
        for key in ("sk_test_sandbox", "sk_test_other"):
            headers = {"Authorization": f"Bearer {key}"}
            body = documented_create()
            requests.post(
                f"{server.address}/v3/payments", json=body, headers=headers, timeout=LONGEST_WAIT
            )
            url = f"{server.address}/_sandbox/inbox/orders?wait=5s"
            (message,) = requests.get(url, headers=headers, timeout=LONGEST_WAIT).json()["data"]
            endpoints = requests.get(
                f"{server.address}/_sandbox/webhook_endpoints",
                headers=headers,
                timeout=LONGEST_WAIT,
            ).json()["data"]
            assert message["verified"]
            assert [each["secret"] for each in endpoints] == [server.facts["webhook_secret"]]
