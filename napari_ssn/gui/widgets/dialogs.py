"""Asks for files, and whether something is meant."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

#: Asks for a file: parent, proposed name, filter; the path, or an empty string.
Ask = Callable[[QWidget, str, str], str]


def ask_for_file(parent: QWidget, name: str, pattern: str, title: str = "Export") -> str:
    """Ask for a place to write; the dialog itself asks before replacing."""
    return str(QFileDialog.getSaveFileName(parent, title, name, pattern)[0])


def ask_for_existing(parent: QWidget, title: str, pattern: str) -> str:
    """Ask for a file that there is."""
    return str(QFileDialog.getOpenFileName(parent, title, "", pattern)[0])


def is_meant(parent: QWidget, title: str, words: str) -> bool:
    """Ask whether something is to be done; unless somebody says so it is not."""
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    return bool(QMessageBox.question(parent, title, words, yes | no, no) == yes)
