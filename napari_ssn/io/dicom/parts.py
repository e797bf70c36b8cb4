"""A series that holds several images, taken apart: echoes, time points, stacks, a localizer.

Nothing is guessed: it is taken apart by what its headers say, and only where each of the parts
makes an even grid; otherwise it stays whole, and is refused for what is wrong with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from math import isfinite

from napari_ssn.io.dicom import traits
from napari_ssn.io.dicom.part import Home, Part, in_order, places
from napari_ssn.io.dicom.stack import by_direction, plane_name
from napari_ssn.io.dicom.stacks import aside, by_place, in_turn, interleaved


def parts(homes: Sequence[Home]) -> list[Part]:
    """The images that slices of a series are, in an order that does not hang on the files'."""
    classes = list(_classes(homes))
    found = [part for one, words in classes for part in _apart(one, words)]
    if len(classes) > 1 and max(found, key=lambda part: len(part.homes)).stack is None:
        # The largest is no image by itself: a slice among the others is not what it should be.
        return [Part.of(homes)]
    return found


def _classes(homes: Sequence[Home]) -> Iterator[tuple[list[Home], str]]:
    """Slices of one orientation, size and voxel size, and what sets them apart."""
    planes = [plane for _, plane in homes]
    where, directions = by_direction(planes)
    marks = [
        (at, plane.size, tuple(float(f"{mm:.4g}") for mm in plane.spacing_mm))
        for at, plane in zip(where, planes, strict=True)
    ]
    names = [plane_name(one) for one in directions]
    for mark, _ in Counter(marks).most_common():
        mine = [home for home, one in zip(homes, marks, strict=True) if one == mark]
        said = []
        if len(directions) > 1:
            alike = [i for i, name in enumerate(names) if name == names[mark[0]]]
            nth = f" {alike.index(mark[0]) + 1}" if len(alike) > 1 else ""
            said.append(names[mark[0]] + nth)
            if all(plane.scout for _, plane in mine):
                said.append("localizer")
        if len({one[1:] for one in marks if one[0] == mark[0]}) > 1:
            said.append(f"pixels of {' × '.join(f'{mm:.3g}' for mm in mark[2])} mm")
        yield mine, " · ".join(said)


def _apart(homes: list[Home], words: str) -> Iterator[Part]:
    """Parts of slices of one orientation and size."""
    whole = Part.of(homes)
    marks = [plane.traits for _, plane in homes]
    strong = traits.differing(marks, strong=True)
    found = None
    placed = all(map(isfinite, chain(*(plane.position for _, plane in homes))))
    if whole.stack is None and placed:
        found = (
            _by_traits(homes)
            or aside(homes)
            or _by_rank(homes)
            or in_turn(homes)
            or by_place(homes)
        )
    elif strong:
        found = _of_images(homes, strong)
    if found is None:
        differ = tuple(traits.TRAITS[key].name for key in strong) if whole.stack else ()
        yield replace(whole, words=words, differ=differ)
        return
    for part in found:
        yield replace(part, words=" · ".join(one for one in (words, part.words) if one))


def _of_images(homes: list[Home], strong: list[int]) -> list[Part] | None:
    """Parts of an even grid that differ in what one image does not: images between each other.

    Single slices are no images, but for a localizer.
    """
    for keys in [[key] for key in strong] + [strong]:
        found = _split(homes, keys)
        if found is None:
            continue
        if all(len(part.homes) > 1 or part.words == "localizer" for part in found):
            return found
    return None


def _by_traits(homes: list[Home]) -> list[Part] | None:
    """Parts by what differs, the fewest differences that make all of them even grids."""
    marks = [plane.traits for _, plane in homes]
    differ, strong = traits.differing(marks), traits.differing(marks, strong=True)
    tried = [[key] for key in differ]
    tried += [strong] if len(strong) > 1 else []
    tried += [[*strong, key] for key in differ if key not in strong] if strong else []
    tried += [differ] if len(differ) > 1 else []
    where = places(homes)
    most = max(Counter(where).values())
    for keys in tried:
        found = _split(homes, keys)
        if found is None:
            continue
        largest = max(len(part.homes) for part in found)
        if most > 1 and 2 * largest >= len(set(where)):
            return found
        # Beside one another and not between: then nothing is missing between them.
        if most == 1 and min(len(p.homes) for p in found) > 1 and not interleaved(found):
            return found
    return None


def _split(homes: list[Home], keys: list[int]) -> list[Part] | None:
    """Parts that agree in some traits; None if there is but one, or one is no even grid."""
    groups: dict[traits.Traits, list[Home]] = {}
    for home in homes:
        groups.setdefault(tuple(home[1].traits[key] for key in keys), []).append(home)
    if len(groups) < 2:
        return None
    found = []
    among = [plane.traits for _, plane in homes]
    for mine in groups.values():
        part = Part.of(mine)
        if part.stack is None:
            return None
        found.append(replace(part, words=traits.words(keys, mine[0][1].traits, among)))
    return sorted(found, key=lambda part: traits.order(keys, part.homes[0][1].traits))


def _by_rank(homes: list[Home]) -> list[Part] | None:
    """Parts of slices that come first, second … at each place, by when they were triggered.

    A heart's phases are triggered at other times at each place. Numbers of instances are taken
    only if they run through one part after the other, or through one place after the other.
    """
    where = places(homes)
    counts = Counter(where)
    count = max(counts.values())
    if count < 2 or set(counts.values()) != {count}:
        return None
    trigger = next(i for i, one in enumerate(traits.TRAITS) if one.name == "trigger time")
    triggered = [plane.traits[trigger] for _, plane in homes]
    numbered = [one.instance_number for one, _ in homes]
    for values, what in ((triggered, "phase"), (numbered, "repetition")):
        keys = [one for one in values if isinstance(one, int | float)]
        # Distinct at each place.
        if len(keys) < len(homes) or len(set(zip(where, keys, strict=True))) < len(keys):
            continue
        ranked: list[list[tuple[float, Home]]] = [[] for _ in range(count)]
        for place in counts:
            here = [i for i, one in enumerate(where) if one == place]
            for rank, i in enumerate(sorted(here, key=lambda i: keys[i])):
                ranked[rank].append((keys[i], homes[i]))
        if what == "repetition" and not _in_turn(ranked, where, keys):
            continue
        found = [Part.of([home for _, home in one]) for one in ranked]
        if all(part.stack is not None for part in found):
            return in_order(found, what)
    return None


def _in_turn(
    ranked: Sequence[Sequence[tuple[float, Home]]], where: Sequence[int], keys: Sequence[float]
) -> bool:
    """Whether numbers run through one part after the other, or one place after the other."""
    spans = [(min(key for key, _ in one), max(key for key, _ in one)) for one in ranked]
    if all(a[1] < b[0] for a, b in pairwise(spans)):
        return True
    inside: dict[int, list[float]] = {}
    for place, key in zip(where, keys, strict=True):
        inside.setdefault(place, []).append(key)
    runs = sorted((min(values), max(values)) for values in inside.values())
    return all(a[1] < b[0] for a, b in pairwise(runs))
