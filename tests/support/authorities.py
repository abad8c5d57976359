"""Owns sharing the machine's trusted certificates between all clients of httpx.

Each client would read a hundred and fifty certificates again, which is slower than most tests.
"""

import functools
import os
import ssl

import httpx
import pytest

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def read_once(patch: pytest.MonkeyPatch) -> None:
    """Make clients of httpx with the default trust share one SSL context."""
    make = httpx.create_ssl_context

    @functools.cache
    def usual(trust_env: bool, *_: str | None) -> ssl.SSLContext:  # noqa: FBT001 - as httpx has it
        return make(trust_env=trust_env)

    def create(
        verify: ssl.SSLContext | str | bool = True,  # noqa: FBT001, FBT002 - as httpx has it
        cert: object = None,
        trust_env: bool = True,  # noqa: FBT001, FBT002 - as above
    ) -> ssl.SSLContext:
        if verify is True and cert is None:
            return usual(trust_env, *map(os.environ.get, _VARIABLES))
        return make(verify=verify, cert=cert, trust_env=trust_env)  # type: ignore[arg-type]  # any

    patch.setattr("httpx._transports.default.create_ssl_context", create)
