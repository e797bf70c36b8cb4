"""What ``napari-ssn segment`` does: label maps, sidecars and volumes.

Results are printed on standard output, progress and remarks on standard error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from napari_ssn import cli, remote
from napari_ssn.cli.images import Named, Numbers, Paths, run_on
from napari_ssn.cli.missing import naming_missing
from napari_ssn.cli.options import Ensemble, Server
from napari_ssn.core.ensemble import WIDTH_MM, Taken
from napari_ssn.core.members import MANY
from napari_ssn.documents.card import ModelCard, read_card
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.errors import ExportError, ImageError
from napari_ssn.geometry.diameters import Diameter
from napari_ssn.io.dicom.series import DicomSeries, told_of
from napari_ssn.io.files import check_not_source, check_targets, folder_made, write_files
from napari_ssn.io.formats import about, check_series, files_of, is_nifti, is_sidecar, sidecar_path
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.io.known import CAPTURED_SUFFIX, DICOM_SUFFIX, REPORT_SUFFIX, holding
from napari_ssn.io.outline import read_outline
from napari_ssn.io.sidecar import write_content
from napari_ssn.io.table import Row
from napari_ssn.network.inference import Asked
from napari_ssn.network.models import load_model
from napari_ssn.network.places import find_model
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.prediction import export
from napari_ssn.prediction.cards import deal_cards
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.crowd import member_choice
from napari_ssn.prediction.decode import across_in, sample_choice
from napari_ssn.prediction.drawing import drawn_as, fit, words_of
from napari_ssn.prediction.lengths import measure_lengths
from napari_ssn.prediction.ranges import count_ranges
from napari_ssn.prediction.readers import of_people, recorded
from napari_ssn.prediction.shown import Shown
from napari_ssn.text import commands as said
from napari_ssn.text.drawing import OTHER_PEOPLE
from napari_ssn.text.results import maps_in_words
from napari_ssn.text.sizes import plural

# Ends of what is written of the probability map, and of nothing else.
_LIKELY = tuple(one.written for one in holding("likely") if len(one.holds) == 1)


def segment_image(
    path: Paths,
    out: Path,
    model_name: str | None,
    *,
    centre: tuple[int, ...] | None = None,
    depth_mm: float | None = None,
    frame: int | None = None,
    series: Numbers = None,
    ensemble: Ensemble | None = None,
    count: int | None = None,
    seed: int = 0,
    device: str = "auto",
    server: Server | None = None,
    suffixes: Sequence[str] = (".nii.gz",),
    deidentified: bool = False,
    report: bool = False,
    overwrite: bool = False,
    insist: bool = False,
    drawing: Path | None = None,
) -> None:
    """Write the mean and samples of an image with their sidecars, and say the volumes.

    Args:
        path: of the image; of several channels one for each, in the order of the model's card.
        out: folder for mean.nii.gz, sample_01.nii.gz … or member_01.nii.gz …, a sidecar for each,
            and volumes.csv.
        model_name: name or folder of the model; None of an ensemble.
        centre: index of the region's middle in the file's own voxel grid.
        depth_mm: how far a 2D model looks along a volume to either side of the centre; as far as
            it does by itself if left out.
        frame: which one of a time series, from 1; None for an image without time.
        series: which one of several DICOM series, or levels of an OME-Zarr, from 1; several of
            one path are its channels.
        ensemble: in the place of a model.
        count, seed: which draws to write; if left out 16, or the members of a small ensemble.
        device: auto, cuda, mps or cpu.
        server: that runs the model, in the place of this computer.
        suffixes: of the label maps, as `io.known.WRITTEN` has them.
        deidentified: whether DICOM segmentations leave out whom they are of.
        report: whether to write report.html too.
        overwrite: whether existing files may be replaced.
        insist: whether to go on with values that seem to be no Hounsfield units, and with what
            does not look like anything.
        drawing: an outline of the image; the hypothesis nearest to it is written too, as
            fitted.nii.gz, and the people behind it are told where its sidecar names them.
    """
    table, page = out / "volumes.csv", out / "report.html"
    card = None if model_name is None else read_card(find_model(model_name))
    named = Named.of(path, series, card)
    if card is not None:
        named.check(card)
        named.tell(card)
    volume = named.read(frame)
    files = None
    if ensemble is not None:
        files = cli.ensembles.members_of(ensemble, volume, named.paths[0].name, device)
    whose, count = (
        ("sample", 16 if count is None else count)
        if (files is None or count is not None or len(files) >= MANY)
        else ("member", len(files))
    )
    names = ["mean", *export.numbered(whose, count), *(() if drawing is None else ("fitted",))]
    ways = _ways(suffixes)
    maps = [out / f"{name}{suffix}" for name in names for suffix in ways]
    likely = [out / f"probability{end}" for end in _LIKELY if end in suffixes]
    pages = [page] if report else []
    pages += [out / f"report{CAPTURED_SUFFIX}"] if CAPTURED_SUFFIX in suffixes else []
    # Before minutes of computing, not after them.
    written = [one for path in (*maps, *likely) for one in files_of(path)]
    targets = [*written, *map(sidecar_path, written), table, *pages]
    check_targets(targets, overwrite)
    drawings = [] if drawing is None else [drawing]
    for one in (*named.paths, *(() if files is None else files.paths), *drawings):
        check_not_source(targets, one)
    outline = None if drawing is None else read_outline(drawing, volume)
    if outline is not None and card is not None:
        called = [label.name for label in card.labels]
        drawn_as(outline, volume.space, called)
    beside = None if drawing is None else sidecar_path(drawing)
    told = read_sidecar(beside) if beside is not None and is_sidecar(beside) else None
    headers = volume.source if isinstance(volume.source, DicomSeries) else None
    to_archive = any(suffix.endswith(DICOM_SUFFIX) for suffix in suffixes)
    if to_archive:
        headers = check_series(headers)
        headers = headers.unnamed() if deidentified else headers
    with folder_made(out):
        if files is not None and ensemble is not None:
            taken = Taken(ensemble.rank, width_mm=ensemble.width_mm or WIDTH_MM)
            found = cli.ensembles.predict_from(files, volume, frame, taken)
        else:
            assert model_name is not None and card is not None
            reach = DEPTH_MM if depth_mm is None else depth_mm
            model = load_model(model_name, device) if server is None else _on(server, card)
            found = run_on(model, volume, centre, frame, depth_mm=reach, insist=insist)
        ranges = count_ranges(found)
        if ranges.presence.unlikely and not insist:
            raise ImageError(f"{ranges.presence.line}. {said.ON_REQUEST}")
        lengths = None if ranges.members else measure_lengths(found)
        fitting = None
        if outline is not None:
            outlined = drawn_as(outline, volume.space, found.labels)
            fitting = fit(found, outlined)
            if told is not None and (people := recorded(told, outlined, found)) is not None:
                if label_map_hash(outlined) == told.label_map_sha256:
                    fitting = of_people(fitting, people)
                else:
                    typer.echo(OTHER_PEOPLE, err=True)
    if depth_mm is not None and found.depth_mm is None:
        typer.echo(said.DEPTH_NOT_USED, err=True)
    if insist and not (found.insisted or ranges.presence.unlikely):
        typer.echo(said.NO_NEED_TO_INSIST, err=True)
    if whose == "member":
        choices = [Choice(), *(member_choice(found, m) for m in range(count))]
    else:
        choices = [Choice(), *(sample_choice(found, i, seed) for i in range(count))]
    choices += [Choice(drawing=fitting.drawing)] if fitting is not None else []
    chosen = dict(zip(names, choices, strict=True))
    made = export.export_choices(found, chosen, out, ways, ranges, lengths, headers, overwrite)
    rows: list[Row] = []
    means: tuple[Diameter, ...] = ()
    for number, choice in enumerate(choices):
        with _saying_what_is_missing(number, len(names)):
            name, content, _ = next(made)
        (hypothesis,) = content.hypotheses
        across = across_in(found, hypothesis.label_map)
        means = means or across
        drawn = None if choice.sample is None else choice.seed
        rows += export.size_rows(found, name, hypothesis.counts, across, seed=drawn)
    with _saying_what_is_missing(len(names), len(names)):
        for path in likely:
            content_of, record = export.likely_content(found, Choice(), ranges.unlike)
            write_content(content_of, path, record, overwrite, headers)
        write_files({table: export.table_of(found, rows, ranges)}, overwrite)
    typer.echo(said.wrote(maps_in_words(len(names), len(written), len(likely))), err=True)
    if to_archive:
        typer.echo(told_of(check_series(headers)), err=True)
        if volume.channels > 1:
            typer.echo(said.first_image_alone(found.card.channels[0]), err=True)
        if headers is not None and len(headers.frames_of_reference) > 1:
            typer.echo(said.SEVERAL_FRAMES_OF_REFERENCE, err=True)
    for target in maps[: len(ways)]:
        if is_nifti(target) and (caution := about(target, content)):
            typer.echo(said.of_nifti(caution), err=True)
    if pages:
        # That of the mean, as the window would write it.
        shown = Shown(found, Choice(), None, deal_cards(found), ranges)
        for k, one in enumerate(pages):
            with naming_missing(pages[k:]):
                export.export_report(shown, one, overwrite, deidentified)
            typer.echo(said.wrote(one.name), err=True)
    for line in ranges.lines(found.measure, means):
        typer.echo(line)
    if fitting is not None:
        for line in words_of(fitting, found)[0]:
            typer.echo(line)


def _ways(suffixes: Sequence[str]) -> list[str]:
    """Suffixes of label maps, each once; what goes with another one is written with that."""
    others = (*_LIKELY, CAPTURED_SUFFIX)
    found = [one for one in dict.fromkeys(suffixes) if one not in others]
    return [one for one in found if one != DICOM_SUFFIX or REPORT_SUFFIX not in found]


def _on(server: Server, card: ModelCard) -> Asked:
    """A model on a server."""
    path = server.token_file or remote.tokens.usual_token_file()
    there = remote.elsewhere.Elsewhere(server.address, path, server.certificates, server.insecure)
    found: Asked = remote.distant.Distant.of(card, there)
    return found


@contextmanager
def _saying_what_is_missing(written: int, wanted: int) -> Iterator[None]:
    """Say what was written when writing fails: nobody misses a file that they do not know of."""
    try:
        yield
    except ExportError as error:
        raise ExportError(
            f"{error} Written: {written} of {plural(wanted, 'label map')}; volumes.csv was not "
            "written."
        ) from None
