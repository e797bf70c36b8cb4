"""Makes an environment of a part of another one, without fetching or unpacking anything again.

    python .ci/carve.py FROM TO REQUIREMENT…

``TO`` holds the distributions of ``FROM`` that the requirements need, by what these declare, and
no others: what it lacks is what somebody who installs only these would lack. Files are linked
where the disk can, and copied elsewhere. A requirement may be a path of a wheel, with extras; the
wheel itself is left for pip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def site_packages(environment: Path) -> Path:
    """Where an environment of this Python keeps what is installed."""
    if sys.platform == "win32":
        return environment / "Lib" / "site-packages"
    major, minor = sys.version_info[:2]
    return environment / "lib" / f"python{major}.{minor}" / "site-packages"


def needed(declared: list[str], extras: set[str]) -> Iterator[Requirement]:
    """Those of what is declared that hold here, with these extras."""
    for line in declared:
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras | {""}):
            yield one


def closure(asked: list[Requirement], there: dict[str, Distribution]) -> dict[str, Distribution]:
    """Everything that these need, by name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(asked)
    while waiting:
        one = waiting.pop()
        name, extras = canonicalize_name(one.name), frozenset(one.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in there:
            sys.exit(f"{name} is needed, and is not in the environment to take it from")
        found[name] = there[name]
        waiting += needed(there[name].requires or [], set(extras))
    return found


def of_a_wheel(named: str) -> list[Requirement]:
    """What a wheel declares that it needs; ``named`` may end in extras, as for pip."""
    path, _, extras = named.partition("[")
    with zipfile.ZipFile(path) as wheel:
        (metadata,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        declared = message_from_bytes(wheel.read(metadata)).get_all("Requires-Dist") or []
    return list(needed(declared, set(extras.rstrip("]").split(",")) if extras else set()))


def bring(one: Distribution, start: Path, end: Path) -> None:
    """Link or copy the files of a distribution, its commands aside: they name the other Python."""
    for file in one.files or []:
        if ".." in file.parts:
            continue
        source, target = start / file, end / file
        if not source.exists() or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)


def main() -> None:
    """Make the environment."""
    start, end, *named = sys.argv[1:]
    packages = site_packages(Path(start))
    there = {canonicalize_name(d.name): d for d in distributions(path=[str(packages)])}
    asked = [Requirement("pip")]
    for one in named:
        asked += of_a_wheel(one) if ".whl" in one else [Requirement(one)]
    if Path(end).exists():
        shutil.rmtree(end)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", end], check=True)
    for one in closure(asked, there).values():
        bring(one, packages, site_packages(Path(end)))


main()
