"""A network that was written as ONNX computes what torch computes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import napari_ssn as ssn
from napari_ssn.cli.app import app
from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import ModelError
from napari_ssn.network.interchange import CARD, INPUT, TOLERANCE, departure, to_onnx
from napari_ssn.network.models import load_model
from tests.support.helpers import tiny_model

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return load_model(tiny_model(tmp_path_factory.mktemp("models") / "tiny-2d"), "cpu")


@pytest.fixture(scope="module")
def written(tiny, tmp_path_factory) -> tuple[list[str], str]:
    """What the command was given that wrote the file, and what it said."""
    target = tmp_path_factory.mktemp("written") / "a.onnx"
    arguments = ["export", "--model", str(tiny.folder), "--onnx", str(target)]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0, found.exception
    return arguments, found.stdout


@pytest.fixture(scope="module")
def content(written) -> bytes:
    return Path(written[0][-1]).read_bytes()


def test_label_maps_of_several_images_at_once_are_those_of_torch(tiny, content) -> None:
    session = onnxruntime.InferenceSession(content)
    image = np.random.default_rng(0).random((3, 1, 32, 32), dtype=np.float32)
    got = dict(zip([out.name for out in session.get_outputs()], session.run(None, {INPUT: image}),
                   strict=True))  # fmt: skip
    with torch.inference_mode():
        mean, factor, diag = tiny.network(torch.from_numpy(image))
    for name, wanted in zip(("mean", "cov_factor", "cov_diag"), (mean, factor, diag), strict=True):
        np.testing.assert_allclose(got[name], wanted, rtol=TOLERANCE, atol=TOLERANCE)
    z = [0.5, -1.0, 2.0]
    for place in range(3):
        logits = got["mean"][place] + np.tensordot(z, got["cov_factor"][place], 1)
        dist = ssn.LogitDistribution(mean[place], factor[place], diag[place])
        wanted = np.asarray(dist.label_map(z))
        clear = np.abs(logits[1] - logits[0]) > TOLERANCE
        assert clear.mean() > 0.99 and np.array_equal(logits.argmax(0)[clear], wanted[clear])


def test_the_card_is_in_the_file(tiny, content) -> None:
    props = {prop.key: prop.value for prop in onnx.load_from_string(content).metadata_props}
    assert ModelCard.model_validate_json(props[CARD]) == tiny.card


@pytest.mark.slow
def test_a_network_that_asks_for_presence_says_it_in_onnx_too() -> None:
    model = load_model(ROOT / "src_weights" / "nodule-3d", "cpu")
    found = to_onnx(model)
    names = [out.name for out in onnxruntime.InferenceSession(found).get_outputs()]
    assert names == ["mean", "cov_factor", "cov_diag", "presence"]
    assert departure(found, model, 1) <= TOLERANCE


class Unknown(torch.nn.Module):
    """ONNX has no eigenvalues."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.eigvals(x).real


class Branching(torch.nn.Module):
    """What it does hangs on numbers, which torch cannot write down."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum() > 0 else x


@pytest.mark.parametrize(
    ("network", "words"),
    [(Unknown(), "a layer that ONNX does not know"), (Branching(), "fails at its network")],
    ids=["unknown", "branching"],
)
def test_why_it_cannot_be_written_is_said(
    network: torch.nn.Module, words: str, tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = torch.onnx.export

    def other(*arguments: object, **options: object) -> object:
        return export(network, (torch.ones(2, 3, 3),), dynamo=True, verbose=False)

    monkeypatch.setattr(torch.onnx, "export", other)
    with pytest.raises(ModelError, match=words):
        to_onnx(tiny)


def test_another_network_departs(tiny, content, tmp_path: Path) -> None:
    assert departure(content, tiny) <= TOLERANCE
    other = load_model(tiny_model(tmp_path / "tiny-2d", seed=1), "cpu")
    assert departure(content, other) > 0.01


def test_what_departs_is_not_written(tiny, content, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("napari_ssn.network.interchange.to_onnx", lambda _: content)
    monkeypatch.setattr("napari_ssn.network.interchange.departure", lambda *_: float("nan"))
    arguments = ["export", "--model", str(tiny.folder), "--onnx", str(tmp_path / "a.onnx")]
    found = CliRunner().invoke(app, arguments)
    assert isinstance(found.exception, ModelError) and not list(tmp_path.iterdir())
    assert str(found.exception).startswith("Nothing was written: onnxruntime and torch differ")


def test_the_command_writes_once_and_says_how_near_it_is(written, content, tmp_path: Path) -> None:
    arguments, said = written
    assert "(limit 1e-04)" in said
    target = Path(arguments[-1])
    assert [one.name for one in target.parent.iterdir()] == ["a.onnx"]
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, ssn.SSNError) and "already" in str(again.exception)
    assert target.read_bytes() == content
    wrong = CliRunner().invoke(app, [*arguments[:-1], str(tmp_path / "a.json")])
    assert str(wrong.exception) == "The file of a network ends in .onnx."


def test_without_the_libraries_it_is_said_how_to_get_them(tiny, content, monkeypatch) -> None:
    monkeypatch.setattr("napari_ssn.network.interchange.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"napari-ssn\[onnx\]"):
        to_onnx(tiny)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"napari-ssn\[onnx\]"):
        departure(content, tiny)
