"""Owns what every test shares: how Hypothesis draws.

`HYPOTHESIS_PROFILE=nightly` draws anew on every run and looks longer; the default draws the same
examples every time, so that a red build is red for everybody.
"""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile(
    "nightly", derandomize=False, deadline=None, print_blob=True, max_examples=1_000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
