"""Processes that are killed at random moments, and what they leave: ``make kill``.

Each attempt is a fork of this process that segments, exports or trains into one folder again and
again, and is killed (SIGKILL) after a random while. What was there before must be there
afterwards, whole; and nothing hidden is left after the next run that is let finish.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

from napari_ssn.errors import SSNError
from tests.support.helpers import noise_image, oblique_affine, tiny_model

SPACE = (20, 18, 16)


class Job:
    """Something that writes files, and how one knows that they are whole."""

    name = ""

    def prepare(self, folder: Path) -> None:
        """Make what it needs."""

    def run(self) -> None:
        """Write once, over what is there."""

    def check(self, seen: Counter[str]) -> None:
        """AssertionError if something is lost or cut off; what was seen otherwise is counted."""


class Segmenting(Job):
    """The command ``segment``: label maps, sidecars, the table, the report."""

    name = "segment"

    def prepare(self, folder: Path) -> None:
        self.out, self.space = folder / "out", SPACE
        self.model = tiny_model(folder / "tiny", dims=3, region=(16,) * 3)
        self.image = folder / "image.nii.gz"
        nib.save(nib.Nifti1Image(noise_image(SPACE), oblique_affine()), self.image)
        self.found: set[str] = set()

    def run(self) -> None:
        from napari_ssn.cli.segmenting import segment_image

        segment_image(
            self.image, self.out, str(self.model), count=2, device="cpu", report=True,
            overwrite=True,
        )  # fmt: skip

    def check(self, seen: Counter[str]) -> None:
        from napari_ssn.documents.sidecar import read_sidecar
        from napari_ssn.io.hashes import label_map_hash

        there = {one.name for one in self.out.glob("[!.]*")} if self.out.exists() else set()
        assert there >= self.found, f"lost: {self.found - there}"
        self.found = there
        for path in self.out.glob("[!.]*"):
            if path.suffix == ".json":
                map_ = path.with_suffix(".nii.gz")
                if not map_.exists():
                    seen["a sidecar without its label map"] += 1
                    continue
                values = np.asarray(nib.load(map_).dataobj)
                assert label_map_hash(values) == read_sidecar(path).label_map_sha256
            elif path.name.endswith(".nii.gz"):
                assert nib.load(path).shape == self.space
                seen["a label map without its sidecar"] += not (
                    path.with_name(path.name.removesuffix(".nii.gz") + ".json").exists()
                )
            else:
                last = {".csv": b"\n", ".html": b"</html>\n"}[path.suffix]
                assert path.read_bytes().endswith(last)


class Exporting(Segmenting):
    """Label maps with their sidecars, as the window writes them, one file after the other."""

    name = "export"

    def prepare(self, folder: Path) -> None:
        from napari_ssn.core.hypotheses import Hypothesis

        self.out = folder / "exported"
        self.out.mkdir()
        self.found = set()
        self.space = (96, 96, 48)
        labels = (noise_image(self.space) > 0).astype(np.uint8)
        self.one = Hypothesis(labels, oblique_affine(), np.zeros(2))

    def run(self) -> None:
        from napari_ssn.documents.chosen import Choice
        from napari_ssn.io import write
        from napari_ssn.io.describing import describe
        from tests.support.records import MODEL, RUN

        about = describe(
            self.one, model=MODEL, run=RUN, choice=Choice(kind="mean", z=[0.0, 0.0]),
            labels=["background", "nodule"], extent="volume",
        )  # fmt: skip
        for name in ("a.nii.gz", "b.nii.gz", "c.nii.gz"):
            write(self.one, self.out / name, provenance=about, overwrite=True)


class Training(Job):
    """``train`` with a checkpoint after every step."""

    name = "train"

    def prepare(self, folder: Path) -> None:
        from napari_ssn.training.recipes import read_recipe
        from napari_ssn.training.slices import load_slices
        from tests.support.sets import RECIPE, slice_files, write

        self.out = folder / "model"
        self.data = load_slices(write(folder / "data.zip", slice_files(4)))
        (folder / "recipe.toml").write_text(RECIPE)
        self.recipe, self.card = read_recipe(folder / "recipe.toml")
        self.steps = 0
        self.ahead = 4

    def run(self) -> None:
        from napari_ssn.training.fit import fit

        recipe = self.recipe.model_copy(
            update={"steps": self.steps + self.ahead, "validation_cases": 1}
        )
        fit(self.data, self.data, self.out, recipe, self.card, device="cpu", workers=0,
            save_every_s=0)  # fmt: skip

    def check(self, seen: Counter[str]) -> None:
        from napari_ssn.network.models import load_model
        from napari_ssn.training.checkpoint import read_checkpoint

        state = read_checkpoint(self.out)
        assert (0 if state is None else state.step) >= self.steps, "steps are lost"
        self.steps = 0 if state is None else state.step
        if (self.out / "model.json").exists():
            try:
                load_model(self.out, "cpu")
            except SSNError:
                seen["weights newer than their card"] += 1


class Autosaving(Job):
    """The folder of a session, in which one result and another take turns."""

    name = "autosave"

    def prepare(self, folder: Path) -> None:
        from dataclasses import replace

        from napari_ssn.geometry.volume import Volume
        from napari_ssn.network.models import load_model
        from napari_ssn.prediction.run import run
        from napari_ssn.prediction.source import Source

        self.out = folder / "session"
        self.seen = False
        model = load_model(tiny_model(folder / "kept", dims=3, region=(16,) * 3), "cpu")
        image = Volume(noise_image(SPACE)[None], oblique_affine())
        first = run(model, Source.of(image), kinds=("label-weighted",))
        other = replace(first, run=2, dist=first.dist.spread(2.0))
        other.bases.find("label-weighted")
        self.results = first, other

    def run(self) -> None:
        from napari_ssn.prediction.choice import Choice
        from napari_ssn.prediction.held import Held, Whole
        from napari_ssn.prediction.stored import Pieces
        from napari_ssn.prediction.studies import save_in_folder

        for number, result in enumerate(self.results):
            save_in_folder(self.out, Whole((Held(result, Choice(sample=number)),)), Pieces())

    def check(self, seen: Counter[str]) -> None:
        from napari_ssn.io.study import open_study

        if not (self.seen or self.out.exists()):
            return
        self.seen = True
        with open_study(self.out) as file:
            (result,) = file.study.results
            seen[f"result {result.shown.sample}"] += 1
            for piece in file.study.pieces:
                assert file.arrays(piece)


JOBS: tuple[type[Job], ...] = (Segmenting, Exporting, Training, Autosaving)


def leftovers(folder: Path) -> list[str]:
    """Hidden files and folders in a folder and those in it."""
    return [one.name for one in folder.rglob(".*")]


def killed(run: Callable[[], object], after_s: float, after_one: bool = False) -> bool:
    """Whether a process that runs something over and over was killed while it did.

    Args:
        run: what it does; it is there as it is here, with all that is loaded.
        after_s: seconds until then.
        after_one: whether they are counted from the end of its first run, not its beginning.
    """
    ready, told = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            if after_one:
                run()
            os.write(told, b".")
            # Not for ever, should this process be killed itself.
            while os.getppid() == parent:
                run()
        finally:
            os._exit(3)
    os.close(told)
    try:
        os.read(ready, 1)
        time.sleep(after_s)
    finally:
        # Whatever becomes of the test: nothing goes on writing.
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(ready)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def run(
    count: int, seed: int, folder: Path, jobs: tuple[type[Job], ...] = JOBS
) -> dict[str, Counter[str]]:
    """Kill each job so many times; AssertionError if anything is lost or left.

    Returns:
        by job what was seen: ``killed``, and states that are whole and yet worth a line.
    """
    chance, table = random.Random(seed), {}
    for kind in jobs:
        job, seen = kind(), Counter[str]()
        job.prepare(folder)
        job.run()  # the first one also imports
        began = time.monotonic()
        job.run()
        long = time.monotonic() - began
        for _ in range(count):
            end = chance.uniform(0, 1.5 * long)
            assert killed(job.run, end), f"{job.name} ended by itself"
            seen["killed"] += 1
            left = leftovers(job.out)
            seen["with something hidden left"] += bool(left)
            job.check(seen)
            if chance.random() < 0.2:
                job.run()
                assert not leftovers(job.out), f"{job.name} leaves {leftovers(job.out)}"
        job.run()
        assert not leftovers(job.out), f"{job.name} leaves {leftovers(job.out)}"
        job.check(seen)
        table[job.name] = seen
    return table


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="of each job")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, seen in run(asked.count, asked.seed, Path(folder)).items():
            print(f"{name:8}", ", ".join(f"{words} {n}" for words, n in seen.items()))
    print("Nothing was lost, and nothing is left after the next run.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
