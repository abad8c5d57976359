"""Imports what commands and pytest sessions need, before they are forked.

A session that shows a failure looks up the files of two thousand modules, and caches the result.
Here this is done once for all sessions.
"""

import inspect

import httpx  # noqa: F401
import requests  # noqa: F401

from tests.support.measuring import import_all

import_all()
inspect.getmodule(compile("", "of no module", "exec"))
