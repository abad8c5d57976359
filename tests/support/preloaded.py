"""Imports what commands and sessions of pytest import once they begin: they are forked off then.

A session that shows a failure asks which file each of two thousand modules is from, and keeps that:
here it is asked once for all of them.
"""

import inspect

import httpx  # noqa: F401
import requests  # noqa: F401

from tests.support.measuring import import_all

import_all()
inspect.getmodule(compile("", "of no module", "exec"))
