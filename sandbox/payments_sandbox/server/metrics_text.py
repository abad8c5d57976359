"""Owns the text format of Prometheus, version 0.0.4: families of samples, each with its labels."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["counter", "gauge", "summary"]
NO_LABELS: Final[Mapping[str, str]] = {}


class Sample(NamedTuple):
    """One number of a family.

    Attributes:
        value: the number.
        labels: which one it is.
        ending: what follows the family's name: `_sum` and `_count` of a summary.
    """

    value: float
    labels: Mapping[str, str] = NO_LABELS
    ending: str = ""


class Family(NamedTuple):
    """Numbers of one name.

    Attributes:
        name: of all of them.
        kind: whether they only grow, go up and down, or are sums with their counts.
        help: what they are, in a sentence.
        samples: the numbers; those of other labels are other ones.
    """

    name: str
    kind: Kind
    help: str
    samples: Iterable[Sample]


def metrics_text(families: Iterable[Family]) -> str:
    """Write families as Prometheus reads them."""
    lines: list[str] = []
    for family in families:
        text = family.help.replace("\\", r"\\").replace("\n", r"\n")
        lines += [f"# HELP {family.name} {text}", f"# TYPE {family.name} {family.kind}"]
        lines += [_line(family.name, sample) for sample in family.samples]
    return "\n".join([*lines, ""])


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels.items())
    shown = f"{{{labels}}}" if labels else ""
    return f"{name}{sample.ending}{shown} {sample.value!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
