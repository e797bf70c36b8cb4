"""A few of the kills of ``make kill``, at the same moments of chance every time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.killing import JOBS, Job, run

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_kill_loses_nothing_and_the_next_run_clears_up(tmp_path: Path, job: type[Job]) -> None:
    seen = run(3, 7, tmp_path, (job,))[job.name]
    assert seen["killed"] == 3
