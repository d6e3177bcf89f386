"""A shop may have other settings and other files than most: its build ends green all the same.

Tests of data and unit tests go with each build and hold the publication back, so none of them may speak of
the settings that the project comes with.
"""

from __future__ import annotations

import bz2
import io
import lzma
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import shop_simulator
import yaml
from support import IS_LONG, ROOT

Lines = list[list[str]]


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


def zipped(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("events.csv", content)
    return sink.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
    "zip": zipped,
}


def foreign(lines: Lines) -> bytes:
    """Return a file as a shop of another country writes it: with quantities, repeats and refunds."""
    chance = random.Random(9)
    made = [[*lines[0], "quantity"]]
    for fields in lines[1:]:
        time, kind, product, *rest, price, user, session = fields
        start = [time.removesuffix(" UTC"), kind, f"SKU-{product}", *rest]
        price, end = price.replace(".", ","), [f"u-{user[-6:]}@shop.example", session]
        is_order = kind == "purchase"
        made.append([*start, price, *end, "2,5" if is_order and chance.random() < 0.5 else ""])
        made += [made[-1]] * (is_order and chance.random() < 0.3)
        if is_order and chance.random() < 0.2:
            made.append([start[0], "refund", *start[2:], price, *end, ""])
            made.append([*start, f"-{price}", *end, ""])
        if chance.random() < 0.004:
            nobody = chance.choice(["nix", "9"])
            made.append([*start, price, nobody, session, ""])
    return "".join(";".join(fields) + "\r\n" for fields in made).encode()


def piped(lines: Lines) -> bytes:
    return "".join("|".join(fields) + "\n" for fields in lines).encode()


def plain(lines: Lines) -> bytes:
    return "".join(",".join(fields) + "\n" for fields in lines).encode()


SETTINGS: dict[str, tuple[Callable[[Lines], bytes], dict[str, object]]] = {
    "another way of writing": (
        foreign,
        {
            "delimiter": "semicolon", "decimal": "comma", "input_time_zone": "Europe/Berlin",
            "refunds": "keep", "repeated_purchase_lines": "keep", "user_id_kind": "text",
            "product_id_kind": "text", "category_id_kind": "integer", "null_words": "nix",
            "sentinel_user_ids": "9", "currency": "EUR", "rehash": True, "session_gap_minutes": 4,
            "bot_session_events": 300, "bot_rate_min_events": 40, "bot_events_per_second": 2,
            "window_days": 12, "reference_days": 14, "utc_offset_hours": 5, "premium_z": 0.1,
            "fit_min_events": 8, "min_events": 7, "at_risk_days": 20, "lapsed_days": 40, "new_days": 10,
            "loyal_orders": 2, "min_cell_users": 7, "earliest_event_date": "2019-01-01",
            "unnamed_lines_days": 10, "events_retention_months": 12, "inactive_profile_months": 12,
            "change_days": 14, "change_confidence": 0.6, "settled_confidence": 0.5, "compare_early": True,
            "deep_layers": "4 2", "sample_users": 1000, "max_segments": 5, "slice_rows": 1000,
            "feed_price_factor": 8, "promised_event_hours": 5, "promised_delivery_hours": 5,
            "promised_model_days": 3,
        },
    ),
    "the least that may be": (
        piped,
        {
            "delimiter": "pipe", "null_words": "nix,0", "sentinel_user_ids": "guest",
            "product_id_kind": "text", "on_refused_file": "skip", "quarantine_warn_share": 0,
            "quarantine_refuse_share": 1, "session_gap_minutes": 1440, "bot_session_events": 10,
            "bot_rate_min_events": 10, "bot_events_per_second": 0, "window_days": 400, "reference_days": 1,
            "utc_offset_hours": -13.5, "premium_z": 0, "as_of": "2019-12-20 12:00:00",
            "latest_event_date": "2019-12-15", "clock": "2020-01-05 10:00:00", "fit_min_events": 3,
            "min_events": 2, "settled_confidence": 1, "change_days": 1, "change_confidence": 0,
            "sample_users": 200, "max_segments": 2, "slice_rows": 100, "at_risk_days": 2, "lapsed_days": 3,
            "new_days": 1, "loyal_orders": 2, "min_cell_users": 30, "events_retention_months": 2,
            "inactive_profile_months": 1, "unnamed_lines_days": 1, "feed_holds": "none",
            "feed_warns": "none", "max_leaving_share": 0,
            "prediction_heads": "next_order spend rebuy budget",
        },
    ),
    "the most that may be": (
        plain,
        {
            "min_cell_users": 0, "window_days": 1, "reference_days": 3650, "utc_offset_hours": 14,
            "session_gap_minutes": 1, "premium_z": 5, "min_events": 1, "fit_min_events": 1,
            "max_segments": 16, "loyal_orders": 1000, "at_risk_days": 3000, "lapsed_days": 3650,
            "new_days": 3000, "change_days": 3650, "settled_confidence": 0, "change_confidence": 1,
            "deep_layers": "2", "prediction_heads": "spend category recommendations items",
        },
    ),
}  # fmt: skip
SHORT = {"another way of writing"}


@pytest.fixture(scope="module")
def months(tmp_path_factory) -> list[Lines]:
    """Return the lines of three months of a synthetic shop, each with its header."""
    folder = tmp_path_factory.mktemp("shop")
    shop_simulator.generate(folder, users=400, months=3, seed=7)
    return [
        [line.split(",") for line in path.read_text().splitlines()]
        for path in sorted(Path(folder / "events").glob("*.csv"))
    ]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_build_is_green_with_every_test(new_house, months, name):
    if name not in SHORT and not IS_LONG:
        pytest.skip("CLIENTELE_LONG=1: a whole build")
    write, variables = SETTINGS[name]
    house = new_house(variables=variables)
    parts = [months[0][: len(months[0]) // 2], [months[0][0], *months[0][len(months[0]) // 2 :]], *months[1:]]
    for number, (lines, packing) in enumerate(zip(parts, PACKINGS, strict=True)):
        is_packed = name in SHORT
        content = PACKINGS[packing](write(lines)) if is_packed else write(lines)
        house.deliver(f"part-{number}.csv" + (f".{packing}" if is_packed else ""), content)
    if variables.get("on_refused_file") == "skip":
        house.deliver("bad.csv", b"no header\n")
    built = house.build()
    assert set(built.status.values()) <= {"success", "pass", "warn", "no-op", "skipped"}
    assert house.value("select count(*) from marts.user_segments") > 100
    assert (house.home / "published" / "user_segments.parquet").exists()
    books = house.rows("select sum(n_unaccounted), sum(n_loaded), sum(n_refunds) from monitor.reconciliation")
    assert books[0][0] == 0 and books[0][1] > 5000
    assert (books[0][2] > 0) == (variables.get("refunds") == "keep")


def test_unit_tests_read_the_settings_that_the_project_comes_with(new_house):
    """What they read instead of the shop's stands in a macro, as no macro can see the vars of the project."""
    ran = new_house().run(
        "--inline", "{{ tojson(clientele.settings_of_unit_tests()) }}", command=("compile",)
    )
    own = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]
    assert yaml.safe_load(ran.compiled["inline_query"]) == own
