"""docs/how-to/share-one-server.md: its manifests are consistent and use existing options."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from tests.project.blocks import read_blocks
from tests.project.tree import ROOT
from tests.support.process import PREFIX, environment_name, options_of

PAGE: Final = ROOT / "docs" / "how-to" / "share-one-server.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
YAML: Final = {
    TEXT.splitlines()[block.line - 1].split()[1]: block.code
    for block in read_blocks(PAGE)
    if block.language == "yaml"
}
MANIFESTS: Final[dict[str, Any]] = {
    each["kind"]: each for each in yaml.safe_load_all(YAML["sandbox.yaml"])
}
POD: Final = MANIFESTS["Deployment"]["spec"]["template"]
CONTAINER: Final = POD["spec"]["containers"][0]
PATHS: Final = {CONTROL_PATH + route.path for route in CONTROL_ROUTES if route.method == "GET"}


def known_variables() -> set[str]:
    """Return the variables of the options of `serve`."""
    return {environment_name(option) for option in options_of("serve")}


def test_the_compose_file_is_valid_against_its_schema(tmp_path: Path) -> None:
    tool = shutil.which("check-jsonschema", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("there is no check-jsonschema in this environment; the extra [dev] has it")
    (tmp_path / "compose.yaml").write_text(YAML["compose.yaml"], encoding="utf-8")
    command = [tool, "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_compose_and_kubernetes_use_only_options_of_serve() -> None:
    service = yaml.safe_load(YAML["compose.yaml"])["services"]["sandbox"]
    used = {*service["environment"], *(each["name"] for each in CONTAINER["env"])}
    options = {each for each in CONTAINER["args"] if each.startswith("--")}

    assert used <= known_variables()
    assert all(each.startswith(PREFIX) for each in used)
    assert CONTAINER["args"][0] == "serve"
    assert options <= options_of("serve")


def test_the_kubernetes_manifests_reference_each_other_correctly() -> None:
    """The service selects the pod, and the pod names its port, claim and secret."""
    service, deployment = MANIFESTS["Service"]["spec"], MANIFESTS["Deployment"]["spec"]
    [port] = CONTAINER["ports"]
    volumes = {each["name"]: each for each in POD["spec"]["volumes"]}
    [variable] = CONTAINER["env"]
    reference = variable["valueFrom"]["secretKeyRef"]

    assert service["selector"] == POD["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == POD["metadata"]["labels"]
    assert [each["targetPort"] for each in service["ports"]] == [port["name"]]
    assert {each["name"] for each in CONTAINER["volumeMounts"]} == set(volumes)
    claim = volumes["state"]["persistentVolumeClaim"]["claimName"]
    assert claim == MANIFESTS["PersistentVolumeClaim"]["metadata"]["name"]
    assert reference["name"] == MANIFESTS["Secret"]["metadata"]["name"]
    assert reference["key"] in MANIFESTS["Secret"]["stringData"]
    mounted = tuple(each["mountPath"] for each in CONTAINER["volumeMounts"])
    files = [part for each in CONTAINER["args"] if each.startswith("/") for part in each.split(",")]
    assert len(files) == 3
    assert all(each.startswith(mounted) for each in files)


def test_probes_and_scrapes_use_existing_routes() -> None:
    """Health routes need no token; the scrape sends one."""
    [job] = yaml.safe_load(YAML["prometheus.yaml"])["scrape_configs"]
    probes = [CONTAINER[name]["httpGet"] for name in ("readinessProbe", "livenessProbe")]
    open_paths = {CONTROL_PATH + each.path for each in CONTROL_ROUTES if not each.needs_token}

    assert {each["path"] for each in probes} <= open_paths
    assert {each["port"] for each in probes} == {"http"}
    assert job["metrics_path"] in PATHS
    assert list(job["http_headers"]) == ["Sandbox-Token"]


def test_the_deployment_has_one_unprivileged_pod() -> None:
    """A second pod would have other worlds, so the old one stops before the new one starts."""
    deployment, container = MANIFESTS["Deployment"]["spec"], CONTAINER["securityContext"]

    assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")
    assert POD["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["readOnlyRootFilesystem"] is True
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"]["drop"] == ["ALL"]


def test_the_user_of_the_page_is_that_of_the_image() -> None:
    """This user must be able to read the key and write the state."""
    user = str(POD["spec"]["securityContext"]["runAsUser"])
    assert f"USER {user}:{user}" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"user {user}" in TEXT
