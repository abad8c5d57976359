"""`payments-sandbox explain`: error codes, cards, faults, and requests of a server."""

import pytest

from payments_sandbox.contract.error_codes import CODES, CONTROL_CODES
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.scenarios.loader import load
from tests.support.process import documented_example, new_remote_world, run
from tests.support.sockets import running_server
from tests.support.tables import for_each

ALL = [*CODES, *CONTROL_CODES, *(each.name for each in FAULTS)]


def explained(word: str) -> str:
    """Return what `explain` prints for a word."""
    ended = run("explain", word)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_the_example_in_docs_cli_md_matches_the_output() -> None:
    console, *shown = documented_example("payments-sandbox explain")
    assert explained(console.split()[-1]).splitlines() == shown


@for_each("word", ALL)
def test_every_error_code_and_fault_has_an_explanation(word: str) -> None:
    first, *rest = explained(word).splitlines()
    assert first.startswith(f"{word}: ")
    assert rest != []
    assert [line for line in rest if len(line) > 80 and "|" not in line] == []


@for_each("card", MAGIC_CARDS)
def test_a_magic_card_is_explained_by_its_name_and_by_its_number(card: object) -> None:
    name, number = str(card.name), str(card.number)  # type: ignore[attr-defined]
    by_number = explained(" ".join(number[at : at + 4] for at in range(0, len(number), 4)))

    assert by_number.startswith(f"{number}: the magic card {name} (")
    assert explained(name).endswith(by_number)


@for_each("name", [name for name, code in CODES.items() if code.operations])
def test_the_example_rule_of_an_error_code_is_a_valid_rule(name: str) -> None:
    text = explained(name).partition("  in a scenario:\n")[2].partition("\n\n")[0]
    loaded = load(f"scenario: x\nrules:\n{text}", name="x", longest_wait=5_000)
    assert loaded.problems == ()


def test_a_request_id_is_explained_by_the_server() -> None:
    with running_server() as server:
        world = new_remote_world(server.address)
        world.pay(amount=0)
        [entry] = world.control("GET", "/requests")["data"]
        ended = world.run("explain", entry["id"])
        unknown = world.run("explain", "req_none")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{entry['id']} at 2030-01-15T10:30:00Z: POST /v3/payments")
    assert "400 invalid_request: /amount: expected" in ended.stdout
    assert (unknown.returncode, unknown.stdout) == (1, "")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("card_decline", "did you mean 'card_declined'?"),
        ("4111", "payments-sandbox docs lists pages about them."),
    ],
)
def test_an_unknown_word_is_reported_with_a_hint(word: str, hint: str) -> None:
    ended = run("explain", word)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"payments-sandbox: there is no error code, card, fault or request '{word}'; {hint}\n"
    )
