"""The same shop, repaired: it looks before it pays again, and acts only on signed webhooks.

Exit code: 0 the order is paid, 1 it is not, 4 nobody can tell and a person has to look.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import sys
import threading
import time
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
API = os.environ["PAYMENTS_BASE_URL"]
SECRET = base64.b64decode(os.environ["PAYMENTS_WEBHOOK_SECRET"].removeprefix("whsec_"))
TRIES = 4
PAUSE = 0.02
TOLERANCE = 300
HEARD = threading.Event()
SEEN: set[str] = set()


class NobodyCanTell(Exception):
    """The payment may have been made, and the API does not say."""


def ask(method: str, url: str, body: Any = None) -> tuple[int, Any]:
    """Return the status and the body; the status is 0 if there is no readable answer."""
    to = urlsplit(url)
    key = os.environ["PAYMENTS_API_KEY"]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        api = http.client.HTTPConnection(str(to.hostname), to.port, timeout=1)
        path = f"{to.path}?{to.query}" if to.query else to.path
        api.request(method, path, body and json.dumps(body), headers)
        reply = api.getresponse()
        return reply.status, json.loads(reply.read() or b"null")
    except (OSError, http.client.HTTPException, ValueError):
        return 0, None


def read(path: str) -> Any:
    """Send a GET, and retry after any failure: reading changes nothing."""
    for attempt in range(TRIES):
        status, body = ask("GET", f"{API}{path}")
        if status == http.client.OK:
            return body
        time.sleep(PAUSE * 2**attempt)
    raise NobodyCanTell


def find() -> Any:
    """Return the payment of this order, if it was made (the list has no descriptions)."""
    for listed in read(f"/payments?customer_id={ORDER['customer_id']}&limit=100")["data"]:
        if listed["status"] != "failed":
            payment = read(f"/payments/{listed['id']}")
            if payment["description"] == ORDER["description"]:
                return payment
    return None


def pay() -> bool:
    """Pay exactly once, and return whether the payment completed."""
    for attempt in range(TRIES):
        status, body = ask("POST", f"{API}/payments", ORDER)
        if status == http.client.CREATED:
            return bool(body["status"] == "completed")
        if http.client.BAD_REQUEST <= status < http.client.INTERNAL_SERVER_ERROR:
            return False
        time.sleep(PAUSE * 2**attempt)
        if find():
            return True
    return False


def is_genuine(headers: Any, body: bytes) -> bool:
    """Whether a webhook was signed with our secret, and not long ago (Standard Webhooks)."""
    sent, event = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if not sent.isdigit() or abs(time.time() - int(sent)) > TOLERANCE:
        return False
    signed = hmac.digest(SECRET, f"{event}.{sent}.".encode() + body, hashlib.sha256)
    own = f"v1,{base64.b64encode(signed).decode()}"
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(own, each) for each in given)


class Receiver(BaseHTTPRequestHandler):
    """Receives webhooks."""

    def do_POST(self) -> None:
        """Receive a webhook."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if is_genuine(self.headers, body):
            event = json.loads(body)
            if event["id"] not in SEEN and event["type"] == "payment.completed":
                HEARD.set()
            SEEN.add(event["id"])
            self.send_response(204)
        else:
            self.send_response(400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    hook = {"url": f"http://127.0.0.1:{server.server_port}/"}
    ask("POST", f"{os.environ['PAYMENTS_SANDBOX_URL']}/webhook_endpoints", hook)
    try:
        is_paid = pay()
    except NobodyCanTell:
        print("Nobody can tell whether Order 17 is paid; a person has to look.")
        sys.exit(4)
    if is_paid and not HEARD.wait(0.5):
        print("No webhook has arrived, but the API says that the order is paid.")
    server.shutdown()
print("Order 17 is paid." if is_paid else "Order 17 is not paid.")
sys.exit(0 if is_paid else 1)
