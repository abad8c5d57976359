"""Imports what commands and sessions of pytest import once they begin: they are forked off then."""

import httpx  # noqa: F401
import requests  # noqa: F401

from tests.support.measuring import import_all

import_all()
