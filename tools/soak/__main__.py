"""Owns `python -m tools.soak`: it runs 200 tests of a separate project on four workers, many times.

The project has its own environment with the built wheel, and nothing of this checkout. It runs with
one server for each worker, then with one server for all.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PROJECT: Final = Path(__file__).with_name("project")
NEEDS: Final = ("aiohttp", "httpx", "pytest", "pytest-asyncio", "pytest-xdist", "requests")
WORKERS: Final = 4
_SERVE: Final = ("serve", "--port", "0", "--ready-file")


def main() -> int:
    """Run it; return 1 if a run failed, after printing its output."""
    options = _options()
    with TemporaryDirectory() as folder:
        place = Path(folder)
        print("building the wheel and an environment for it …", flush=True)
        programs = _environment(place / "env")
        project = Path(shutil.copytree(PROJECT, place / "project"))
        runs = _Runs(programs, project, options.times)
        with (place / "server.log").open("w") as log:
            is_fine = runs.all_pass("a server for each worker", [])
            ready = place / "ready.json"
            serve = [str(programs / "payments-sandbox"), *_SERVE, str(ready)]
            server = subprocess.Popen(serve, cwd=project, stdout=log, stderr=log)
            try:
                url = _url_in(ready, server)
                is_fine &= runs.all_pass("one server for all", ["--sandbox-url", url])
            finally:
                server.terminate()
                server.wait(10)
    return 0 if is_fine else 1


class _Runs:
    """Runs the project's suite several times."""

    def __init__(self, programs: Path, project: Path, times: int) -> None:
        self._pytest = [str(programs / "python"), "-m", "pytest", "-q", "-n", str(WORKERS)]
        self._project = project
        self._times = times

    def all_pass(self, name: str, options: Sequence[str]) -> bool:
        """Run the suite and print a summary, with the output of each failed run."""
        seconds, passed, last = [], 0, ""
        for _ in range(self._times):
            started = time.perf_counter()
            run = subprocess.run(
                [*self._pytest, *options],
                cwd=self._project,
                capture_output=True,
                text=True,
                check=False,
            )
            seconds.append(time.perf_counter() - started)
            passed += run.returncode == 0
            last = run.stdout.strip().rpartition("\n")[2]
            if run.returncode != 0:
                print(run.stdout, run.stderr, sep="\n")
        print(f"{name}: {passed} of {self._times} runs passed; {last}; median", end=" ")
        print(f"{median(seconds):.1f} s", flush=True)
        return passed == self._times


def _environment(folder: Path) -> Path:
    """Make an environment with the wheel of this checkout; return the folder of its programs."""
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [str(programs / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels = folder / "wheels"
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(wheels), str(ROOT)], check=True)
    [wheel] = wheels.glob("payments_sandbox-*.whl")
    subprocess.run([*pip, "install", str(wheel), *NEEDS], cwd=folder, check=True)
    return programs


def _url_in(ready: Path, server: "subprocess.Popen[bytes]") -> str:
    while not ready.exists():
        if server.poll() is not None:
            raise RuntimeError("the server did not start")
        time.sleep(0.05)  # noqa: TID251 - another process gives no other sign
    url: str = json.loads(ready.read_text(encoding="utf-8"))["sandbox_url"]
    return url


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="runs of each kind (20)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
