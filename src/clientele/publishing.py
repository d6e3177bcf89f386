"""Publishing the marts: Parquet files that readers may open at any time, changed in one step.

``HOME/published`` is a symbolic link to a folder in ``HOME/publications``. A publication is written into a
new folder and becomes the published one by renaming a new link over the old, which is atomic: a reader sees
the old marts or the new ones, never a mixture. The last three are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

KEPT = 3
MANIFEST = "manifest.json"


def start(home: Path, run_id: str) -> Path:
    """Make an empty folder for the next publication, and clear away what killed builds left unfinished.

    Folders are numbered, so that their names sort by age.
    """
    root = home / "publications"
    root.mkdir(parents=True, exist_ok=True)
    numbers = [0]
    for folder in root.iterdir():
        if (folder / MANIFEST).exists():
            numbers.append(int(folder.name))
        else:
            shutil.rmtree(folder)
    folder = root / f"{max(numbers) + 1:06d}"
    folder.mkdir()
    (folder / ".run_id").write_text(run_id)
    return folder


def finish(folder: Path) -> Path:
    """Write the manifest of ``folder``, publish it, and drop all but the last three; returns the link."""
    run_id = (folder / ".run_id").read_text()
    (folder / ".run_id").unlink()
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.iterdir())
    }
    (folder / MANIFEST).write_text(json.dumps({"run_id": run_id, "files": files}, indent=2) + "\n")
    home = folder.parent.parent
    link = home / "published"
    fresh = home / ".published-next"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.relative_to(home))
    os.replace(fresh, link)
    for old in sorted(folder.parent.iterdir())[:-KEPT]:
        shutil.rmtree(old)
    return link


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
