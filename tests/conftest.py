"""Owns what every test shares: how Hypothesis draws, and that signals reach what tests start.

`HYPOTHESIS_PROFILE=nightly` draws anew on every run and looks longer; the default draws the same
examples every time, so that a red build is red for everybody.
"""

import os
import signal

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile(
    "nightly", derandomize=False, deadline=None, print_blob=True, max_examples=1_000
)
settings.register_profile("mutate", derandomize=True, deadline=None, max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Whoever runs the suite in the background ignores these, and processes inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
