"""Owns the beginning of test programs that use their sandbox, so that they start fast.

Importing `http.client` or `urllib.request` takes five times as long as starting Python.
"""

from typing import Final

SEND: Final = '''
import os, _socket
def send(method, url, raw=b""):
    """The status of the reply, and its body; an OSError where it has not come whole."""
    place, _, path = url.removeprefix("http://").partition("/")
    host, _, port = place.partition(":")
    head = (f"{method} /{path} HTTP/1.1", f"Host: {place}", "Connection: close",
            "Authorization: Bearer " + os.environ["PAYMENTS_API_KEY"],
            "Content-Type: application/json", f"Content-Length: {len(raw)}", "", "")
    wire, came = _socket.socket(), b""
    wire.settimeout(20)
    wire.connect((host, int(port)))
    wire.sendall("\\r\\n".join(head).encode() + raw)
    while more := wire.recv(65_536):
        came += more
    wire.close()
    head, _, body = came.partition(b"\\r\\n\\r\\n")
    is_whole = head.startswith(b"HTTP/1.1 204 ") or b"Content-Length: %d" % len(body) in head
    if not (head.startswith(b"HTTP/1.1 ") and is_whole):
        raise OSError("no whole reply")
    return int(head[9:12]), body
'''
"""The beginning of a program that can `send` requests."""

ASK: Final = f"""{SEND}
import json
def ask(url, body=None, method=None):
    raw = b"" if body is None else json.dumps(body).encode()
    status, answer = send(method or ("POST" if raw else "GET"), url, raw)
    if status >= 400:
        raise OSError(status, answer)
    return json.loads(answer or "null")
def control(method, path, body=None):
    return ask(os.environ["PAYMENTS_SANDBOX_URL"] + path, body, method)
def play(scenario):
    return control("POST", "/scenarios/active", scenario)
def pay(body):
    return ask(os.environ["PAYMENTS_BASE_URL"] + "/payments", body)
def listed(body):
    query = "/payments?customer_id=" + body["customer_id"]
    return ask(os.environ["PAYMENTS_BASE_URL"] + query)["data"]
"""
"""The beginning of a program that can activate a scenario by `play`, `pay`, and list payments. An
error status raises OSError too."""
