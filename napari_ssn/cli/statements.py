"""What a sidecar states beside its label map: made again, or named as what was not checked."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from napari_ssn.cli import spreads
from napari_ssn.cli.beside import other_series
from napari_ssn.cli.kinds import misfit
from napari_ssn.core.given.drawing import fit_drawing
from napari_ssn.documents.chosen import Choice
from napari_ssn.documents.ran import Software
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.geometry.arrays import Floats, Labels
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.prediction.cards import deal_cards
from napari_ssn.prediction.drawing import in_region
from napari_ssn.prediction.ensembles import sum_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.recall import Recall
from napari_ssn.prediction.record import run_of
from napari_ssn.prediction.wish import FEWEST, MOST
from napari_ssn.text import verdicts

# How far a z may lie from the one found here, in standard deviations: eigenvectors are rounded
# otherwise by another processor.
_ROUNDING = 1e-5
# How far the stated presence, or the distance from the training images, may be from what is found
# here: as another processor rounds.
_CHANCE = 1e-4


@dataclass(frozen=True)
class Statements:
    """What became of all that a sidecar states beside voxels, sizes and grid.

    Attributes:
        problems: what it states otherwise than it is, in parts of sentences.
        used: fields that the label map was made again with, where others might give the same one.
        unchecked: fields that nothing here can tell about.
    """

    problems: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def judge(self, name: str, verdict: spreads.Verdict) -> None:
        """Take what was found of a field."""
        problem, known = verdict
        if problem is not None:
            self.problems.append(problem)
        if not known:
            self.leave(name)

    def leave(self, *names: str) -> None:
        """Name fields that nothing here can tell about, each once."""
        self.unchecked.extend(name for name in names if name not in self.unchecked)


def statements(record: Provenance, recall: Recall, drawn: Labels | None = None) -> Statements:
    """Compare what a sidecar states of its run and its choices with what is so.

    Args:
        record: the sidecar.
        recall: what the model makes of its image.
        drawn: the drawing that its hypotheses are said to be nearest to, on the image's grid.
    """
    found = recall.prediction
    run, here = record.run, run_of(found)
    inputs = ("centre", "depth_mm", "tile", "frame", "threads", "ensemble")
    out = Statements(
        misrun(record, found),
        [f"run.{name}" for name in inputs if getattr(run, name) is not None],
        ["created", "software"],
    )
    for name in ("device", "device_title", "instructions"):
        stated = getattr(run, name)
        if stated is not None and stated != getattr(here, name):
            out.leave(f"run.{name}")
    if bool(run.unlike) != bool(here.unlike):
        if _same_card(record, found) and not _on_the_edge(found):
            out.problems.append(verdicts.UNLIKE)
        else:
            out.leave("run.unlike")
    if isinstance(found.source.series, DicomSeries):
        out.problems.extend(other_series(run, found.source.series))
    elif run.dicom is not None:
        out.leave("run.dicom")
    if record.adjudicated is not None:
        out.leave("adjudicated")
    alike = run.threads is not None and _same_software(record, found)
    if record.hypotheses is not None:
        out.leave("hypotheses.name")
        out.judge("hypotheses.share", _misshared(record, recall, alike))
    for choice in (one.choice for one in record.each()):
        if choice.drawing is not None and drawn is None:
            # Nobody can tell who has not the drawing.
            out.leave("choice.drawing", "choice.z" if choice.kind == "drawing" else "choice.anchor")
        elif drawn is not None:
            out.judge("choice.drawing", (_misfitted(choice, recall, drawn), True))
        for name in ("pointing", "conditions", "lesions", "spread"):
            if getattr(choice, name) is not None and f"choice.{name}" not in out.used:
                out.used.append(f"choice.{name}")
        out.judge("choice.presence", _mispresent(choice, recall))
        out.judge("choice.z", _misdrawn(choice, recall, alike))
    if record.sizes is not None:
        out.used.append("sizes.draws")
    # A graphics card may round sums otherwise from one run to the next.
    alike = alike and run.device == here.device == "cpu"
    out.judge("sizes", spreads.missized(record, recall, alike))
    out.judge("spans", spreads.misspanned(record, recall, alike))
    return out


def misrun(record: Provenance, found: Prediction) -> list[str]:
    """What a sidecar states of its run that cannot be, in parts of sentences.

    The label map is made again with what it states, so where that is another one this is why.
    """
    run, here = record.run, run_of(found)
    moved = run.moved_to != here.moved_to
    members = None if run.ensemble is None else run.ensemble.members
    wrong = {
        verdicts.DEPTH: run.depth_mm is not None and here.depth_mm is None,
        verdicts.INSISTED_UNSAID: here.insisted and not run.insisted,
        verdicts.NOT_INSISTED: run.insisted and not here.insisted,
        verdicts.PADDING: run.unpadded and not here.unpadded,
        verdicts.MOVED: moved,
        verdicts.LOOKS: not moved and run.looks != here.looks,
        verdicts.FRAME: run.frame != here.frame,
        verdicts.ENSEMBLE: (members is None) != (here.ensemble is None),
        # Each of them was found by its own, a layer's by its values; of a model `again` has
        # compared it.
        verdicts.CHECKSUM: members is not None
        and here.ensemble is not None
        and record.model.weights_sha256 != sum_of(one.sha256 for one in members),
        # Only a full GPU makes a run go on in other pieces than the model's.
        verdicts.PIECES: here.device == "cpu" == run.device
        and run.tile not in (None, found.card.region),
    }
    return [words for words, is_so in wrong.items() if is_so]


def _same_card(record: Provenance, found: Prediction) -> bool:
    """Whether what is known of the image and of the training images is what was known then."""
    return (
        record.model.version == found.card.version
        # A file of DICOM says more of itself than the same values do.
        and (record.run.dicom is None) == (found.source.series is None)
        and record.software.napari_ssn == Software.here().napari_ssn
    )


def _on_the_edge(found: Prediction) -> bool:
    """Whether another processor's rounding may find an image unlike that is like here."""
    return found.distance is not None and abs(found.distance - 1) < _CHANCE


def _same_software(record: Provenance, found: Prediction) -> bool:
    then, now = record.software, Software.here()
    parts = ("napari_ssn", "torch", "numpy", "system", "machine")
    return (
        all(getattr(then, part) == getattr(now, part) for part in parts)
        and record.run.instructions == found.instructions
    )


def _misshared(record: Provenance, recall: Recall, alike: bool) -> spreads.Verdict:
    """What a file of cards says otherwise of what each stands for, and whether that can be told."""
    members = record.hypotheses or []
    shares = [one.share for one in members]
    if not any(share is not None for share in shares):
        return None, True
    prediction, points, only = recall.asked(record.choice)
    if only and not len(prediction.given.outcome(points, only).z):
        return None, False
    # How many there may be at most is a setting, which a sidecar does not tell.
    for most in range(FEWEST, MOST + 1):
        dealt = [card.share for card in deal_cards(prediction, points, only, most).cards]
        if len(dealt) == len(shares) and _near([one or 0.0 for one in shares], np.array(dealt)):
            return None, True
    return spreads.doubt(True, alike, verdicts.SHARES)


def _misdrawn(choice: Choice, recall: Recall, alike: bool) -> spreads.Verdict:
    """What is wrong with how a z is said to have been come by, and whether that could be told.

    Args:
        choice: of the sidecar.
        recall: what its draws are made from.
        alike: whether the same software computed it then.
    """
    amiss = misfit(choice)
    if amiss is not None:
        return amiss, True
    if choice.kind in ("nothing", "drawing"):
        # What is nearest to a drawing cannot be told without that: `statements` names it.
        return None, True
    given = choice.pointing is not None or choice.conditions is not None
    most = spreads.MOST_GIVEN if given else spreads.MOST_DRAWS
    if choice.sample is not None and choice.sample > most:
        return (None, False) if given else (verdicts.SEED, True)
    if choice.kind == "representative" or (choice.kind == "sample" and choice.sample is None):
        return None, False
    prediction, points, only = recall.asked(choice)
    source = prediction.given
    if only and not len(source.outcome(points, only).z):
        return verdicts.NO_SUCH, True
    draw = None if choice.sample is None else choice.sample - 1
    members = prediction.members
    if choice.drawing is not None:
        whole = np.array(choice.anchor or (), np.float64)
        if len(whole) < source.dist.rank:
            return verdicts.NO_ANCHOR, True
    elif choice.member is not None:
        number = choice.member - 1
        if members is None or number >= len(members):
            return verdicts.NO_MEMBER, True
        if choice.kind == "member" and bool(choice.nothing) == (number in members.outlined):
            return verdicts.MEMBER_EMPTY, True
        if choice.nothing:
            return None, True
        if number not in members.outlined:
            return verdicts.WALK_FROM_EMPTY, True
        whole = members.z[number]
    else:
        whole = source.anchor(points, draw, choice.seed or 0, only)
    anchor, beyond = np.split(whole, [source.dist.rank])
    stated = None if choice.pointing is None else choice.pointing.rest
    if stated is not None and not _near(stated, beyond[: len(beyond) - len(set(points))]):
        return spreads.doubt(given, alike, verdicts.CORRECTION)
    if choice.anchor is not None and not _near(choice.anchor, anchor):
        return spreads.doubt(given, alike, verdicts.ANCHOR)
    if choice.kind != "walk":
        if not given and anchor.tolist() != choice.z:
            words = {"member": verdicts.Z_OF_MEMBER, "sample": verdicts.SEED}
            return words.get(choice.kind, verdicts.NO_MEAN), True
        if not _near(choice.z, anchor):
            return spreads.doubt(given, alike, verdicts.Z_OF_GIVEN)
        return None, True
    # A direction has length one: so much holds whatever found it.
    assert choice.z is not None
    start = anchor if choice.anchor is None else np.array(choice.anchor)
    sigma = choice.sigma or 0.0
    if abs(np.linalg.norm(np.array(choice.z) - start) - abs(sigma)) > _ROUNDING:
        return verdicts.SIGMA, True
    number = (choice.direction or 1) - 1
    if number >= source.dist.rank:
        return verdicts.NO_DIRECTION, True
    directions = prediction.bases.find(choice.directions or "label-weighted")
    walked = [(choice.z, sigma)]
    walked += [(one.z, one.sigma) for one in (choice.lesions.own if choice.lesions else ())]
    if not all(_near(z, directions.z(number, at, anchor)) for z, at in walked):
        return spreads.doubt(True, alike, verdicts.DIRECTION)
    return None, True


def _misfitted(choice: Choice, recall: Recall, drawn: Labels) -> str | None:
    """What is wrong with a hypothesis that is said to be nearest to a drawing."""
    stated = choice.drawing
    if stated is None:
        return verdicts.NO_DRAWING
    if stated.sha256 != label_map_hash(drawn):
        return verdicts.DRAWING
    prediction = recall.stated(choice)
    here = in_region(prediction, drawn)
    found = fit_drawing(prediction.dist, here, stated.tolerance, stated.length_mm)
    if not _near(choice.z if choice.kind == "drawing" else choice.anchor, found.z):
        return verdicts.Z_OF_DRAWING
    return None


def _mispresent(choice: Choice, recall: Recall) -> spreads.Verdict:
    """What a sidecar says of presence otherwise than the model, and whether that could be told."""
    if choice.nothing and choice.kind not in ("nothing", "sample", "member"):
        return verdicts.NOT_EMPTY, True
    if choice.presence is None:
        # One of before says nothing of it.
        return verdicts.NOT_EMPTY if choice.nothing else None, True
    told = choice.pointing
    prediction, points, only = recall.asked(choice, None if told is None else told.slip)
    source = prediction.given
    presence = source.presence(points, only)
    if not source.apart or abs(presence - choice.presence) > _CHANCE:
        return verdicts.PRESENCE, True
    if choice.kind != "sample" or choice.sample is None or choice.sample > spreads.MOST_DRAWS:
        return None, True
    there = bool(source.present(points, choice.sample, choice.seed or 0, only)[-1])
    if there == bool(choice.nothing):
        return verdicts.SAMPLE_EMPTY, True
    return None, True


def _near(stated: list[float] | None, known: Floats) -> bool:
    return (
        stated is not None
        and len(stated) == len(known)
        and bool(np.allclose(stated, known, rtol=_ROUNDING, atol=_ROUNDING))
    )
