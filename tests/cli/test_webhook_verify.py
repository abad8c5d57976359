"""`payments-sandbox webhook verify`: prints "good", or why a careful receiver rejects it."""

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox.webhooks.signing import Encoding, Scheme, Signing, sign
from tests.project.blocks import below, read_blocks
from tests.project.tree import ROOT
from tests.support.process import (
    COMMAND,
    environment_name,
    new_remote_world,
    options_of,
    run,
    serve_process,
)
from tests.support.tables import for_each

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"
BODY: Final = b'{"test": 2432232314}'
SENT_AT: Final = 1_614_265_330
NOW: Final = "2021-02-25T15:02:10Z"
"""The instant of the test vector's timestamp."""

VECTOR: Final = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(SENT_AT),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""The public test vector of Standard Webhooks."""

TIMESTAMPED: Final = Signing(Scheme.TIMESTAMPED, "Payments-Signature")
HEX: Final = Signing(Scheme.HMAC, "X-Hub-Signature-256", "sha256=")
BASE64: Final = Signing(Scheme.HMAC, "X-Sig", "", Encoding.BASE64)
GUESSES: Final = {
    "standard": (None, "standard (webhook-signature: v1,BASE64)"),
    "timestamped": (TIMESTAMPED, "timestamped (payments-signature: t=SECONDS,v1=HEX)"),
    "hex": (HEX, "hmac (x-hub-signature-256: sha256=HEX)"),
    "base64": (BASE64, "hmac (x-sig: BASE64)"),
}
ALL: Final = {
    "--secret", "--body", "--header", "--now", "--scheme", "--header-name", "--prefix", "--encoding"
}  # fmt: skip


@pytest.fixture
def body(tmp_path: Path) -> str:
    """Return the path of a file with the body."""
    file = tmp_path / "body.json"
    file.write_bytes(BODY)
    return str(file)


def headers_of(signing: Signing | None, secret: str = SECRET) -> Mapping[str, str]:
    """Return the headers of a message signed in this way, or the test vector's for None."""
    if signing is None:
        return VECTOR
    return sign(signing, [secret], message="evt_1", sent_at=SENT_AT, body=BODY)


def verify(
    body: str, *arguments: str, headers: Mapping[str, str] = VECTOR, now: str = NOW
) -> tuple[int, str, str]:
    """Verify a message with these headers, and return exit code, stdout and stderr."""
    lines = [f"--header={name}: {value}" for name, value in headers.items()]
    ended = run("webhook", "verify", "--body", body, "--now", now, *lines, *arguments)
    return ended.returncode, ended.stdout, ended.stderr


def note(seen: str) -> str:
    """Return the note about a detected scheme."""
    return f"payments-sandbox: detected from the headers: {seen}.\n"


@pytest.mark.parametrize(("signing", "seen"), GUESSES.values(), ids=GUESSES)
def test_the_scheme_is_detected_from_the_headers(
    body: str, signing: Signing | None, seen: str
) -> None:
    """A note on stderr names the scheme; with another secret the webhook is rejected."""
    headers = headers_of(signing)

    assert verify(body, "--secret", SECRET, headers=headers) == (0, "good\n", note(seen))
    assert verify(body, "--secret", OTHER, headers=headers) == (
        1,
        "rejected: no signature matches: the secret differs, or the body was changed\n",
        note(seen),
    )


@pytest.mark.parametrize(
    ("signing", "options"),
    [
        (None, ["--scheme", "standard"]),
        (TIMESTAMPED, ["--scheme", "timestamped"]),
        (
            Signing(Scheme.TIMESTAMPED, "X-Sig"),
            ["--scheme", "timestamped", "--header-name", "X-Sig"],
        ),
        (HEX, ["--scheme", "hmac"]),
        (HEX, ["--scheme", "hmac", "--header-name", HEX.header, "--prefix", "sha256="]),
        (BASE64, ["--scheme", "hmac", "--header-name", "X-Sig", "--encoding", "base64"]),
    ],
    ids=["standard", "timestamped", "named", "hmac", "prefix", "encoding"],
)
def test_a_given_scheme_is_used_without_detection(
    body: str, signing: Signing | None, options: list[str]
) -> None:
    """Only details that were not given are detected, and stderr stays empty."""
    headers = headers_of(signing)

    assert verify(body, "--secret", SECRET, *options, headers=headers) == (0, "good\n", "")
    wrong = verify(body, "--secret", OTHER, *options, headers=headers)
    assert (wrong[0], wrong[2]) == (1, "")


def test_a_webhook_of_the_sandbox_is_valid() -> None:
    """The message is taken from the inbox of a live world."""
    with serve_process() as server:
        world = new_remote_world(server.address, clock="live")
        made = world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
        world.pay()
        (message,) = world.control("GET", "/inbox/orders?wait=5s")["data"]
    lines = [f"--header={name}: {value}" for name, value in message["headers"].items()]
    ended = run(
        "webhook", "verify", "--secret", made["secret"], "--body=-", *lines, given=message["raw"]
    )

    assert (ended.returncode, ended.stdout) == (0, "good\n")


def test_the_example_in_docs_cli_md_matches_the_output(tmp_path: Path) -> None:
    """In the example, an editor has added a line end to the body."""
    found = below("payments-sandbox webhook verify", read_blocks(ROOT / "docs" / "cli.md"))
    (block,) = [block for block in found if block.language == "console"]
    *command, shown = block.code.removeprefix("$ payments-sandbox ").splitlines(keepends=True)
    (tmp_path / "body.json").write_bytes(BODY + b"\n")
    ended = subprocess.run(
        ["sh", "-c", f"{shlex.join(COMMAND)} {''.join(command)}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (1, shown)


@pytest.mark.parametrize(
    ("headers", "secret", "reason"),
    [
        ({"webhook-id": ""}, SECRET, "the header webhook-id is missing"),
        ({"webhook-signature": "v2,abc"}, SECRET, "has no v1 signature"),
        ({"webhook-signature": "v1,%%"}, SECRET, "webhook-signature is not base64"),
        ({"webhook-timestamp": "now"}, SECRET, "is not a whole number of seconds"),
    ],
)
def test_an_invalid_webhook_exits_1_with_the_reason(
    body: str, headers: dict[str, str], secret: str, reason: str
) -> None:
    """The reason is one line on stdout."""
    code, output, _ = verify(body, "--secret", secret, headers=VECTOR | headers)

    assert (code, output.count("\n")) == (1, 1)
    assert output.startswith("rejected: ")
    assert reason in output


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ("2021-02-25T15:07:11Z", "too old: 301 s from now, with a tolerance of 300 s"),
        ("2021-02-25T14:57:09Z", "too new: 301 s from now, with a tolerance of 300 s"),
    ],
)
def test_a_timestamp_out_of_tolerance_is_rejected_unless_now_is_ignore(
    body: str, now: str, reason: str
) -> None:
    """The line says that only the timestamp is wrong."""
    given = ("--secret", SECRET, "--scheme", "standard")

    assert verify(body, *given, now=now) == (
        1,
        (
            f"rejected: the signature is valid, but the timestamp is {reason}; --now ignore accepts"
            " any\n"
        ),
        "",
    )
    assert verify(body, *given, now="ignore") == (0, "good\n", "")


def test_headers_may_have_cgi_names(body: str) -> None:
    """Django's `request.META`, Rack's environment and PHP's `$_SERVER` have such names."""
    headers = {f"HTTP_{name.upper().replace('-', '_')}": VECTOR[name] for name in VECTOR}
    assert verify(body, "--secret", SECRET, headers=headers)[:2] == (0, "good\n")


def test_a_webhook_signed_with_any_of_several_secrets_is_valid(body: str) -> None:
    """Two secrets are valid during a rotation."""
    assert verify(body, "--secret", OTHER, "--secret", SECRET)[:2] == (0, "good\n")


def test_headers_without_a_signature_exit_1_with_the_options_that_help(body: str) -> None:
    """The line lists the headers too."""
    headers = {"Content-Type": "application/json", "X-Nonce": "1"}

    code, output, errors = verify(body, "--secret", SECRET, headers=headers)
    assert (code, errors) == (1, "")
    assert output == (
        "rejected: no header looks like a signature, only content-type, x-nonce;"
        " --header-name and --scheme name it\n"
    )


def test_every_option_can_be_set_by_an_environment_variable(body: str) -> None:
    """Several headers or secrets are separated by line ends."""
    headers = {**sign(HEX, [SECRET], message="", sent_at=0, body=BODY), "X-Other": "1"}
    extra = {
        "--secret": f"{OTHER},1\n{SECRET}",
        "--body": body,
        "--header": "\n".join(f"{name}: {value}" for name, value in headers.items()),
        "--now": NOW,
        "--scheme": "hmac",
        "--header-name": HEX.header,
        "--prefix": "sha256=",
        "--encoding": "hex",
    }
    assert extra.keys() == ALL

    ended = run("webhook", "verify", extra={environment_name(name): extra[name] for name in extra})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "good\n", "")


def test_the_secret_falls_back_to_payments_webhook_secret(body: str) -> None:
    """`payments-sandbox run` sets this variable."""
    lines = [f"--header={name}: {value}" for name, value in VECTOR.items()]
    given = ("webhook", "verify", "--body", body, "--now", NOW, *lines)
    ended = run(*given, extra={"PAYMENTS_WEBHOOK_SECRET": SECRET})

    assert (ended.returncode, ended.stdout) == (0, "good\n")


def test_this_module_covers_every_option_of_webhook_verify() -> None:
    """A new option fails this test until it is tested here."""
    assert options_of("webhook verify") == ALL


WRONG: Final = {
    "no secret": (
        ["--body", "BODY", "--header", "a: b"],
        "argument --secret: expected a secret, here or in PAYMENTS_WEBHOOK_SECRET",
    ),
    "no header": (
        ["--secret", SECRET, "--body", "BODY"],
        "argument --header: expected the received headers, or at least those of the signature",
    ),
    "duplicate header": (
        ["--secret", SECRET, "--body", "BODY", "--header", "a: 1", "--header", "A: 2"],
        "argument --header: expected each name only once",
    ),
    "no body": (
        ["--secret", SECRET, "--header", "a: b"],
        "argument --body: expected a file with the received body, or - for stdin",
    ),
    "missing body file": (
        ["--secret", SECRET, "--body", "no/such", "--header", "a: b"],
        "argument --body: cannot read the file: No such file or directory",
    ),
    "header without a colon": (
        ["--header", "webhook-id"],
        "argument --header: expected 'NAME: VALUE', as received",
    ),
    "unknown scheme": (
        ["--scheme", "rsa"],
        "argument --scheme: expected standard or timestamped or hmac",
    ),
    "unknown encoding": (["--encoding", "hexx"], "argument --encoding: expected hex or base64"),
    "invalid instant": (
        ["--now", "later"],
        (
            "argument --now: expected an ISO 8601 date, or date and time with Z or an offset,"
            " such as 2025-01-15T10:30:00Z"
        ),
    ),
    "secret of another scheme": (
        ["--secret", "secret", "--body", "BODY", "--header", "webhook-id: 1"],
        (
            "argument --secret: expected whsec_ and the base64 of 24 to 64 bytes, for the scheme"
            " standard"
        ),
    ),
    "prefix with scheme standard": (
        ["--secret", SECRET, "--body", "BODY", "--header", "webhook-id: 1", "--prefix", "a"],
        "argument --prefix: not allowed with the scheme standard",
    ),
    "header name with scheme standard": (
        ["--secret", SECRET, "--body", "BODY", "--header", "a: 1", "--scheme", "standard",
         "--header-name", "a"],
        "argument --header-name: not allowed with the scheme standard",
    ),
    "encoding with scheme timestamped": (
        ["--secret", SECRET, "--body", "BODY", "--header", "a: 1", "--scheme", "timestamped",
         "--encoding", "hex"],
        "argument --encoding: not allowed with the scheme timestamped",
    ),
}  # fmt: skip


@for_each(("arguments", "problem"), WRONG.values())
def test_invalid_arguments_exit_2_and_say_what_is_expected(
    body: str, arguments: list[str], problem: str
) -> None:
    given = [body if word == "BODY" else word for word in arguments]
    ended = run("webhook", "verify", *given)

    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last == f"payments-sandbox webhook verify: error: {problem}"


def test_a_missing_subcommand_exits_2() -> None:
    ended = run("webhook")

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        "payments-sandbox webhook: error: the following arguments are required: COMMAND",
    )
