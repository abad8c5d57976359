"""Tests the dashboard's files: redirects of browsers, what is served, and what stays as it was."""

import re
from importlib.resources import files

import pytest

from tests.support.http import Api
from tests.support.tables import for_each

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
FOLDER = files("payments_sandbox.server").joinpath("dashboard_files")
NAMES = sorted(each.name for each in FOLDER.iterdir())


@pytest.mark.parametrize("path", ["/", "/_sandbox"])
async def test_a_browser_is_redirected_to_the_dashboard(api: Api, path: str) -> None:
    response = await api.get(path, headers=BROWSER, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/_sandbox/")


@for_each("accept", ["application/json", "*/*", "text/plain"])
@for_each("path", ["/", "/_sandbox"])
async def test_a_client_that_does_not_accept_html_gets_404_instead_of_the_dashboard(
    api: Api, path: str, accept: str
) -> None:
    response = await api.get(path, headers={"Accept": accept}, allow_redirects=False)
    assert response.status == 404
    assert (await response.json())["error"]["code"] == "not_found"


@for_each("path", ["/", "/_sandbox", "/_sandbox/", "/_sandbox/dashboard/main.js"])
async def test_a_post_to_the_dashboard_is_404(api: Api, path: str) -> None:
    response = await api.post(path, headers=BROWSER, allow_redirects=False)
    assert response.status == 404


async def test_the_content_security_policy_of_the_dashboard_allows_only_its_own_files(
    api: Api,
) -> None:
    response = await api.get("/_sandbox/")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert policy[:2] == ["default-src 'none'", "script-src 'self'"]
    assert not any("unsafe" in each for each in policy)
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in response.headers


@for_each("name", NAMES)
async def test_every_dashboard_file_is_served_with_its_content_type(api: Api, name: str) -> None:
    path = "/_sandbox/" if name == "index.html" else f"/_sandbox/dashboard/{name}"
    response = await api.get(path)
    assert response.status == 200
    assert await response.read() == FOLDER.joinpath(name).read_bytes()
    kinds = {
        "js": "text/javascript",
        "css": "text/css",
        "svg": "image/svg+xml",
        "html": "text/html",
    }
    assert response.content_type == kinds.get(name.partition(".")[2], "text/plain")


async def test_an_unchanged_dashboard_file_gets_304(api: Api) -> None:
    first = await api.get("/_sandbox/dashboard/main.js")
    again = await api.get(
        "/_sandbox/dashboard/main.js", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status, await again.read()) == (304, b"")


@for_each(
    "path",
    [
        "/_sandbox/dashboard/",
        "/_sandbox/dashboard/index.html",
        "/_sandbox/dashboard/nothing.js",
        "/_sandbox/dashboard/..%2fdashboard.py",
        "/_sandbox/dashboard/%2e%2e/dashboard.py",
        "/_sandbox/main.js",
    ],
)
async def test_an_unknown_dashboard_file_is_404(api: Api, path: str) -> None:
    response = await api.get(path)
    assert response.status == 404
    assert (await response.json())["error"]["code"] == "not_found"


def test_the_dashboard_is_small_and_loads_only_its_own_files() -> None:
    contents = [FOLDER.joinpath(name).read_bytes() for name in NAMES]
    assert sum(map(len, contents)) <= 150_000
    page = FOLDER.joinpath("index.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)="([^"]+)""", page) == [
        "dashboard/icon.svg",
        "dashboard/style.css",
        "dashboard/main.js",
        "control-openapi.json",
    ]
    own = [name for name in NAMES if name.endswith(".js") and name != "preact.js"]
    for name in own:
        text = FOLDER.joinpath(name).read_text(encoding="utf-8")
        assert set(re.findall(r"""from "([^"]+)";""", text)) <= {f"./{each}" for each in NAMES}
        assert not re.search(
            r"innerHTML|dangerouslySetInnerHTML|eval\(|https?://(?!localhost)", text
        )
