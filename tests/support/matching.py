"""Owns stand-ins for what a test cannot know beforehand, so that whole bodies can be compared."""

import re


class Matching:
    """Equals each string that the pattern matches as a whole."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.fullmatch(other) is not None

    def __hash__(self) -> int:
        return hash(self._pattern)

    def __repr__(self) -> str:
        return f"<a string like {self._pattern.pattern}>"


PAYMENT_ID = Matching("pay_[A-Za-z0-9]+")
REFUND_ID = Matching("ref_[A-Za-z0-9]+")
EVENT_ID = Matching("evt_[A-Za-z0-9]+")
CHARGEBACK_ID = Matching("chb_[A-Za-z0-9]+")
REQUEST_ID = Matching("req_[A-Za-z0-9]+")
API_KEY = Matching("sk_test_[A-Za-z0-9]+")
MILLISECOND = Matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
WHOLE_SECOND = Matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
