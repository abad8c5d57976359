"""Clients that are generated from both OpenAPI documents compile and work.

Each installed generator makes a client for the emulated API and one for the control API. The
program with its name in `generated_clients` uses both clients, and every program prints the same
text. A test whose tools are not installed is skipped, and the skip names them.
`pip install openapi-generator-cli openapi-python-client` installs two of them, npm the rest.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox.testing import RunningSandbox, running_sandbox
from tests.project.tree import ROOT
from tests.support.process import environment, run

PROGRAMS: Final = Path(__file__).parent / "generated_clients"
PRINTED: Final = "visa completed 1 1000 card_declined 2030-01-15T10:00:00Z"
PATIENCE: Final = 600
"""The timeout of one step in seconds: a generator starts a JVM, maybe on a busy machine."""

NPM: Final = (
    "@hey-api/openapi-ts@0.99",
    "@types/node@20",
    "jest@30",
    "openapi-fetch",
    "openapi-typescript",
    "typescript@5",
    "vitest@2",
)
TSC: Final = ("npx", "tsc", "--strict", "--skipLibCheck")
TO_COMMON_JS: Final = (
    *("--target", "es2022", "--module", "commonjs"),
    *("--moduleResolution", "node10", "--esModuleInterop", "--outDir", "out"),
)
OUR_NAMES: Final = "NewPayment=PaymentOrder,NewRefund=RefundOrder"
"""The Go generator writes a function `NewPayment` for the model `Payment`, so ours is renamed."""

VALIDATOR: Final = "package validator\n\nfunc Validate(interface{}) error { return nil }\n"
"""Replaces the one package that generated Go code requires, so no module proxy is needed."""

ANNOTATIONS: Final = {
    "Nonnull": "@interface Nonnull {}",
    "Nullable": "@interface Nullable {}",
    "Generated": '@interface Generated { String[] value(); String comments() default ""; }',
}
"""Replace the annotations of Jakarta, which generated Java code uses everywhere."""


PATH: Final = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

pytestmark = pytest.mark.timeout(4 * PATIENCE)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSandbox]:
    """A server whose worlds all have the same, fixed time."""
    with running_sandbox(clock="2030-01-15T09:00:00Z") as running:
        yield running


@pytest.fixture
def documents(server: RunningSandbox, tmp_path: Path) -> Path:
    """A folder with both OpenAPI documents."""
    api = run("openapi", "--server", server.base_url).stdout
    control = run("openapi", "--control", "--server", server.sandbox_url).stdout
    (tmp_path / "api.json").write_text(api, encoding="utf-8")
    (tmp_path / "control.json").write_text(control, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The npm packages that the tests need, and our own package."""
    need("npm")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    try:
        do(folder, "npm", "install", "--silent", "--no-audit", "--no-fund", *NPM)
    except AssertionError as error:
        pytest.skip(f"npm cannot install: {error}")
    shutil.copytree(ROOT / "clients" / "js", folder / "node_modules/@payments-sandbox/client")
    return folder / "node_modules"


def need(*programs: str) -> None:
    """Skip the test if a program is not installed, and name the program."""
    if absent := [name for name in programs if shutil.which(name, path=PATH) is None]:
        pytest.skip(f"there is no {' and no '.join(absent)}")


def do(folder: Path, *command: str, variables: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed, and return what it prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(PATH=PATH, **(variables or {})),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-8000:]}{done.stderr[-8000:]}"
    return done.stdout


def told(server: RunningSandbox, key: str) -> tuple[str, str, str]:
    """The arguments of a program."""
    return server.base_url, server.sandbox_url, f"sk_test_{key}"


def generate(folder: Path, language: str, **options: str) -> None:
    """Generate both clients with openapi-generator, whose package contains a jar."""
    need("java")
    for name in ("api", "control"):
        given = [each.format(name=name, title=name.title()) for each in options.values()]
        wanted = [f"--{key.replace('_', '-')}" for key in options]
        pairs = [part for pair in zip(wanted, given, strict=True) for part in pair]
        source = ("-g", language, "-i", f"{name}.json", "-o", f"{language}-{name}")
        do(folder, "java", "-jar", str(generator_jar()), "generate", *source, *pairs)


def generator_jar() -> Path:
    """The jar of openapi-generator; skips the test if it is not installed."""
    try:
        files = distribution("openapi-generator-cli").files or []
    except PackageNotFoundError:
        pytest.skip("there is no openapi-generator-cli")
    [jar] = [Path(str(each.locate())) for each in files if each.suffix == ".jar"]
    return jar


def test_a_client_by_openapi_typescript_compiles_and_works(
    server: RunningSandbox, documents: Path, node_modules: Path
) -> None:
    """It uses openapi-fetch, and TypeScript narrows an event by its type."""
    (documents / "node_modules").symlink_to(node_modules)
    for name in ("api", "control"):
        do(documents, "npx", "openapi-typescript", f"{name}.json", "-o", f"{name}.ts")
    shutil.copy(PROGRAMS / "openapi_fetch.ts", documents)
    do(documents, *TSC, *TO_COMMON_JS, "openapi_fetch.ts")

    given = told(server, "openapi_fetch")
    assert do(documents, "node", "out/openapi_fetch.js", *given).strip() == PRINTED


def test_a_client_by_hey_api_compiles_and_works(
    server: RunningSandbox, documents: Path, node_modules: Path
) -> None:
    """Its functions are named after the operations, and its types after the models."""
    (documents / "node_modules").symlink_to(node_modules)
    for name in ("api", "control"):
        do(documents, "npx", "openapi-ts", "-i", f"{name}.json", "-o", f"hey-{name}")
    shutil.copy(PROGRAMS / "hey_api.ts", documents)
    do(documents, *TSC, *TO_COMMON_JS, "hey_api.ts")

    assert do(documents, "node", "out/hey_api.js", *told(server, "hey_api")).strip() == PRINTED


def test_a_client_by_openapi_python_client_works(server: RunningSandbox, documents: Path) -> None:
    """The generator leaves out the operations in YAML, and says so."""
    need("openapi-python-client")
    for name in ("api", "control"):
        where = ("--path", f"{name}.json", "--output-path", f"py-{name}")
        do(documents, "openapi-python-client", "generate", *where)
    program = str(PROGRAMS / "openapi_python_client.py")
    variables = {"PYTHONPATH": os.pathsep.join(["py-api", "py-control"])}
    given = told(server, "python")

    printed = do(documents, sys.executable, program, *given, variables=variables)
    assert printed.strip() == PRINTED


def test_a_java_client_by_openapi_generator_compiles_and_works(
    server: RunningSandbox, documents: Path
) -> None:
    """The jar of the generator contains everything that the clients need except annotations."""
    need("javac")
    generate(
        documents,
        "java",
        library="native",
        api_package="{name}.client",
        invoker_package="{name}.client",
        model_package="{name}.model",
        additional_properties="openApiNullable=false,useJakartaEe=true,hideGenerationTimestamp=true",
    )
    stubs = documents / "stubs" / "jakarta" / "annotation"
    stubs.mkdir(parents=True)
    for name, text in ANNOTATIONS.items():
        source = f"package jakarta.annotation; public {text}"
        (stubs / f"{name}.java").write_text(source, encoding="utf-8")
    sources = [path for name in ("java-api", "java-control") for path in code(documents / name)]
    jar = str(generator_jar())
    files = map(str, [*sources, *stubs.glob("*.java"), PROGRAMS / "OpenapiGenerator.java"])
    do(documents, "javac", "-nowarn", "-proc:none", "-cp", jar, "-d", "out", *files)

    class_path = f"{jar}:out"
    printed = do(
        documents, "java", "-cp", class_path, "OpenapiGenerator", *told(server, "java")
    ).strip()
    assert printed == PRINTED


def code(folder: Path) -> Iterator[Path]:
    """The generated Java sources, without the generated tests."""
    yield from (folder / "src" / "main").rglob("*.java")


def test_a_go_client_by_openapi_generator_compiles_and_works(
    server: RunningSandbox, documents: Path
) -> None:
    """The models whose names start with `New` need other names."""
    need("go")
    generate(
        documents,
        "go",
        additional_properties="packageName={name}",
        model_name_mappings=OUR_NAMES,
    )
    stub = documents / "validator"
    stub.mkdir()
    (stub / "validator.go").write_text(VALIDATOR, encoding="utf-8")
    (stub / "go.mod").write_text("module gopkg.in/validator.v2\n", encoding="utf-8")
    for name in ("api", "control"):
        shutil.rmtree(documents / f"go-{name}" / "test")
        (documents / f"go-{name}" / "go.mod").write_text(
            f"module example.com/{name}\n\ngo 1.18\n", encoding="utf-8"
        )
    places = {
        "example.com/api": "./go-api",
        "example.com/control": "./go-control",
        "gopkg.in/validator.v2": "./validator",
    }
    wanted = "".join(
        f"require {module} v{'2' if module.endswith('v2') else '0'}.0.0\n"
        f"replace {module} => {place}\n"
        for module, place in places.items()
    )
    (documents / "go.mod").write_text(f"module example.com/shop\n\ngo 1.18\n\n{wanted}")
    shutil.copy(PROGRAMS / "openapi_generator.go", documents / "main.go")
    variables = {"GOPROXY": "off", "GOFLAGS": "-mod=mod"}
    do(documents, "go", "build", "-o", "shop", ".", variables=variables)

    assert do(documents, "./shop", *told(server, "go")).strip() == PRINTED


def test_a_ruby_client_by_openapi_generator_works(server: RunningSandbox, documents: Path) -> None:
    """Such a client once raised on every success, because a date-time had a pattern too."""
    need("ruby")
    wanted = ["ruby", "-rtyphoeus", "-rmarcel", "-e", ""]
    if subprocess.run(wanted, capture_output=True, check=False).returncode:
        pytest.skip("there is no typhoeus or no marcel for Ruby")
    generate(documents, "ruby", additional_properties="gemName=shop_{name}")
    folders = ("-Iruby-api/lib", "-Iruby-control/lib")
    program = str(PROGRAMS / "openapi_generator.rb")

    assert do(documents, "ruby", *folders, program, *told(server, "ruby")).strip() == PRINTED


def test_a_php_client_by_openapi_generator_works(server: RunningSandbox, documents: Path) -> None:
    """Such a client once raised on every success too."""
    need("php")
    if not Path("/usr/share/php/GuzzleHttp/autoload.php").exists():
        pytest.skip("there is no php-guzzlehttp-guzzle")
    generate(documents, "php", invoker_package="Of{title}")
    shutil.copy(PROGRAMS / "openapi_generator.php", documents)

    printed = do(documents, "php", "openapi_generator.php", *told(server, "php"))
    assert printed.strip() == PRINTED


def test_unmet_expectations_of_our_own_client_fail_tests_of_vitest_and_jest(
    tmp_path: Path, node_modules: Path
) -> None:
    """`tsc --strict` reports no error, and the other tests pass."""
    (tmp_path / "node_modules").symlink_to(node_modules)
    for name in ("vitest.test.ts", "jest.test.js"):
        shutil.copy(PROGRAMS / name, tmp_path)
    (tmp_path / "package.json").write_text("{}", encoding="utf-8")
    strict = ("--noEmit", "--target", "es2022", "--module", "nodenext", "--types", "node")
    do(tmp_path, *TSC, *strict, "vitest.test.ts")
    vitest = do(tmp_path, "sh", "-c", "npx vitest run --reporter=json vitest.test.ts || true")
    jest = do(tmp_path, "sh", "-c", "npx jest --json jest.test.js || true")

    for printed, passed in ((vitest, 4), (jest, 1)):
        found = json.loads(printed)
        assert (found["numPassedTests"], found["numFailedTests"]) == (passed, 1)
        assert "ExpectationsNotMet" in printed
