"""The shop that most people would write: it pays, retries, and waits for the webhook."""

import http.client
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

ORDER = {
    "amount": 4200,
    "currency": "EUR",
    "customer_id": "cust_ada",
    "description": "Order 17",
    "payment_method": {
        "type": "card",
        "card_number": "4242424242424242",
        "exp_month": 12,
        "exp_year": 2034,
        "cvc": "123",
    },
}
PAID = threading.Event()


def post(url: str, body: Any) -> tuple[int, bytes]:
    to = urlsplit(url)
    api = http.client.HTTPConnection(str(to.hostname), to.port, timeout=1)
    key = os.environ["PAYMENTS_API_KEY"]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    api.request("POST", to.path, json.dumps(body), headers)
    reply = api.getresponse()
    return reply.status, reply.read()


def pay() -> Any:
    for _ in range(3):
        try:
            status, body = post(f"{os.environ['PAYMENTS_BASE_URL']}/payments", ORDER)
        except TimeoutError:
            sys.exit("The payment takes too long; you have not paid.")
        except (OSError, http.client.HTTPException):
            continue
        if status == http.client.BAD_REQUEST:
            sys.exit("Your card was declined.")
        if status == http.client.CREATED:
            return json.loads(body)
    sys.exit("The payment does not work today.")


class Receiver(BaseHTTPRequestHandler):
    """Receives webhooks."""

    def do_POST(self) -> None:
        """Receive a webhook."""
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if event["type"] == "payment.completed":
            PAID.set()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    hook = {"url": f"http://127.0.0.1:{server.server_port}/"}
    post(f"{os.environ['PAYMENTS_SANDBOX_URL']}/webhook_endpoints", hook)
    payment = pay()
    PAID.wait(2)
    server.shutdown()
if not PAID.is_set():
    sys.exit("Nobody has confirmed the payment; you have not paid.")
print("Order 17 is paid.")
