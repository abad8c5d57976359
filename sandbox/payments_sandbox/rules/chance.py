"""Owns chance: a draw is a hash of what it is for, so no interleaving of clients can move it."""

from hashlib import blake2b


def draw(seed: int, rule: str, key: str, call: int) -> float:
    """Uniform in [0, 1), a function of its arguments alone.

    Args:
        seed: the scenario's, or the world's.
        rule: the rule's name within its scenario, and what is drawn for it.
        key: whose call it is, by the rule's `per`.
        call: which call of that key, counted from 1.
    """
    text = f"{seed}\0{rule}\0{key}\0{call}".encode()
    # 53 bits are what a float can hold; with 64 the largest would round up to 1.
    return (int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 11) / 2**53
