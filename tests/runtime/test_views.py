"""The database of views beside the published files: no row, no path, and right after every change of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import House

from clientele.runtime import publishing, rewriting, views

MARTS = ("user_features", "user_segments")


def publish(home: Path, version: int) -> Path:
    folder = publishing.start(home, {"run_id": f"run {version}"})
    for name in MARTS:
        rows = {"user_key": ["a", "b"], "version": [version] * 2}
        pq.write_table(pa.table(rows), folder / f"{name}.parquet")
    views.write(folder)
    publishing.finish(folder)
    return publishing.current(home)


def viewed(folder: Path, query: str) -> list[tuple]:
    with duckdb.connect(folder / views.NAME, read_only=True) as connection:
        connection.execute(f"set file_search_path = '{folder}'")
        return connection.execute(query).fetchall()


def test_it_holds_views_alone_and_no_path(tmp_path):
    folder = publish(tmp_path, 1)
    assert viewed(folder, "select version from user_segments") == [(1,)] * 2
    kinds = viewed(folder, "select table_name, table_type from information_schema.tables order by all")
    assert kinds == [(name, "VIEW") for name in MARTS]
    assert str(tmp_path).encode() not in (folder / views.NAME).read_bytes()


def test_it_goes_with_its_publication(tmp_path):
    publish(tmp_path, 1)
    publish(tmp_path, 2)
    assert viewed(publishing.current(tmp_path), "select max(version) from user_segments") == [(2,)]
    publishing.rollback(tmp_path)
    assert viewed(publishing.current(tmp_path), "select max(version) from user_segments") == [(1,)]


def test_rows_that_leave_the_files_leave_the_views(tmp_path):
    """What an erasure does to publications."""
    publish(tmp_path, 1)
    for pair in rewriting.start_publications(tmp_path):
        pq.write_table(pa.table({"user_key": ["b"], "version": [1]}), pair["new"])
    rewriting.finish_publications(tmp_path, 0)
    rewriting.mark_whole(tmp_path)
    assert rewriting.finish(tmp_path)
    assert viewed(publishing.current(tmp_path), "select user_key from user_features") == [("b",)]
    assert all(one.problem() is None for one in publishing.publications(tmp_path))


def test_a_build_publishes_it_and_who_starts_in_the_folder_needs_no_setting(built_shop: House):
    folder = publishing.current(built_shop.home)
    manifest = json.loads((folder / "manifest.json").read_text())
    tables = [name for name in manifest["files"] if name.endswith(".parquet") and "/" not in name]
    marts = {name.removesuffix(".parquet") for name in tables}
    assert views.NAME in manifest["files"] and len(marts) > 20
    code = (
        "import duckdb; connection = duckdb.connect('clientele.duckdb', read_only=True); "
        "names = [name for (name,) in connection.sql('select view_name from duckdb_views() "
        "where not internal').fetchall()]; "
        "print({name: connection.sql(f'select count(*) from {name}').fetchall()[0][0] for name in names})"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    counted = eval(said.stdout)
    assert counted == {name: manifest["files"][f"{name}.parquet"]["rows"] for name in marts}


@pytest.mark.parametrize("name", ["it's", "a folder"])
def test_a_folder_may_have_any_name(tmp_path, name):
    (tmp_path / name).mkdir()
    assert views.write(publish(tmp_path / name, 1)).exists()
