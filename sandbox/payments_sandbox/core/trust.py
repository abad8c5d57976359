"""Owns the names of variables that TLS clients look for whom to trust in."""

from typing import Final

TRUST_VARIABLES: Final = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
"""The first is that of OpenSSL, and so of most languages; Node's adds to its own."""
