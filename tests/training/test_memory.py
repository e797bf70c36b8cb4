"""A training process does not ask for the same memory in every step."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_STEPS = """
import resource, sys, torch
from napari_ssn.training.memory import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    x = torch.ones(1 << 24, requires_grad=True)
    (x * 2).square().sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    assert keep_memory()
# The first steps find out how much there has to be.
print([faults() for _ in range(6)][-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_of_a_step_is_kept_for_the_next() -> None:
    found = {}
    for how in ("kept", "given back"):
        command = [sys.executable, "-c", _STEPS, how]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[how] = int(done.stdout)
    assert found["kept"] < 0.1 * found["given back"]
