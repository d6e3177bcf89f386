"""Files as people have them become the same events, and the same quarantine, on both engines."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta

import pytest
from looks import LOOKS, NAMES
from pair import Pair
from support import HEADER, WITHOUT_TESTS, House
from warehouse import USER, Warehouse

READ_ALL = {
    "quarantine_refuse_share": 1,
    "repeated_purchase_lines": "keep",
    "refunds": "keep",
    "on_refused_file": "skip",
}
UP_TO_HEALTH = ("--select", "+feed_health", "+refunds", "--exclude-resource-type", "test", "unit_test")
LINE = "{time},{type},{product},{category},{code},{brand},{price},{user},{session}"
PLAIN = {
    "time": "2019-10-01 12:00:00 UTC",
    "type": "view",
    "product": "1001",
    "category": "2053",
    "code": "a.b",
    "brand": "acme",
    "price": "10.00",
    "user": "500000001",
    "session": "s1",
}
# User fields that make no event, and whom a copy or an erasure reads in them on both engines.
SPELLED = {
    "541,312,140": 541312140,
    "541.312.140,0": 541312140,
    "541_312_140.0": 541312140,
    "541\u2018312\u00b4140": 541312140,
    "541\ufe0f312\u034f140\u2800": 541312140,
    "541 312\u202f140": 541312140,
    "\uff15\uff0e\uff14\uff11\uff13\uff11\uff12\uff11\uff14\uff45\uff18": 541312140,
    "\u0665\u0664\u0661\u066c\u0663\u0661\u0662\u066c\u0661\u0664\u0660\u066b\u0660": 541312140,
    "5.4131214e+008": 541312140,
    "-.541312140E9": -541312140,
    "9.223372036854775807e18": 2**63 - 1,
    '=""541312140""': 541312140,
    "'541312140": 541312140,
    "5.": 5,
    "0541,312,140": 541312140,
    "+0541.312.140": 541312140,
    "0541'312'140": 541312140,
    "00 541,312,140": 541312140,
    "5.413.121,4e2": 541312140,
    "-5,413,121.4E+02": -541312140,
    "5'413'121,4e2": 541312140,
    "5_413_121.40e002": 541312140,
    "54,13,12,140": 541312140,
    "-054,13,12,140.0": -541312140,
    "1.234e3": 1234,
    "1.234.567e1": 12345670,
    "1.5": None,
    "1.5e0": None,
    "1.25e1": None,
    "1e99": None,
    "2019_10_01": None,
    "2019 10 01": None,
    "12,34,56": None,
    "12.34.567": None,
    "0500,0003": None,
    "0.250": None,
    "5,000.03e1": None,
    "1,00,299.90": None,
    "1,299.90": None,
    "\u0665\u0664\u0661\u066b\u0663\u0661\u0662": None,
    "5~": None,
    "\u0438\u04347": None,
    "user 7": None,
}
CHANGES = [
    {},
    {"type": " Add_To_Cart "},
    {"type": "transaction"},
    {"type": "refund"},
    {"type": "hover"},
    {"user": "0500000001.0"},
    {"user": " +7 "},
    {"user": "\uff17"},
    {"user": "0"},
    {"user": "NaN"},
    {"user": "5e8"},
    {"user": ""},
    *({"user": f'"{text}"'} for text in SPELLED),
    {"product": "007"},
    {"product": "SKU-1"},
    {"brand": " ACME "},
    {"brand": "NULL", "code": "\\N", "session": "none", "category": "nan"},
    {"brand": '"Black, ""Deck"""'},
    {"brand": ' "quoted" '},
    *({"brand": '"{}"'.format(text.replace('"', '""'))} for text in LOOKS),
    {"price": "1.23e+01"},
    {"price": "$5"},
    {"price": '"12,30"'},
    {"price": "-1"},
    {"price": "1230000000000.5"},
    {"price": "9e9"},
    {"price": "99999e9"},
    {"price": "1000000000000000"},
    {"price": "-2", "type": "purchase"},
    {"price": "-3", "type": "returned"},
    {"price": ""},
    *(
        {"time": time}
        for time in (
            "2019-10-01T12:00:00.5Z",
            "2019-10-01 12:00:00.25",
            "2019-10-01 14:00:00+02:00",
            "2019-10-01 09:30:00 -0230",
            "2019-10-01 12:01",
            "1569931200",
            "1569931200123",
            "1569931200123456789",
            "10/11/2019 12:00:00",
            "2019-10-01",
            "yesterday",
        )
    ),
]


NAMED_AFTER_PERSONS = [name for name, masked in NAMES.items() if masked and name.endswith(".csv")]


def days() -> list[str]:
    """Return the lines of 45 days; for the last 15 no purchase comes, and prices are a hundred times higher.

    A purchase is written twice each day, and a line is in the future for the first build.
    """
    lines = []
    for day in range(45):
        start = datetime(2019, 11, 1) + timedelta(days=day)
        for n in range(32):
            change = {
                "time": f"{start + timedelta(minutes=41 * min(n, 30)):%Y-%m-%d %H:%M:%S} UTC",
                "type": "purchase" if n % 6 == 0 and day < 30 else "view",
                "product": str(3000 + min(n, 30)),
                "price": f"{(10 + n % 7) * (100 if day >= 30 else 1)}.00",
                "user": str(700 + n % 3),
            }
            lines.append(LINE.format(**PLAIN | change))
        if day < 30:
            lines += lines[-2:-1] if day % 2 else [lines[-32]]
    return [*lines, LINE.format(**PLAIN | {"time": "2020-01-20 12:00:00 UTC", "product": "3999"})]


@pytest.fixture(scope="module")
def pair(tmp_path_factory, postgres, strict, proxy):
    folder = tmp_path_factory.mktemp("intake-parity")
    pair = Pair(
        House(folder / "duckdb", papers=False), Warehouse(folder / "redshift", postgres, strict, proxy)
    )
    changed = [LINE.format(**PLAIN | {"product": str(2000 + n)} | change) for n, change in enumerate(CHANGES)]
    pair.deliver("kinds.csv", "\n".join([HEADER, *changed, "", " \t", HEADER, changed[0]]).encode())
    short = "user_id,event_time,price,event_type,product_id,device,quantity\n"
    bought, gave_back, absurd = (
        f"41,2019-10-01 12:00:00 UTC,5,purchase,9,tv,{n}" for n in (3, -2, "5000000000")
    )
    pair.deliver("columns.csv", f"{short}{bought}\n{gave_back}\n{gave_back}\n{absurd}\n".encode())
    for name in NAMED_AFTER_PERSONS:
        pair.deliver(name, "\n".join([HEADER, changed[0]]).encode())
    pair.deliver("days.csv", "\n".join([HEADER, *days()]).encode())
    # the second time a line is due that was in the future
    for clock in ("2020-01-01 00:00:00", "2020-02-01 00:00:00"):
        pair.build(*UP_TO_HEALTH, on_redshift=(), variables=READ_ALL | {"clock": clock})
    pair.strict = strict
    return pair


def both(pair: Pair, query: str) -> tuple[list, list]:
    ours = pair.house.rows(query.replace("vault.", "vault.vault."))
    return sorted(map(str, ours)), sorted(map(str, pair.warehouse.rows(query)))


def test_events_are_the_same(pair):
    ours, theirs = both(
        pair,
        "select user_sk, event_at, event_type, product_id, category_id, category_code, brand, "
        "cast(price as varchar(20)), cast(quantity as varchar(20)), fraction_ns, repeat_number, "
        "session_sk = 0 "
        "from core.events",
    )
    assert ours == theirs
    assert len(ours) > 1400
    repeats, _ = both(pair, "select product_id, repeat_number from core.events where repeat_number > 1")
    assert repeats == ["(3000, 2)"] * 15 + ["(3030, 2)"] * 15
    due, _ = both(pair, "select event_at from core.events where product_id = 3999")
    assert len(due) == 1


def test_texts_that_look_like_a_person_are_masked_alike(pair):
    """One of each kind at least, and as often as the list of examples says."""
    masks, theirs = both(
        pair, "select brand, count(*) from core.events where brand like 'masked%' group by 1"
    )
    expected = [mask for mask in LOOKS.values() if mask]
    assert masks == theirs == sorted(str((mask, expected.count(mask))) for mask in set(expected))


def test_refunds_are_the_same(pair):
    ours, theirs = both(
        pair,
        "select user_sk, event_at, event_type, product_id, cast(price as varchar(20)), "
        "cast(quantity as varchar(20)), repeat_number, session_sk = 0 from core.refunds",
    )
    assert ours == theirs
    kept, _ = both(pair, "select cast(price as integer), cast(quantity as integer) from core.refunds")
    assert kept == ["(10, None)", "(2, None)", "(3, None)", "(5, 2)", "(5, 2)"]


def test_what_is_left_out_is_the_same(pair):
    ours, theirs = both(pair, "select reason, count(*) from vault.quarantined_lines group by reason")
    assert ours == theirs
    ours, theirs = both(
        pair,
        "select file_name, n_lines, n_headers, n_blank, n_loaded, n_duplicates, n_refunds, n_quarantined, "
        "n_unaccounted "
        "from monitor.reconciliation",
    )
    assert ours == theirs


def test_whose_a_faulty_line_is_is_the_same(pair):
    ours, theirs = both(
        pair,
        "select split_part(line_text, ',', 3), user_id from vault.quarantined_lines "
        "where reason = 'bad_user_id'",
    )
    assert ours == theirs
    assert [ast.literal_eval(row)[1] for row in ours] == [500000000, *SPELLED.values()]


def test_a_file_that_is_named_after_a_person_is_refused_and_not_quoted(pair):
    ours, theirs = both(
        pair,
        "select file_name, reason from vault.event_files where status = 'refused'",
    )
    assert len(ours) == len(theirs) == len(NAMED_AFTER_PERSONS) > 5
    for row in (*ours, *theirs):
        assert "masked: " in row and "rename it" in row and "jane" not in row and "336" not in row


def test_the_feeds_health_is_the_same(pair):
    numbers = [
        "median_price",
        "usual_price",
        "share_left_out",
        "usual_share_left_out",
        "missing_kind_expected",
    ]
    ours, theirs = both(
        pair,
        "select file_name, event_date, n_event_lines, n_views, n_purchases, age_days, "
        "shop_events, shop_hours, "
        + "".join(f"cast(round(1000 * {name}) as bigint), " for name in numbers)
        + "n_missing_days, missing_kind, missing_kind_since, is_kind_missing, are_prices_off, is_volume_low, "
        "is_day_cut, follows_missing_days, is_much_left_out, is_stale from monitor.feed_health",
    )
    assert ours == theirs
    flags = "select count(*) from monitor.feed_health where is_kind_missing and are_prices_off"
    assert both(pair, flags)[0] == ["(12,)"]


def test_nothing_was_refused(pair):
    assert pair.strict.refusals == []


def test_small_macros_give_the_known_answers(pair):
    done = pair.warehouse.run("test", "--select", "macros_give_known_answers")
    assert done.succeeded, done.said[-3000:]


SIDE = ("side_files", "side_lines", "side_judged", "side_books")
CONSENTS = ("consent_states", "consents_in_force")
SIDE_INPUTS = {
    "consents": (
        "user_id,purpose,state,changed_at",
        [
            ("700", "Mail", "given", "2019-11-01 10:00:00"),
            ("0700.0", "mail", "GIVEN", "2019-11-01T10:00:00Z"),
            (" 701 ", "mail", "given", "2019-11-01"),
            ("701", "mail", "withdrawn", "2019-11-01"),
            ("702", "mail", "perhaps", "2019-11-01"),
            ("7,02", "mail", "given", "2019-11-01"),
            ("999", "mail", "given", "2091-01-01"),
            *((nobody, "mail", "given", "2019-11-01") for nobody in ("0", "00", "-1.0", "\u22121", "NaN")),
            (None, "mail", "given", "2019-11-01"),
        ],
    ),
    "experiment_exposures": (
        "experiment,user_id,arm,exposed_at",
        [
            ("red", "700", "a", "2019-11-02"),
            ("blue", "700", "a", "soon"),
            ("green", "700", "a", "2091-01-01"),
            *(("red", "701", arm, "2019-11-02") for arm in "ab"),
        ],
    ),
    "catalogue": (
        "product_id,product_name,unit_cost,is_own_brand,brand",
        [
            ("3000", "Kettle, 1 l", "5.10", "yes", "ACME"),
            ("3001", None, "cheap", None, None),
            ("3002", None, None, None, None),
        ],
    ),
    "stock": ("product_id,stock_date,units", [("3000", "2019-11-01", "3"), ("3000", "2019-11-01", "3")]),
}  # fmt: skip


def test_side_inputs_are_the_same(pair):
    def tell(*statements: str) -> None:
        with pair.house.connection(read_only=False) as connection:
            for statement in statements:
                connection.execute(statement)
                pair.warehouse.postgres.admin(statement)

    tell("create schema shop_side")
    for name, (columns, rows) in SIDE_INPUTS.items():
        texts = [
            "(" + ", ".join("null" if cell is None else f"'{cell}'" for cell in row) + ")" for row in rows
        ]
        definitions = ", ".join(f"{column} varchar(256)" for column in columns.split(","))
        tell(
            f"create table shop_side.{name} ({definitions})",
            f"insert into shop_side.{name} values {', '.join(texts)}",
        )
    # on Redshift stock is files in S3: an external table, which information_schema does not list
    for statement in (
        "alter table shop_side.stock rename to held",
        "create materialized view shop_side.stock as select * from shop_side.held",
    ):
        pair.warehouse.postgres.admin(statement)
    pair.warehouse.postgres.admin(f"grant usage on schema shop_side to {USER}")
    pair.warehouse.postgres.admin(f"grant select on all tables in schema shop_side to {USER}")
    variables = {"clock": "2020-02-01 00:00:00", "side_schema": "shop_side"}
    select = ("--select", "profiling_objections", *SIDE, *SIDE_INPUTS, *CONSENTS)
    pair.build(*select, on_redshift=WITHOUT_TESTS, variables=variables)
    fields = "field_1, field_2, field_3, field_4"
    judged = f"select side_input, line_kind, reason, user_id, {fields} from vault.side_judged"
    ours, theirs = both(pair, judged)
    assert ours == theirs and len(ours) == 23
    reasons, _ = both(pair, "select reason, count(*) from vault.side_judged group by reason")
    assert len(reasons) == 9, reasons
    assert not pair.differences(*(f"core.{name}" for name in [*SIDE_INPUTS, *CONSENTS]))
    in_force, _ = both(pair, "select user_key, purpose from core.consents_in_force")
    assert len(in_force) == 1
    books = (
        "select side_input, n_lines, n_rows, n_duplicates, n_quarantined, n_of_unknown, n_unaccounted "
        "from monitor.side_books"
    )
    ours, theirs = both(pair, books)
    assert ours == theirs and len(ours) == len(SIDE_INPUTS)
    # lines of nobody, and those without a time that can be meant, go as long after as events are kept
    aged = (
        "side_files set delivered_at = delivered_at - interval '26 months' "
        "where side_input in ('consents', 'experiment_exposures')"
    )
    with pair.house.connection(read_only=False) as connection:
        connection.execute(f"update vault.vault.{aged}")
    pair.warehouse.postgres.admin(f"update vault.{aged}")
    pair.build("--select", *SIDE, on_redshift=WITHOUT_TESTS, variables=variables)
    expired, theirs = both(
        pair, "select side_input, n_expired, n_unaccounted from monitor.side_books order by side_input"
    )
    assert expired == theirs
    n_expired = {"consents": 7, "experiment_exposures": 2}
    assert expired == sorted(str((name, n_expired.get(name, 0), 0)) for name in SIDE_INPUTS)
