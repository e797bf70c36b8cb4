"""Run the notebooks of ``docs/notebooks/`` anew and keep what they show: ``make notebooks``."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent / "notebooks"


def main() -> None:
    """Run each from above to below; what fails leaves the notebook as it was."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        # Times and the version of Python would make every run another file.
        NotebookClient(notebook, timeout=600, record_timing=False).execute()
        notebook.metadata.language_info = {"name": "python"}
        part = path.with_suffix(".part")
        nbformat.write(notebook, part)
        part.replace(path)


if __name__ == "__main__":
    main()
