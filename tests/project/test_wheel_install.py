"""The wheel in a new environment: it runs without the checkout."""

import json
import site
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

import pytest

import payments_sandbox
from tests.project.tree import ROOT
from tests.support.process import PLUGIN_NAME, SHOP_MODULE, run, serve_process
from tests.support.sockets import exchange, raw_request
from tests.support.values import documented_create

BODY: Final = json.dumps(documented_create()).encode()

PAYS: Final = """
from pathlib import Path

import payments_sandbox
from {module} import pay

def test_the_shop_is_paid(sandbox):
    assert pay(sandbox).status_code == 201
    assert sandbox.payments[0]["amount"] == 2500
    assert Path(payments_sandbox.__file__).is_relative_to({home!r})
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a new environment with the wheel; nothing is downloaded.

    Dependencies come from the environment that runs the tests. A line in a `.pth` file adds their
    folder without reading the `.pth` files there, so the checkout is not importable.
    """
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    [wheel] = folder.glob("*.whl")
    home = folder / "venv"
    venv.create(home, symlinks=True)
    interpreter = home / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", interpreter, "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", "--no-compile", "--no-deps", "--no-index", wheel)
    [packages] = home.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text("\n".join(site.getsitepackages()))
    return interpreter


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, check=True)


def test_the_installed_package_is_imported_and_has_its_version(
    python: Path, tmp_path: Path
) -> None:
    code = "import payments_sandbox; print(payments_sandbox.__file__)"
    shown = run("-c", code, command=(str(python), "-I"), cwd=tmp_path)
    version = run("--version", command=(str(python.with_name("payments-sandbox")),), cwd=tmp_path)

    assert Path(shown.stdout).is_relative_to(python.parents[1])
    assert version.stdout == f"payments-sandbox {payments_sandbox.__version__}\n"


def test_the_installed_command_serves_from_another_folder(python: Path, tmp_path: Path) -> None:
    """Schemas and cards come from the package."""
    command = (str(python.with_name("payments-sandbox")),)
    with serve_process("--clock", "2030-01-15T10:30:00Z", command=command, cwd=tmp_path) as server:
        paid = exchange(server.address, raw_request("POST", "/v3/payments", body=BODY))
        refused = exchange(server.address, raw_request("POST", "/v3/payments", body=b"{}"))
        assert server.stop()[0] == 0

    assert (paid.status, paid.json) == (
        201,
        {
            "id": paid.json["id"],
            "status": "completed",
            "amount": 2500,
            "currency": "USD",
            "created_at": "2030-01-15T10:30:00Z",
            "description": "Payment for order #12345",
        },
    )
    assert (refused.status, refused.json["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("arguments", [("cards",), ("cards", "--json"), ("openapi",), ("--help",)])
def test_the_installed_command_prints_the_same_as_the_checkout(
    python: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Some commands need files of the package, others do not."""
    command = (str(python.with_name("payments-sandbox")),)
    installed = run(*arguments, command=command, cwd=tmp_path)

    assert (installed.returncode, installed.stderr) == (0, "")
    assert installed.stdout == run(*arguments).stdout


def test_python_m_payments_sandbox_works_like_the_command(python: Path, tmp_path: Path) -> None:
    """It runs in the new environment, outside the checkout."""
    listed = run("cards", command=(str(python), "-I", "-m", "payments_sandbox"), cwd=tmp_path)

    assert listed.stdout == run("cards").stdout


@pytest.mark.parametrize(
    ("own_file", "module"), [("sandbox/shop.py", "sandbox.shop"), ("sandbox.py", "sandbox")]
)
def test_a_project_with_its_own_module_named_sandbox_can_use_the_plugin(
    python: Path, tmp_path: Path, own_file: str, module: str
) -> None:
    """Its tests import this module or package, and also use the fixture `sandbox`."""
    own = tmp_path / own_file
    own.parent.mkdir(exist_ok=True)
    own.write_text(SHOP_MODULE)
    home = str(python.parents[1])
    (tmp_path / "test_shop.py").write_text(PAYS.format(module=module, home=home))
    suite = run(
        *("-q", "-W", "error", "-p", PLUGIN_NAME),
        command=(str(python), "-m", "pytest"),
        cwd=tmp_path,
        extra={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )

    assert (suite.returncode, suite.stderr) == (0, ""), suite.stdout
    assert "1 passed" in suite.stdout
