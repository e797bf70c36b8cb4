"""Sets of slices in parts that are small enough to be sent, and back; needs Pillow only.

    python benchmarks/gpu/pack.py split SET.zip FOLDER [--side 112] [--megabytes 60]
    python benchmarks/gpu/pack.py join FOLDER

``split`` cuts every slice around its middle and writes ``SET.part1.zip`` and so on, each with the
slices of some nodules and their rows of the three tables. ``join`` makes ``SET.zip``,
``SET-nodules.csv`` and ``SET-hu.csv`` of the parts of every set in a folder: what
`napari_ssn.training.nodules` reads, with the same voxels where they were not cut away.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

_TABLES = ("nodules", "hu")
_SLICES = "slices.csv"
# Of names in a zip and of what its directory says of them, at most.
_OVERHEAD = 400

Rows = tuple[list[str], list[dict[str, str]]]


def split(source: Path, folder: Path, side: int = 112, most: int = 60_000_000) -> list[Path]:
    """Write a set in parts.

    Args:
        source: ``NAME.zip``, its tables beside it.
        folder: where the parts go.
        side: rows and columns that are kept of each slice, around its middle.
        most: bytes of a part.

    Returns:
        the parts, in order.
    """
    tables = {name: _read(_table(source, name).read_text()) for name in _TABLES}
    with zipfile.ZipFile(source) as archive:
        base = next(n for n in archive.namelist() if n.endswith(_SLICES))[: -len(_SLICES)]
        tables["slices"] = _read(archive.read(base + _SLICES).decode())
        names = sorted(Path(n).stem for n in archive.namelist() if n.startswith(f"{base}image/"))
        nodules: dict[tuple[int, int], dict[str, bytes]] = {}
        corner = (0, 0)
        for name in names:
            patient, nodule, _ = map(int, name.split("_"))
            files = nodules.setdefault((patient, nodule), {})
            for what in ("image", "raters"):
                inner = f"{what}/{name}.png"
                files[inner], corner = _cut(archive.read(base + inner), side)
    for row in tables["nodules"][1]:
        for column, moved in zip(("row0", "col0"), corner, strict=True):
            if row.get(column):
                row[column] = f"{float(row[column]) + moved:g}"
    made = []
    for number, keys in enumerate(_shared_out(nodules, tables, most), start=1):
        path = folder / f"{source.stem}.part{number}.zip"
        inside = {name: content for key in keys for name, content in nodules[key].items()}
        for name, (columns, rows) in tables.items():
            inside[f"{name}.csv"] = _written(columns, [r for r in rows if _key(r) in keys])
        _zipped(path, inside)
        made.append(path)
    return made


def join(folder: Path) -> list[Path]:
    """Make whole sets of the parts of every set in a folder; returns their zips."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.glob("*.part*.zip"):
        if match := re.fullmatch(r"(.+)\.part(\d+)\.zip", path.name):
            found.setdefault(match[1], []).append((int(match[2]), path))
    made = []
    for name, parts in sorted(found.items()):
        numbers = sorted(number for number, _ in parts)
        if numbers != list(range(1, len(parts) + 1)):
            raise SystemExit(f"Of {name} there are the parts {numbers}: one is missing.")
        inside: dict[str, bytes] = {}
        tables: dict[str, Rows] = {}
        for _, path in sorted(parts):
            with zipfile.ZipFile(path) as archive:
                for inner in archive.namelist():
                    if not inner.endswith(".csv"):
                        inside[inner] = archive.read(inner)
                        continue
                    columns, rows = _read(archive.read(inner).decode())
                    tables.setdefault(inner, (columns, []))[1].extend(rows)
        inside[_SLICES] = _written(*tables[_SLICES])
        target = folder / f"{name}.zip"
        for table in _TABLES:
            _table(target, table).write_bytes(_written(*tables[f"{table}.csv"]))
        _zipped(target, inside)
        made.append(target)
    return made


def _cut(content: bytes, side: int) -> tuple[bytes, tuple[int, int]]:
    """The middle of a PNG as a PNG, and the row and column of its corner."""
    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
        row, column = max(0, (height - side) // 2), max(0, (width - side) // 2)
        out = io.BytesIO()
        box = (column, row, min(width, column + side), min(height, row + side))
        image.crop(box).save(out, "PNG", optimize=True)
    return out.getvalue(), (row, column)


def _shared_out(
    nodules: dict[tuple[int, int], dict[str, bytes]], tables: dict[str, Rows], most: int
) -> Iterator[set[tuple[int, int]]]:
    """Nodules of each part, as many as fit."""
    rows: dict[tuple[int, int], int] = {}
    for _, lines in tables.values():
        for row in lines:
            rows[_key(row)] = rows.get(_key(row), 0) + sum(len(v or "") + 1 for v in row.values())
    keys: set[tuple[int, int]] = set()
    size = 0
    for key, files in nodules.items():
        own = sum(len(content) + _OVERHEAD for content in files.values()) + rows.get(key, 0)
        if keys and size + own > most:
            yield keys
            keys, size = set(), 0
        keys.add(key)
        size += own
    yield keys


def _table(source: Path, name: str) -> Path:
    return source.with_name(f"{source.stem}-{name}.csv")


def _key(row: dict[str, str]) -> tuple[int, int]:
    return int(row["patient"]), int(row["nodule"])


def _read(text: str) -> Rows:
    reader = csv.DictReader(io.StringIO(text))
    rows = list(reader)
    return list(reader.fieldnames or ()), rows


def _written(columns: list[str], rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _zipped(path: Path, inside: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    # PNG is compressed already.
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(inside.items()):
            archive.writestr(name, content)
    part.replace(path)


def main(arguments: list[str] | None = None) -> None:
    """The two commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("split")
    one.add_argument("set", type=Path)
    one.add_argument("folder", type=Path)
    one.add_argument("--side", type=int, default=112)
    one.add_argument("--megabytes", type=float, default=60)
    commands.add_parser("join").add_argument("folder", type=Path)
    asked = parser.parse_args(arguments)
    if asked.command == "split":
        made = split(asked.set, asked.folder, asked.side, int(asked.megabytes * 1e6))
    else:
        made = join(asked.folder)
    for path in made:
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
