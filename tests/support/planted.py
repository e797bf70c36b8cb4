"""Identifiers that are planted in inputs, and searched for in outputs."""

from __future__ import annotations

from tests.support.dicoms import SECRETS

# No few digits alone: UIDs and checksums, which are drawn, hold those by chance.
# In the names of folders and files; those of `SECRETS` stand in headers.
FOLDER, FILE = "MUSTER_ERIKA_19640812", "Befund_Z4712_MUSTER"
PLANTED = (*SECRETS, "MUSTER", "ERIKA", "19640812", "Z4712")


def named_in(text: str) -> set[str]:
    """Which of the planted identifiers a text holds."""
    return {secret for secret in PLANTED if secret in text}
