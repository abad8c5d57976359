"""Owns the blocking twin of asynchronous code: the same text without its waiting words."""

import re
from pathlib import Path
from typing import Final

SOURCE: Final = "sandbox/payments_sandbox/client/aio"
TWIN: Final = "sandbox/payments_sandbox/client/sync"
BY_HAND: Final = frozenset({"__init__.py", "line.py"})
"""Modules that both have, each written for itself."""

WORDS: Final = (
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    (r"\bAsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
    (r"\bAsync([A-Z])", r"\1"),
    (r"\bpayments_sandbox\.client\.aio\b", "payments_sandbox.client.sync"),
)
"""What each word becomes, in this order."""


def modules(root: Path) -> dict[str, str]:
    """The text of each twin, by its path."""
    return {
        f"{TWIN}/{path.name}": without_waiting(path.read_text(encoding="utf-8"))
        for path in sorted((root / SOURCE).glob("*.py"))
        if path.name not in BY_HAND
    }


def without_waiting(text: str) -> str:
    """Asynchronous code as the blocking code that says the same."""
    for pattern, replacement in WORDS:
        text = re.sub(pattern, replacement, text)
    return text
