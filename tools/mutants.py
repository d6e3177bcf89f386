"""Plant small faults, one at a time, and see that a test notices: ``make mutants``.

The table ``tests/mutants.toml`` names for each fault the file, the text that stands there, the text that
is put in its place, and the test that must fail. A fault that no test notices is a survivor and fails the
run; so does a row whose text is not in its file any more, or whose test fails without the fault.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "mutants.toml"
# What no copy needs; its environment is the one that runs this.
LEFT_OUT = (".git", ".venv", "__pycache__", "*.egg-info", "target", "logs", "warehouse", "demo")


@dataclass(frozen=True)
class Mutant:
    """A fault to plant.

    Attributes
    ----------
    name : str
    file : str
        Path from the project's root.
    old, new : str
        The text that is replaced, which stands in the file once, and what replaces it.
    test : str
        The test that must fail, as pytest takes it: ``tests/personas/test_gate.py::test_name`` or a file.
    """

    name: str
    file: str
    old: str
    new: str
    test: str


def read(table: Path = TABLE) -> list[Mutant]:
    """Return the mutants of a table.

    Raises
    ------
    ValueError
        A row lacks a field or names no single place; the message names the row.
    """
    mutants = [Mutant(name=name, **row) for name, row in tomllib.loads(table.read_text()).items()]
    for mutant in mutants:
        path = table.parents[1] / mutant.file
        n_places = path.read_text().count(mutant.old) if path.is_file() else 0
        if n_places != 1:
            raise ValueError(f"{mutant.name}: its text stands in {mutant.file} {n_places} times, not once")
        if mutant.old == mutant.new:
            raise ValueError(f"{mutant.name}: old and new are the same text")
    return mutants


@contextmanager
def planted(mutant: Mutant, root: Path) -> Iterator[None]:
    """Have the fault in a copy of the project for as long as the block runs."""
    path = root / mutant.file
    text = path.read_text()
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        yield
    finally:
        path.write_text(text)


def passes(test: str, root: Path) -> bool:
    """Run a test of a copy of the project; its own sources come before installed ones."""
    sources = [root / "src", *(root / "packages").glob("*/src")]
    call = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    path = ":".join(str(source) for source in sources)
    ran = subprocess.run(
        ["env", f"PYTHONPATH={path}", "PYTHONDONTWRITEBYTECODE=1", *call],
        cwd=root,
        capture_output=True,
        text=True,
    )
    if ran.returncode not in (0, 1):
        raise RuntimeError(f"{test} could not be run:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return ran.returncode == 0


def run(mutants: Sequence[Mutant], root: Path = ROOT) -> list[str]:
    """Plant each fault in a copy of the project and run its test.

    Returns
    -------
    list of str
        A sentence for each survivor; empty when every fault is noticed.
    """
    survivors = []
    with TemporaryDirectory(prefix="mutants-") as folder:
        copy = shutil.copytree(
            root, Path(folder) / "project", symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT)
        )
        sound: dict[str, bool] = {}
        for place, mutant in enumerate(mutants, start=1):
            if mutant.test not in sound:
                sound[mutant.test] = passes(mutant.test, copy)
            if not sound[mutant.test]:
                survivors.append(f"{mutant.name}: {mutant.test} fails without the fault")
                continue
            with planted(mutant, copy):
                is_killed = not passes(mutant.test, copy)
            print(
                f"{place} of {len(mutants)}: {mutant.name}: {'noticed' if is_killed else 'SURVIVES'}",
                flush=True,
            )
            if not is_killed:
                survivors.append(f"{mutant.name}: {mutant.test} passes with {mutant.new!r} in {mutant.file}")
    return survivors


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all mutants, or those whose name holds a word; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("word", nargs="?", default="", help="only mutants whose name holds this word")
    wanted = parser.parse_args(arguments).word
    try:
        mutants = [mutant for mutant in read() if wanted in mutant.name]
    except ValueError as problem:
        print(f"mutants: {problem}", file=sys.stderr)
        return 2
    if not mutants:
        print(f"mutants: no name holds {wanted!r}", file=sys.stderr)
        return 2
    survivors = run(mutants)
    for survivor in survivors:
        print(f"survives: {survivor}", file=sys.stderr)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} faults are noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
