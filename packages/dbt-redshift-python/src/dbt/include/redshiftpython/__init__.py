"""Macros of the adapter type `redshiftpython`."""

from pathlib import Path

PACKAGE_PATH = str(Path(__file__).parent)
