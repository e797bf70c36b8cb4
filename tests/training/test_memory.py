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
    # More than 32 MB, up to which glibc keeps what it has learnt to.
    x = torch.ones(10 << 20, requires_grad=True)
    (x * 2).square().sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

# The first steps find out how much there has to be, and how it is divided.
given_back = min([faults() for _ in range(2)])
assert keep_memory()
print(given_back, min([faults() for _ in range(7)][-3:]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_of_a_step_is_kept_for_the_next() -> None:
    command = [sys.executable, "-c", _STEPS]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    given_back, kept = map(int, done.stdout.split())
    assert kept < 0.1 * given_back
