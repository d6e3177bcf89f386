"""Each kind of file that people have, in small inputs of our own: exports, packings, settings."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections import Counter
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from support import HEADER, TESTED_UP_TO_EVENTS, Account, House

from clientele.cli import main
from clientele.intake import times

READ_ALL = {"quarantine_refuse_share": 1}
LINE = "2019-10-01 12:00:00 UTC,view,{},2053,a.b,acme,10.00,{},s1\n"


def lines(product: int, n_lines: int = 3, user: int = 41) -> str:
    return f"{HEADER}\n" + "".join(LINE.format(product + n, user) for n in range(n_lines))


def zipped(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._a.csv", b"x")
        archive.writestr("inner/a.csv", text)
    return content.getvalue()


def zstd(text: str) -> bytes:
    return pa.compress(text.encode(), "zstd", asbytes=True)


GA4 = (
    "event_date,event_timestamp,event_name,user_pseudo_id,ga_session_id,item_id,item_brand,item_category,price,"
    "quantity,device_category\n"
    "20191001,1569931200123456,view_item,101.501,7001,SKU-1,Acme,Shoes,12.30,,mobile\n"
    "20191001,1569931260123456,add_to_cart,101.501,7001,SKU-1,Acme,Shoes,12.30,1,mobile\n"
    "20191001,1569931320123456,purchase,101.501,7001,SKU-1,Acme,Shoes,12.30,2,mobile\n"
    "20191001,1569931380123456,session_start,101.501,7001,SKU-1,Acme,Shoes,12.30,,mobile\n"
)
SHOPIFY = (
    "Name,Email,Financial Status,Created at,Lineitem quantity,Lineitem name,Lineitem price,"
    "Lineitem sku,Vendor\n"
    "#1001,Ann@shop.example,paid,2019-10-01 14:00:00 +0200,3,Blue mug,9.50,MUG-B,Potter\n"
    "#1001,Ann@shop.example,,2019-10-01 14:00:00 +0200,1,Red mug,9.90,MUG-R,Potter\n"
)
ADOBE = (
    "timestamp,eventType,identityMap.ECID,web.sessionId,productListItems.SKU,productListItems.priceTotal,"
    "productListItems.quantity\n"
    "2019-10-01T12:00:00.250Z,commerce.productViews,123456789012345678901234567890123456,v1,SKU-1,0,\n"
    "2019-10-01T12:00:00.500Z,commerce.productViews,123456789012345678901234567890123456,v1,SKU-1,0,\n"
    "2019-10-01T12:01:00Z,commerce.purchases,123456789012345678901234567890123456,v1,SKU-1,24.60,2\n"
)
MATOMO = (
    "idVisit,visitorId,serverTimestamp,type,itemSKU,itemCategory,itemPrice,itemQuantity\n"
    "1,a1b2c3d4e5f60718,1569931200,action,SKU-1,Shoes,12.3,\n"
    "1,a1b2c3d4e5f60718,1569931260,ecommerceAbandonedCart,SKU-1,Shoes,12.3,1\n"
    "1,a1b2c3d4e5f60718,1569931320,ecommerceOrder,SKU-1,Shoes,12.3,1\n"
)
SPELLED = (
    "Event Time,EventType,product-id,categoryId,Category Code,brand,price,userId,user session\n"
    "2019-10-01 12:00:00 UTC,PV,SKU-1,7,shoes,Acme,12.30,u9,s9\n"
    "Event Time,EventType,product-id,categoryId,Category Code,brand,price,userId,user session\n"
    "2019-10-01 12:01:00 UTC,add-to-cart,SKU-1,7,shoes,Acme,12.30,u9,s9\n"
    "2019-10-01 12:02:00 UTC,Remove-From-Cart,SKU-1,7,shoes,Acme,12.30,u9,s9\n"
)


@pytest.fixture(scope="module")
def exports(tmp_path_factory) -> House:
    """Build from exports of other systems, whose ids are texts."""
    kinds = {"user_id_kind": "text", "product_id_kind": "text"}
    house = House(tmp_path_factory.mktemp("exports"), READ_ALL | kinds, papers=False)
    texts = {"ga4": GA4, "shopify": SHOPIFY, "adobe": ADOBE, "matomo": MATOMO, "spelled": SPELLED}
    for name, text in texts.items():
        house.deliver(f"{name}.csv", text.encode())
    house.build(*TESTED_UP_TO_EVENTS)
    return house


def rows(house: House, name: str, columns: str) -> list[tuple]:
    return house.rows(
        f"select {columns} from core.events inner join vault.vault.event_files using (file_id) "
        f"where file_name = '{name}' order by event_at, fraction_ns, event_type, price"
    )


def test_exports_of_other_systems_need_no_script(exports):
    assert rows(
        exports, "ga4.csv", "event_type, cast(event_at as varchar), quantity, brand, fraction_ns"
    ) == [
        ("view", "2019-10-01 12:00:00", None, "acme", 123456000),
        ("cart", "2019-10-01 12:01:00", 1, "acme", 123456000),
        ("purchase", "2019-10-01 12:02:00", 2, "acme", 123456000),
    ]
    assert rows(exports, "shopify.csv", "event_type, cast(event_at as varchar), quantity, brand") == [
        ("purchase", "2019-10-01 12:00:00", 3, "potter"),
        ("purchase", "2019-10-01 12:00:00", 1, "potter"),
    ]
    # Adobe's price is that of the whole line
    of_adobe = rows(exports, "adobe.csv", "event_type, price * coalesce(quantity, 1)")
    assert [(kind, float(worth)) for kind, worth in of_adobe] == [
        ("view", 0),
        ("view", 0),
        ("purchase", 24.6),
    ]
    assert [row[0] for row in rows(exports, "matomo.csv", "event_type")] == ["view", "cart", "purchase"]
    # names with blanks, hyphens or capitals in place of the underscore, and a second header of them
    kinds = [row[0] for row in rows(exports, "spelled.csv", "event_type")]
    assert kinds == ["view", "cart", "remove_from_cart"]
    assert exports.accounts()["spelled.csv"].headers == 2
    assert exports.quarantine() == [("ga4.csv", 5, "unknown_event_type")]
    keys = exports.rows("select user_id from vault.vault.user_keys order by all")
    assert ("101.501",) in keys and ("Ann@shop.example",) in keys
    # one product in three exports
    assert exports.value("select count(distinct product_id) from core.events") == 3


@pytest.fixture(scope="module")
def packings(tmp_path_factory) -> House:
    house = House(tmp_path_factory.mktemp("packings"), READ_ALL, papers=False)
    house.deliver("a.csv.bz2", bz2.compress(lines(100).encode()))
    house.deliver("b.csv.xz", lzma.compress(lines(200).encode()))
    house.deliver("c.csv.zst", zstd(lines(300)))
    house.deliver("d.zip", zipped(lines(400)))
    house.deliver("notes.txt", b"to be told")
    (house.lake / "event_type=cart").mkdir()
    without = "\n".join(
        ",".join(line.split(",")[:1] + line.split(",")[2:]) for line in lines(500).splitlines()
    )
    house.deliver("event_type=cart/part-0.csv.gz", gzip.compress(without.encode()))
    for name, column in {
        "date.parquet": pa.array([date(2019, 10, 1)]),
        "ns.parquet": pa.array([1569931200123456789], pa.timestamp("ns")),
        "float.parquet": pa.array([1569931200.0]),
        "float of ns.parquet": pa.array([1569931200e9]),
    }.items():
        values = {
            "event_type": "view",
            "price": 1.5,
            "user_id": 41.0,
            "product_id": float(len(name)),
            "extra": 1,
        }
        table = {"event_time": column} | {key: pa.array([value]) for key, value in values.items()}
        pq.write_table(pa.table(table), house.lake / name)
    # put one behind the other, each with its byte order mark
    marked = lines(600, 2).encode("utf-8-sig")
    house.deliver("marks.csv.gz", gzip.compress(marked) + gzip.compress(lines(610, 2).encode("utf-8-sig")))
    order = "price,event_time,event_type,product_id,user_id"
    quoted = "".join(f'"1.5","2019-10-01 12:00:00","view","{n}","41"\n' for n in range(620, 622))
    header = '"' + order.replace(",", '","') + '"\n'
    house.deliver(
        "quoted marks.csv",
        (header + quoted).encode("utf-8-sig") * 2
        + "\ufeff1.5,".encode()
        + (b"2019-10-01 12:00:00,view,623,41\n"),
    )
    nested = {
        "device": pa.array([{"system": "x", "browser": "y"}]),
        "list_price": pa.array([99.5]),
        "price": pa.array([1.5]),
        "event_time": pa.array([1569931200.0]),
    }
    rest = {"event_type": ["view"], "user_id": [41], "product_id": [700], "quantity": [float("nan")]}
    pq.write_table(pa.table(nested | rest), house.lake / "nested.parquet")
    for folder in ("brand=__HIVE_DEFAULT_PARTITION__", "brand=L%27Or%C3%A9al & co"):
        (house.lake / folder).mkdir()
        text = lines(800 + 10 * len(folder)).replace(",brand", "").replace(",acme", "")
        house.deliver(f"{folder}/{len(folder)}.csv", text.encode())
    house.said = house.build(*TESTED_UP_TO_EVENTS).said
    return house


def test_packed_files_and_hive_folders_are_read(packings, capfd):
    accounts = packings.accounts()
    for name in ("a.csv.bz2", "b.csv.xz", "c.csv.zst", "d.zip", "part-0.csv.gz"):
        assert (accounts[name].loaded, accounts[name].headers, accounts[name].unaccounted) == (3, 1, 0), name
    assert {row[0] for row in rows(packings, "part-0.csv.gz", "event_type")} == {"cart"}
    assert not (packings.home / "unpacked").exists() or not list((packings.home / "unpacked").iterdir())


def test_a_byte_order_mark_before_a_later_line_is_no_part_of_it(packings):
    accounts = packings.accounts()
    assert accounts["marks.csv.gz"] == Account(6, headers=2, loaded=4)
    assert accounts["quoted marks.csv"] == Account(7, headers=2, loaded=3, duplicates=2)


def test_the_name_of_a_hive_folder_is_a_value_or_none(packings):
    assert {row[0] for row in rows(packings, "32.csv", "brand")} == {None}
    assert {row[0] for row in rows(packings, "25.csv", "brand")} == {"l'oréal & co"}


def test_columns_beside_a_nested_one_are_read_by_their_names(packings):
    assert rows(packings, "nested.parquet", "cast(price as varchar)") == [("1.5000",)]


def test_a_quantity_that_is_a_word_for_nothing_is_none(packings):
    assert rows(packings, "nested.parquet", "quantity") == [(None,)]


def test_kinds_of_parquet_columns(packings):
    assert str(rows(packings, "date.parquet", "event_at")[0][0]) == "2019-10-01 00:00:00"
    assert rows(packings, "ns.parquet", "cast(event_at as varchar), fraction_ns") == [
        ("2019-10-01 12:00:00", 123456789)
    ]
    for name in ("float.parquet", "float of ns.parquet"):
        assert str(rows(packings, name, "event_at")[0][0]) == "2019-10-01 12:00:00"
    assert packings.value("select count(*) from vault.vault.user_keys") == 1


def test_settings_for_other_ways_to_write(tmp_path):
    settings = {
        "delimiter": "semicolon",
        "decimal": "comma",
        "input_time_zone": "Europe/Berlin",
        "category_id_kind": "integer",
        "sentinel_user_ids": "0,-1,999,guest",
    }
    house = House(tmp_path, READ_ALL | settings, papers=False)
    header = HEADER.replace(",", ";") + ";quantity"
    text = [
        header,
        "2019-10-27 01:30:00;view;1;007;a;b;12,30;41;s;2",
        "2019-12-01 12:00:00;view;1;7,5;a;b;12,30;41;s;",
        "2019-07-01 12:00:00;view;1;;a;b;12.30;41;s;",
        "2019-07-01 12:00:00;view;1;;a;b;1;999;s;",
        '2019-07-01 12:00:00;view;1;;a;"b; c";1;41;s;',
        "2019-07-01 12:00:00;view;1;;a;b;1;41;s;-2",
        "2019-07-01 12:00:00;view;1;;a;b;1; Guest ;s;",
    ]
    house.deliver("x.csv", "\n".join(text).encode())
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.quarantine() == [
        ("x.csv", 3, "bad_category_id"),
        ("x.csv", 4, "bad_price"),
        ("x.csv", 5, "sentinel_user_id"),
        ("x.csv", 7, "bad_quantity"),
        ("x.csv", 8, "sentinel_user_id"),
    ]
    found = rows(
        house, "x.csv", "cast(event_at as varchar), category_id, cast(price as varchar), brand, quantity"
    )
    assert found == [
        ("2019-07-01 10:00:00", None, "1.0000", "b; c", None),
        ("2019-10-26 23:30:00", "7", "12.3000", "b", 2),
    ]


def test_a_file_of_which_much_is_left_out_is_told_and_stops_the_build(house):
    bad = lines(1, 6) + LINE.format("x1", 41) * 2 + LINE.format(1, "") * 30
    house.deliver("some.csv", bad.encode())
    said = house.build(*TESTED_UP_TO_EVENTS).said
    assert "some.csv: 2 of 8 lines are left out, bad_product_id" in said
    assert "the var product_id_kind: text" in said
    house.deliver("more.csv", (lines(50, 2) + LINE.format(1, "ann") * 3).encode())
    stopped = house.run(*TESTED_UP_TO_EVENTS)
    assert not stopped.succeeded
    assert "more.csv: 3 of 5 lines are left out, bad_user_id" in stopped.said
    assert "user_id_kind: text" in stopped.said
    assert set(house.accounts()) == {"some.csv"}
    house.build(*TESTED_UP_TO_EVENTS, variables=READ_ALL)
    assert house.accounts()["more.csv"].loaded == 2


def test_many_small_files_are_read_together(tmp_path):
    house = House(tmp_path, READ_ALL, papers=False)
    for number in range(450):
        house.deliver(f"{number:03}.csv", lines(1000 + 10 * number, 2, user=50 + number % 7).encode())
    house.deliver("zz.csv", lines(9, 2).encode() + b"\xff\xfe\n")
    said = house.build(*TESTED_UP_TO_EVENTS).said
    assert said.count("reading ") == 4
    accounts = house.accounts()
    assert len(accounts) == 451
    assert {(account.loaded, account.headers, account.unaccounted) for account in accounts.values()} == {
        (2, 1, 0)
    }
    by_file = house.rows(
        "select file_id, count(*), min(product_id) from core.events group by all order by all"
    )
    assert Counter(row[1] for row in by_file) == {2: 451}
    assert [row[2] for row in by_file][:450] == [1000 + 10 * number for number in range(450)]


def test_check_says_what_would_happen_and_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / "good.csv").write_text(lines(1))
    (tmp_path / "bad.csv").write_text(lines(7, 1) + LINE.format(7, "ann") * 9)
    (tmp_path / "page.csv").write_text("<html></html>")
    monkeypatch.setenv("CLIENTELE_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(main, ["check", "--events", str(tmp_path)])
    assert done.exit_code == 1
    assert "good.csv: 3 events, 0 duplicates, 0 lines left out\n" in done.output
    assert "page.csv: refused. It is a web page" in done.output
    assert "would stop the build: bad.csv: 9 of 10 lines are left out, bad_user_id" in done.output
    assert "ann" not in done.output
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("settings", ["{delimiter: semicolon", "[1]", "delimiter"])
def test_check_wants_settings_that_are_a_mapping(tmp_path, settings):
    done = CliRunner().invoke(main, ["check", "--events", str(tmp_path), "--vars", settings])
    assert (done.exit_code, done.output) == (
        1,
        "Error: --vars: a mapping is wanted, like '{delimiter: semicolon}'\n",
    )


def test_check_says_of_each_file_what_it_is_whatever_its_name(tmp_path, monkeypatch):
    """A folder named like a file, a pipe and names that no list of patterns holds hide nothing else."""
    (tmp_path / "good.csv").write_text(lines(1))
    (tmp_path / "old.csv").write_text(lines(1).replace("2019-10-01", "2016-10-01"))
    (tmp_path / "two\nlines.csv").write_text(lines(11))
    (tmp_path / "blank.csv ").write_text(lines(21))
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "inner.csv").write_text(lines(31))
    os.mkfifo(tmp_path / "pipe.csv")
    monkeypatch.setenv("CLIENTELE_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(main, ["check", "--events", f"{tmp_path}/*"])
    assert done.exit_code == 1
    for name in ("good.csv", "two\nlines.csv", "blank.csv "):
        assert f"{name}: 3 events, 0 duplicates, 0 lines left out\n" in done.output, name
    assert "old.csv: 0 events, 0 duplicates, 3 older than the var events_retention_months" in done.output
    assert "folder.csv: refused. It is a directory: to read the files in it" in done.output
    assert "pipe.csv: refused. It is not a regular file" in done.output
    assert "inner.csv" not in done.output


@pytest.mark.parametrize(
    ("text", "second", "fraction"),
    [
        ("2019-03-31 02:30:00 Europe/Berlin", datetime(2019, 3, 31, 1, 30), None),
        ("2019-10-01 12:00:00 Europe/Nowhere", None, None),
        ("2019-10-01 12:00:00 CET", None, None),
        ("2019-10-01T12:00:00.1234567899Z", datetime(2019, 10, 1, 12), 123456789),
        ("2019-10-01 12:00:00 +05:30", datetime(2019, 10, 1, 6, 30), None),
        ("2019-10-01 12:00:00+25", None, None),
        ("1569931200.5", datetime(2019, 10, 1, 12), 500000000),
        ("156993120", datetime(1974, 12, 23, 1, 12), None),
        ("15699312", None, None),
        ("2019-10-01", None, None),
        ("", None, None),
    ],
)
def test_times(text, second, fraction):
    assert (times.utc_time(text), times.fraction_ns(text)) == (second, fraction)
