"""Owns the readme in the package's metadata: README.md, whose links lead to the repository.

Hatch loads this module by its name. A package index shows the readme without the files next to it.
"""

import re
from pathlib import Path
from typing import Any, Final

from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY: Final = "https://github.com/payments-sandbox/payments-sandbox"

_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)")


def with_whole_links(readme: str, version: str) -> str:
    """Return the text with absolute links to files of this version; images link to raw files."""

    def whole(link: re.Match[str]) -> str:
        kind = "raw" if link[1] else "blob"
        return f"{link[1]}[{link[2]}]({REPOSITORY}/{kind}/v{version}/{link[3]})"

    return _LINK.sub(whole, readme)


class ReadmeHook(MetadataHookInterface):
    """Gives the metadata its readme."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme`, which pyproject.toml calls dynamic."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        whole = with_whole_links(text, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": whole}
