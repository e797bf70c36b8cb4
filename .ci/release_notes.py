"""What a release says of itself: its section of CHANGELOG.md.

    python .ci/release_notes.py v0.2.0

Ends with a sentence, and no notes, where the tag, the version and the changelog disagree.
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(tag: str, version: str, changelog: str) -> str:
    """The section of a version, without its heading.

    Raises:
        ValueError: where there is nothing to release under that tag; one sentence.
    """
    if tag != f"v{version}":
        raise ValueError(f"The tag is {tag}, and napari_ssn/_version.py says {version}.")
    for section in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        name, _, date = heading.partition(" – ")
        if name.strip() == version:
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date.strip()):
                raise ValueError(f"CHANGELOG.md has no date for {version}: “{heading.strip()}”.")
            return body.strip() + "\n"
    raise ValueError(f"CHANGELOG.md has no section for {version}.")


if __name__ == "__main__":
    version = runpy.run_path(str(ROOT / "napari_ssn" / "_version.py"))["__version__"]
    try:
        text = notes(sys.argv[1], version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    except ValueError as problem:
        sys.exit(str(problem))
    sys.stdout.write(text)
