"""Archives in a session: what was stopped is told and left to be sent, and one thing at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_ssn.io.dicom.web import servers
from napari_ssn.prediction.shown import Exported
from napari_ssn.session.archive import Archive
from tests.support.dicoms import make_series
from tests.support.sessions import Held, Inline
from tests.support.webs import Answer, Asked, answering, listed

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exported:
    monkeypatch.setattr(servers, "servers_file", lambda: tmp_path / "servers.json")
    monkeypatch.setattr(servers, "keyring", None)
    paths = make_series(tmp_path / "a", np.zeros((4, 4, 3)), np.eye(4))
    return Exported(tmp_path / "a", (*(path.name for path in paths), "a.dcm.json"))


class Keeps:
    """An archive that says nothing of what it stores, and has it."""

    def __init__(self) -> None:
        self.there: list[bytes] = []

    def __call__(self, asked: Asked) -> Answer:
        if asked.method == "POST":
            self.there.append(asked.body)
            return Answer(body=b"")
        uid = asked.path.partition("SOPInstanceUID=")[2].partition("&")[0]
        known = any(uid.encode() in body for body in self.there)
        return listed({"SOPInstanceUID": uid}) if known and "offset=0" in asked.path else Answer()


def test_what_was_stopped_is_left_to_be_sent(written: Exported) -> None:
    archive, keeps = Archive(Inline(), lambda: written), Keeps()
    assert len(archive.to_send) == 3 and not archive.left and archive.told == ""
    with answering(keeps) as web:
        archive.look()
        archive.add("clinic", web.address, "none")
        assert [one.name for one in archive.servers] == ["clinic"] and archive.words == ""

        def stop() -> None:
            if archive.step[0] == 1:
                archive.stop()

        archive.changed.connect(stop)
        archive.send("clinic")
        assert archive.told == "CT is in clinic. 2 files: not sent. Stopped." and archive.left
        assert len(keeps.there) == 1
        archive.changed.disconnect(stop)
        archive.send("clinic")
    assert archive.told == "3 CT are in clinic." and not archive.left
    assert len(keeps.there) == 3 and not archive.doing


def test_of_another_export_nothing_is_said(written: Exported, tmp_path: Path) -> None:
    last = [written]
    archive = Archive(Inline(), lambda: last[0])
    archive.add("clinic", "http://127.0.0.1:9/dicom-web", "none")
    archive.send("clinic")
    assert archive.left and archive.told.startswith("CT and 2 other files: not sent. clinic does")
    last[0] = Exported(tmp_path, ("b.nii.gz", "b.nii.gz.json"))
    assert not archive.to_send and not archive.left and archive.told == ""


def test_one_thing_at_a_time(written: Exported) -> None:
    held = Held({"archive"})
    archive = Archive(held, lambda: written)
    archive.add("clinic", "http://127.0.0.1:9/dicom-web", "none")
    archive.find("clinic")
    assert archive.doing == "Looking for studies"
    archive.send("clinic")
    archive.choose("nobody", "1.2")
    assert archive.doing == "Looking for studies" and len(held.waiting) == 1
    held.go()
    assert not archive.doing and archive.failed and "does not answer" in archive.words
