"""What `make docs` adds to the pages of docs/: README and others from the top of the checkout.

They link to each other as GitHub wants it, by where they lie; here links are led to where they lie
in the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
#: Pages from the top of the checkout, by their names in the site.
PAGES = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
}
_NAMES = {source: name for name, source in PAGES.items()}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the top level and the pictures of the models."""
    for name, source in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=_led_down(text)))
    for path in sorted(ROOT.glob("src_weights/*/*.png")):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead the links of a page in docs/ that leave it."""
    return re.sub(r"\]\(\.\./([^)#]+)", lambda m: f"]({_NAMES.get(m[1], m[1])}", markdown)


def _led_down(text: str) -> str:
    """A page of the top level as if it lay in docs/."""
    text = text.replace("](docs/", "](")
    return re.sub(r"\]\(([^):#]+)", lambda m: f"]({_NAMES.get(m[1], m[1])}", text)
