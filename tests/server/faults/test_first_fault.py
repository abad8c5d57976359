"""What a server imports before its first fault: nothing that only faults need."""

import subprocess
import sys
from typing import Final

from tests.project.tree import ROOT

LOADED: Final = """\
import sys
import payments_sandbox.server.factory, payments_sandbox.server.http_server
print(sorted(name for name in sys.modules if name.startswith("payments_sandbox.server.faults.")))
"""


def test_a_plain_server_starts_without_faults() -> None:
    """All but the stand-in for a reply, which a client that leaves needs as well."""
    shown = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert shown.stdout == "['payments_sandbox.server.faults.kit']\n"
