"""The look-up store: what is published on a customer in one row, the same bytes for the same marts."""

from __future__ import annotations

import json
import sqlite3

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from clientele.cli import main
from clientele.runtime import lookup, publishing, rewriting
from clientele.serving.store import Store, StoreMissingError
from serving.services import key_of, publish, segments


def profiles(folder) -> dict[str, dict]:
    with sqlite3.connect(f"file:{folder / lookup.NAME}?mode=ro", uri=True) as store:
        return {key: json.loads(text) for key, text in store.execute("select * from customers")}


def test_the_same_marts_are_the_same_bytes(tmp_path):
    stores = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        pq.write_table(segments(1, range(200)), tmp_path / name / "user_segments.parquet")
        stores.append(lookup.write(tmp_path / name).read_bytes())
    assert stores[0] == stores[1]
    pq.write_table(segments(2, range(200)), tmp_path / "b" / "user_segments.parquet")
    assert lookup.write(tmp_path / "b").read_bytes() != stores[0]


def test_a_store_is_taken_over_while_its_marts_are_the_same(tmp_path, monkeypatch):
    publish(tmp_path, 1)
    before = (publishing.current(tmp_path) / lookup.NAME).read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(lookup, "write", lambda folder: pytest.fail("it was made again"))
        folder = publish(tmp_path, 1)
    assert (folder / lookup.NAME).read_bytes() == before and folder.name == "000002"
    assert profiles(publish(tmp_path, 2))[key_of(7)]["persona"]["name"] == "Persona 2"
    assert all(one.problem() is None for one in publishing.publications(tmp_path))


def test_marts_that_were_unloaded_in_parts_make_the_same_store(tmp_path):
    """A mart is a folder of files on Redshift, in as many as it has slices."""
    (tmp_path / "one").mkdir()
    pq.write_table(segments(1, range(90)), tmp_path / "one" / "user_segments.parquet")
    parts = tmp_path / "many" / "user_segments"
    parts.mkdir(parents=True)
    for number, rows in enumerate((range(30, 90), range(30))):
        pq.write_table(segments(1, rows), parts / f"000{number}_part_00.parquet")
    ran = CliRunner().invoke(main, ["look-up-store", str(tmp_path / "many")])
    assert ran.exit_code == 0 and "customers.sqlite" in ran.output
    assert (tmp_path / "many" / lookup.NAME).read_bytes() == lookup.write(tmp_path / "one").read_bytes()


def test_a_folder_without_marts_is_a_sentence(tmp_path):
    ran = CliRunner().invoke(main, ["look-up-store", str(tmp_path)])
    assert (
        ran.exit_code == 1 and "no marts are published" in ran.output and not (tmp_path / "lookup").exists()
    )


def test_who_is_erased_leaves_every_kept_store_and_its_bytes(tmp_path):
    publish(tmp_path, 1)
    publish(tmp_path, 2)
    store = Store(tmp_path)
    assert store.opened().profile(key_of(7)) is not None
    for pair in rewriting.start_publications(tmp_path):
        table = pq.read_table(pair["old"])
        pq.write_table(table.filter([key != key_of(7) for key in table["user_key"].to_pylist()]), pair["new"])
    rewriting.finish_publications(tmp_path, 1)
    rewriting.mark_whole(tmp_path)
    assert rewriting.finish(tmp_path)
    assert store.opened().profile(key_of(7)) is None and store.opened().profile(key_of(8)) is not None
    kept = publishing.publications(tmp_path)
    assert len(kept) == 2 and all(one.problem() is None for one in kept)
    for one in kept:
        assert key_of(7) not in profiles(one.folder) and len(profiles(one.folder)) == 49
        assert key_of(7).encode() not in (one.folder / lookup.NAME).read_bytes()


def test_a_store_of_another_form_is_refused(tmp_path):
    folder = publish(tmp_path, 1)
    with sqlite3.connect(folder / lookup.NAME) as store:
        store.execute("update publication set value = '99' where name = 'form'")
    with pytest.raises(StoreMissingError, match="form 99"):
        Store(tmp_path).opened()


def test_every_published_customer_is_there_with_what_the_marts_say(built_shop):
    folder = publishing.current(built_shop.home)
    found = profiles(folder)
    marts = {}
    with duckdb.connect() as connection:
        for name in ("user_segments", "customer_predictions", "customer_recommendations"):
            rows = connection.execute(f"select * from '{folder}/{name}.parquet'").to_arrow_table().to_pylist()
            marts[name] = rows
        families = connection.execute(
            f"select user_key, count(*) from '{folder}/customer_family_propensities.parquet' group by all"
        ).fetchall()
    assert len(found) == len(marts["user_segments"]) > 1000
    for row in marts["user_segments"]:
        one = found[row["user_key"]]
        persona = one["persona"] or {}
        assert one["user_key"] == row["user_key"]
        assert (persona.get("id"), persona.get("name")) == (row["segment_id"], row["segment_name"])
        assert (one["status"], one["value_tier"], one["lifecycle_state"], one["model_version"]) == (
            *(row["status"], row["value_tier"], row["lifecycle_state"], row["model_version"]),
        )
        reasons = [row[f"reason_{place}"] for place in (1, 2, 3) if row[f"reason_{place}"]]
        assert one["reasons"] == reasons and len(one["reasons_fr"]) == len(reasons)
        assert one["as_of"] == row["as_of"].strftime("%Y-%m-%dT%H:%M:%SZ")
    for row in marts["customer_predictions"]:
        told = found[row["user_key"]]["predictions"]
        assert told["p_order_30d"] == row["p_order_30d"] and told["status"] == row["status"]
    lists = {}
    for row in marts["customer_recommendations"]:
        lists.setdefault(row["user_key"], {})[row["kind"], row["list_rank"]] = row["product_id"]
    for key, products in lists.items():
        told = {(one["kind"], one["rank"]): one["product_id"] for one in found[key]["recommendations"]}
        assert told == products
    assert families and all(len(found[key]["families"]) == n for key, n in families)
