"""Make warehouse_before.zip: a small warehouse as the version before wrote it, for test_growth.py.

Run with that version's own environment, in a worktree of its commit, whose tests' houses are used::

    git worktree add ../before bd22569 && make -C ../before env && cd ../before
    .venv/bin/python <here>/tests/end_to_end/make_warehouse_before.py <here>/tests/end_to_end

It holds 400 synthetic customers, a model that somebody promoted, one erased customer, and one who objects.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path.cwd() / "tests" / "python"))
from support import FIRST_USER, WITHOUT_TESTS, House, little_shop

VARIABLES = {"reference_days": 10, "fit_min_events": 5, "min_events": 5}


def make(folder: Path) -> None:
    """Build the warehouse in a scratch folder and write its two files into `folder`."""
    with TemporaryDirectory() as scratch:
        house = House(Path(scratch), variables=VARIABLES)
        house.deliver("all.csv", little_shop(seed=5, n_users=400))
        house.build(*WITHOUT_TESTS)
        version = house.value("select max(model_version) from core.segment_models where n_segments > 0")
        for operation, customer in (("erase_subjects", FIRST_USER), ("object_to_profiling", FIRST_USER + 37)):
            done = house.operation(operation, CLIENTELE_SUBJECT=str(customer))
            assert done.succeeded, done.said
        house.build(*WITHOUT_TESTS)
        house.decide((version, "promote"), to="+")
        with zipfile.ZipFile(folder / "warehouse_before.zip", "w", zipfile.ZIP_LZMA) as archive:
            for name in ("warehouse.duckdb", "vault.duckdb"):
                archive.write(house.home / name, name)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
