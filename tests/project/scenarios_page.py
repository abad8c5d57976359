"""Owns docs/scenarios.md: `make docs` generates it from the library, and a test compares it."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Final

from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.loader import load
from tests.library.misses import NAIVE, Misses
from tests.project.tree import ROOT

PAGE: Final = ROOT / "docs" / "scenarios.md"
FOLDER: Final = ROOT / "scenarios"
WIDTH: Final = 99

INTRODUCTION: Final = """\
# Scenarios

Twenty scenarios ship with the sandbox. Each is a short file: its rules say how the API deviates,
and `expect` says what a correct integration does about it. Use them as they are, or copy one and
change it; [scenario-language.md](scenario-language.md) describes the language.

`make docs` generates this page from the files.

## How to run one

Create a world with it, and let your integration use the key of that world:

```sh
curl -s http://127.0.0.1:8080/_sandbox/worlds \\
  -H "Content-Type: application/json" \\
  -d '{"api_key": "sk_test_lost", "scenarios": ["lost-reply"]}'
```

Do what the text of the scenario says, and then request the report:

```sh
curl -s http://127.0.0.1:8080/_sandbox/report -H "Authorization: Bearer sk_test_lost"
```

`POST /_sandbox/scenarios/active` activates one in an existing world; see the
[control API](control-api.md#scenarios). `payments-sandbox serve --scenario lost-reply` activates it
in every world, and so does [`run`](cli.md#payments-sandbox-run) for the tests of any language; in
pytest, use [a mark](testing.md#sandbox_scenario). Scenarios about webhooks need an endpoint of your
own, and for those about time you advance the clock.

**The pictures**, and **what a naive client misses**, are recorded. The test suite runs two
integrations through each scenario: a careful one, which meets all expectations, and a naive one,
which retries after every failure and believes every answer. The pictures show what the sandbox saw
of the careful one; the lists are what the sandbox reported about the naive one.

## The library
"""


def page() -> str:
    """Return the page as it has to be."""
    scenarios = [(path, _scenario(path)) for path in sorted(FOLDER.glob("*.yaml"))]
    return "\n".join([INTRODUCTION, *_index(scenarios), *_sections(scenarios)])


def _scenario(path: Path) -> Scenario:
    found = load(path.read_text(encoding="utf-8"), name=path.stem).scenario
    if found is None:
        message = f"{path} is no scenario."
        raise ValueError(message)
    return found


def _index(scenarios: list[tuple[Path, Scenario]]) -> Iterator[str]:
    yield "| scenario | tags | audit findings for a naive client |"
    yield "|---|---|---|"
    for _, scenario in scenarios:
        found = ", ".join(f"`{kind}`" for kind in NAIVE[scenario.name].findings) or "nothing"
        yield f"| [{scenario.name}](#{scenario.name}) | {', '.join(scenario.tags)} | {found} |"


def _sections(scenarios: list[tuple[Path, Scenario]]) -> Iterator[str]:
    for path, scenario in scenarios:
        yield f"\n### {scenario.name}\n"
        yield f"{fill(scenario.about.strip(), WIDTH)}\n"
        yield f"```yaml\n{_rules(path)}```\n"
        yield f"![A careful client, call by call](images/scenarios/{scenario.name}.svg)\n"
        yield _missed(path, NAIVE[scenario.name])
    yield ""


def _rules(path: Path) -> str:
    """Return the file after its tags: everything before is in the text."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    tags = next(number for number, line in enumerate(lines) if line.startswith("tags:"))
    return "".join(lines[tags + 1 :])


def _missed(path: Path, misses: Misses) -> str:
    listed = "\n".join(f"- `{each[1:-1]}`" for each in misses.expectations)
    return f"[{path.name}](../scenarios/{path.name}); a naive client misses:\n\n{listed}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
