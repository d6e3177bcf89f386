"""The generated privacy papers: what they say of tables is what the tables' tags say."""

from __future__ import annotations

import json
import re

import duckdb
import pytest
from support import ROOT, parsed

from tools import privacy_docs


@pytest.fixture(scope="module")
def manifest() -> dict:
    return parsed().writable_manifest().to_dict(omit_none=False)


def test_the_record_is_up_to_date(manifest):
    kept = (ROOT / privacy_docs.RECORD).read_text()
    assert kept == privacy_docs.record(manifest), "the tags have changed: run `make privacy-docs`"


def test_the_record_lists_every_table_of_people_and_no_other(manifest):
    text = privacy_docs.record(manifest)
    people = {
        f"{node['schema']}.{node['name']}"
        for node in manifest["nodes"].values()
        if node.get("config", {}).get("meta", {}).get("data_subject") == "user"
    }
    assert {"vault.user_keys", "core.events", "marts.user_segments"} <= people
    assert set(re.findall(r"^### (\S+)$", text, re.MULTILINE)) == people
    assert "vault.user_keys.user_id" in text and "{{" not in text


def test_a_new_table_of_people_changes_the_record(manifest):
    changed = json.loads(json.dumps(manifest, default=str))
    changed["nodes"]["model.clientele.products"]["config"]["meta"]["data_subject"] = "user"
    assert "### core.products" in privacy_docs.record(changed)


def test_the_measured_block_goes_between_its_markers():
    paper = (ROOT / privacy_docs.PAPER).read_text()
    changed = privacy_docs.with_block(paper, "NEW")
    assert re.search(r"begin -->\nNEW\n<!-- measured: end", changed)
    assert privacy_docs.with_block(changed, "NEW") == changed
    with pytest.raises(ValueError, match="measured: begin"):
        privacy_docs.with_block("no markers", "NEW")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "under a second"),
        (90, "90 seconds"),
        (600, "10 minutes"),
        (3e9, "95 years"),
        (3e30, "1e23 years"),
    ],
)
def test_durations(seconds, text):
    assert privacy_docs._duration(seconds).replace("10^", "1e") == text


def test_no_manifest_no_record(tmp_path, capsys):
    assert privacy_docs.main(["record", "--manifest", str(tmp_path / "manifest.json")]) == 2
    assert "make privacy-docs" in capsys.readouterr().out


def test_buyers_who_share_what_is_known_are_counted_over_joined_tables():
    """Twelve of twenty buyers are alike, three others are; the week stands in another table than the band."""
    with duckdb.connect() as connection:
        connection.execute("create schema marts; create schema core")
        connection.execute(
            "create table marts.user_features as select n as user_key, "
            "case when n < 20 then date '2020-01-06' + 7 * (n >= 12)::integer end as last_order_week "
            "from range(30) t(n)"
        )
        connection.execute(
            "create table marts.facts as select n as user_key, if(n < 15, 'none', 'other') as revenue_band "
            "from range(30) t(n)"
        )
        ((kind, n_buyers, share, smallest, bar),) = privacy_docs.singled_out(connection)
    assert (n_buyers, share, smallest, bar) == (20, 17 / 20, 3, 0.95) and "revenue" in kind


def test_of_the_items_of_an_order_the_one_that_fewest_have_is_known():
    """Seven bought a kettle, one of them a pan besides, another one in a week of her own."""
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.facts as select n as user_key, "
            "date '2020-01-06' + 7 * (n = 6)::integer as last_order_week from range(7) t(n)"
        )
        connection.execute(
            "create table marts.customer_rebuys as select n as user_key, 'product' as item_level, "
            "'kettle' as item_id from range(7) t(n) "
            "union all values (0, 'product', 'pan'), (1, 'brand', null)"
        )
        ((kind, *found),) = privacy_docs.singled_out(connection)
    assert "last order" in kind and found == [7, 5 / 7, 1, None]
