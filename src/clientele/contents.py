"""What a file is: its content, whatever its name and times say; and which files describe exposures."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["exposure_files", "sha256_of"]


def sha256_of(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal digits, however large it is.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def exposure_files(project: Path) -> list[Path]:
    """Return the files of a project in which audiences, destinations and experiments may stand, by path."""
    return sorted([*project.glob("audiences/**/*.y*ml"), *project.glob("experiments/**/*.y*ml")])
