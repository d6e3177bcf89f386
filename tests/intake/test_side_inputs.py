"""Side inputs: what a shop declares beside its events, with the same care for lines, people and books."""

from __future__ import annotations

import datetime
import gzip
import json
import os

import pytest
from support import MATERIAL, WITHOUT_TESTS, Event, House

from clientele.intake.side import SideError, SideInput, inventory
from clientele.privacy import keys

PAPERS = False
INPUTS = (
    "catalogue",
    "stock",
    "marketing_actions",
    "consents",
    "experiment_exposures",
    "channel_spend",
    "suppressed_products",
)
SIDE = ("side_files", "side_lines", "side_judged", "side_books")
UP_TO_SIDE = ("--select", *SIDE, "catalogue", "consents", "experiment_exposures", *WITHOUT_TESTS)
TESTED = (
    *("--select", *SIDE, *INPUTS, "--indirect-selection", "cautious"),
    *("--exclude-resource-type", "unit_test"),
)
BOOKS = (
    "select file_name, n_lines, n_headers, n_blank, n_rows, n_duplicates, n_quarantined, n_erased, "
    "n_expired, n_unaccounted from monitor.side_books order by file_name"
)
CONSENTS = "select user_key, purpose, state, cast(changed_at as varchar) from core.consents order by all"
FAULTY = (
    "select line_number, reason, user_id from vault.vault.side_judged where line_kind = 'faulty' order by all"
)
ANN, BEN, CLO, STRANGER = "500000001", "500000002", "500000003", "912345678901"


def key(user_id: str) -> str:
    return keys.user_key(user_id, MATERIAL)


def side(house: House, **contents: str) -> dict[str, str]:
    """Write files of side inputs, and return the variables that name them."""
    named = {}
    for name, text in contents.items():
        path = house.folder / f"{name}.csv"
        path.write_text(text)
        named[f"CLIENTELE_SIDE_{name.upper()}"] = str(path)
    return named


CONSENT = SideInput(
    "consents", ("purpose", "state", "changed_at"), ("purpose", "state", "changed_at"), "user_id"
)
CONSENTS_FILE = f"""\
\ufeffuser_id,purpose,state,changed_at,clerk
{ANN},Newsletter,given,2019-10-01 10:00:00 UTC,x
0{ANN}.0,newsletter,GIVEN,2019-10-01T10:00:00Z,y
 \uff15\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff12 ,newsletter,given,2019-10-01,x
5E8,newsletter,given,2019-10-01,x
"500,000,003",newsletter,withdrawn,2019-10-02,x
{CLO},newsletter,perhaps,2019-10-02,x
,newsletter,given,2019-10-02,x
0,newsletter,given,2019-10-02,x
nobody,newsletter,given,2019-10-02,x
{CLO},newsletter,given
{CLO},"newsletter,given,2019-10-02,x
{CLO},newsletter,given,2091-10-02,x
{STRANGER},newsletter,given,2019-10-02,x

   
user_id,purpose,state,changed_at,clerk
"""


@pytest.fixture(scope="module")
def of_events(new_house) -> House:
    """A house with events of three customers, built once."""
    house = new_house()
    house.deliver("a.csv", [Event(user_id=user) for user in (ANN, BEN, CLO)])
    house.deliver("b.csv", [Event(user_id=BEN, event_time="2019-12-01 12:00:00 UTC")])
    house.build("--select", "+reconciliation", "profiling_objections", "user_keys", *WITHOUT_TESTS)
    return house


@pytest.fixture
def shop(of_events: House, tmp_path) -> House:
    return of_events.copy(tmp_path / "shop")


def test_people_of_a_side_input_are_those_of_events_in_any_spelling(shop: House):
    named = side(shop, consents=CONSENTS_FILE)
    shop.build(*TESTED, **named)
    assert shop.rows(CONSENTS) == sorted(
        [
            (key(ANN), "newsletter", "given", "2019-10-01 10:00:00"),
            (key(BEN), "newsletter", "given", "2019-10-01 00:00:00"),
        ]
    )
    assert shop.rows(FAULTY) == [
        (5, "bad_user_id", 500000000),
        (6, "bad_user_id", int(CLO)),
        (7, "bad_state", int(CLO)),
        (8, "missing_user_id", None),
        (9, "missing_user_id", None),
        (10, "bad_user_id", None),
        (11, "wrong_number_of_fields", None),
        (12, "bad_quoting", None),
        (13, "future_changed_at", int(CLO)),
    ]
    assert shop.rows(BOOKS) == [("consents.csv", 17, 2, 2, 3, 1, 9, 0, 0, 0)]
    assert shop.rows("select n_of_unknown from monitor.side_books") == [(1,)]
    # the raw ids stay in the vault
    for raw in (ANN, BEN, CLO, STRANGER):
        assert raw.encode() not in (shop.home / "warehouse.duckdb").read_bytes()
    assert not (shop.home / "unpacked").exists()
    # the stranger's consent waits until there is an event
    with shop.connection(read_only=False) as connection:
        pseudonym = (int(STRANGER), keys.user_sk(key(STRANGER)), key(STRANGER))
        connection.execute("insert into vault.vault.user_keys values (?, ?, ?)", pseudonym)
    shop.build("--select", "consents", *WITHOUT_TESTS)
    assert (key(STRANGER), "newsletter", "given", "2019-10-02 00:00:00") in shop.rows(CONSENTS)


# What stands for nobody, however it is spelled: the ids and the words of the vars, numbers also as texts.
NOBODY = (
    "0",
    "00",
    "0.0",
    "+0",
    "-0",
    "-1",
    "-1.0",
    "-01",
    "\u22121",
    "\uff10",
    " -1 ",
    "guest",
    "Guest",
    "NaN",
)


def test_nobody_is_nobody_in_any_spelling_as_in_events(shop: House):
    header = "user_id,purpose,state,changed_at\n"
    lines = "".join(f"{nobody},ads,given,2019-10-01\n" for nobody in NOBODY)
    # as an event these would be bad_user_id, and of nobody
    spelled = "".join(f"{nobody},ads,given,2019-10-01\n" for nobody in ("0x0", '"0,000"', "0e5"))
    named = side(shop, consents=f"{header}{lines}{spelled}{ANN},ads,given,2019-10-01\n")
    variables = {"sentinel_user_ids": "0,-1,guest"}
    shop.build(*TESTED, variables=variables, **named)
    assert shop.rows(FAULTY) == [
        *((2 + place, "missing_user_id", None) for place in range(len(NOBODY))),
        *((2 + len(NOBODY) + place, "bad_user_id", None) for place in range(3)),
    ]
    assert shop.rows(CONSENTS) == [(key(ANN), "ads", "given", "2019-10-01 00:00:00")]
    assert set(shop.rows("select user_id from vault.vault.side_lines")) == {(int(ANN),), (None,)}
    # who stands for nobody from now on is nobody in what is held, and somebody when that is taken back
    for sentinels, users in ((ANN, {0, -1}), ("0", {-1, int(ANN)})):
        shop.build(*TESTED, variables={"sentinel_user_ids": sentinels}, **named)
        found = shop.rows("select user_id from vault.vault.side_lines where user_id is not null")
        assert {user for (user,) in found} == users
    shop.build(*TESTED, variables=variables, **named)
    # and go as lines that name nobody do
    with shop.connection(read_only=False) as connection:
        connection.execute("update vault.vault.side_files set delivered_at = delivered_at - interval 91 day")
    named |= side(shop, stock="product_id,stock_date,units\n1001,2019-10-01,3\n")
    shop.build(*TESTED, variables=variables, **named)
    n_nobody = len(NOBODY) + 3
    assert ("consents.csv", n_nobody + 2, 1, 0, 1, 0, 0, 0, n_nobody, 0) in shop.rows(BOOKS)


def test_texts_that_stand_for_nobody_name_nobody(new_house):
    house = new_house()
    house.variables["user_id_kind"] = "text"
    house.deliver("a.csv", [Event(user_id="ann")])
    named = side(
        house,
        consents="user_id,purpose,state,changed_at\nann,ads,given,2019-10-01\nguest,ads,given,2019-10-01\n"
        "NULL,ads,given,2019-10-01\n,ads,given,2019-10-01\n",
    )
    variables = {"sentinel_user_ids": "0,guest"}
    house.build("--select", "+consents", *WITHOUT_TESTS, variables=variables, **named)
    assert house.rows(FAULTY) == [(number, "missing_user_id", None) for number in (3, 4, 5)]


def test_a_line_without_a_time_that_can_be_meant_goes_by_its_delivery(shop: House):
    """As lines of events do; of consents only those of nobody known, as with a time."""
    consents = "user_id,purpose,state,changed_at\n"
    exposures = "experiment,user_id,arm,exposed_at\n"
    times = ("soon", "", "2019-02-30", "2091-10-01")
    faulty = {
        "consents": consents
        + "".join(f"{user},ads,given,{time}\n" for user in (ANN, STRANGER) for time in times),
        "experiment_exposures": exposures + "".join(f"red,{BEN},a,{time}\n" for time in times),
    }
    young = {
        "consents": f"{STRANGER},ads,given, 2019-10-01 \n",
        "experiment_exposures": f"blue,{BEN},a, 2019-12-01 \n",
    }
    months = {"events_retention_months": 2, "inactive_profile_months": 3, "clock": "2020-01-01 00:00:00"}
    named = side(shop, **{name: text + young[name] for name, text in faulty.items()})
    named |= side(shop, stock="product_id,stock_date,units\n1001,2019-10-01,3\n")
    build = ("--select", "retention", *UP_TO_SIDE[1:])
    shop.build(*build, variables=months, **named)
    held = shop.rows(BOOKS)
    assert held == [
        ("consents.csv", 10, 1, 0, 1, 0, 8, 0, 0, 0),
        ("experiment_exposures.csv", 6, 1, 0, 1, 0, 4, 0, 0, 0),
        ("stock.csv", 2, 1, 0, 1, 0, 0, 0, 0, 0),
    ]
    deliver = (
        "update vault.vault.side_files set delivered_at = (select delivered_at from vault.vault.side_files "
        "where side_input = 'stock') - interval '{}' where side_input != 'stock'"
    )
    for age, n_consents, n_exposures in (
        ("1 month", 0, 0),
        ("2 months 1 hour", 0, 4),
        ("3 months 1 hour", 4, 4),
    ):
        with shop.connection(read_only=False) as connection:
            connection.execute(deliver.format(age))
        shop.build(*build, variables=months, **named)
        assert shop.rows(BOOKS) == [
            ("consents.csv", 10, 1, 0, 1, 0, 8 - n_consents, 0, n_consents, 0),
            ("experiment_exposures.csv", 6, 1, 0, 1, 0, 4 - n_exposures, 0, n_exposures, 0),
            ("stock.csv", 2, 1, 0, 1, 0, 0, 0, 0, 0),
        ], age
    kept = shop.rows("select distinct user_id from vault.vault.side_judged where line_kind = 'faulty'")
    assert kept == [(int(ANN),)]


def test_a_corrected_file_replaces_and_one_that_vanishes_is_held(shop: House):
    named = side(shop, catalogue="product_id,product_name\n1001,Kettle\n1002,Pan\n")
    shop.build(*UP_TO_SIDE, **named)
    products = "select product_id, product_name from core.catalogue order by all"
    assert shop.rows(products) == [(1001, "Kettle"), (1002, "Pan")]
    side(shop, catalogue="product_id,product_name\n1001,Big kettle\n")
    shop.build(*UP_TO_SIDE, **named)
    assert shop.rows(products) == [(1001, "Big kettle")]
    assert shop.rows("select status, count(*) from vault.vault.side_files group by all order by all") == [
        ("accepted", 1),
        ("replaced", 1),
    ]
    # not named any more, moved, and read whole again: what came is held
    for arguments in ((), ("--full-refresh",)):
        shop.build(*UP_TO_SIDE, *arguments)
        assert shop.rows(products) == [(1001, "Big kettle")]
    (shop.folder / "catalogue.csv").unlink()
    stopped = shop.run(*UP_TO_SIDE, **named)
    assert not stopped.succeeded
    assert "Side input catalogue" in stopped.said and "CLIENTELE_SIDE_CATALOGUE" in stopped.said
    shop.build(*UP_TO_SIDE, variables={"on_refused_file": "skip"}, **named)
    assert shop.rows(products) == [(1001, "Big kettle")]
    # an empty file takes all away
    side(shop, catalogue="product_id,product_name\n")
    shop.build(*UP_TO_SIDE, **named)
    assert shop.rows(products) == []


def test_a_key_is_said_once(shop: House):
    folder = shop.folder / "exposures"
    folder.mkdir()
    header = "experiment,user_id,arm,exposed_at\n"
    (folder / "2019-10.csv").write_text(
        f"{header}red,{ANN},a,2019-10-01\nred,{ANN},b,2019-10-01\nred,{BEN},a,2019-10-01\n"
        f"red,{BEN},a,2019-10-01\nred,{CLO},a,2019-10-01\n"
    )
    (folder / "2019-11.csv.gz").write_bytes(gzip.compress(f"{header}red,{CLO},b,2019-10-03\n".encode()))
    named = {"CLIENTELE_SIDE_EXPERIMENT_EXPOSURES": str(folder)}
    shop.build(*TESTED, **named)
    # in two arms of one file: in none; of two files the one whose name sorts last
    assert shop.rows("select user_key, arm from core.experiment_exposures order by all") == sorted(
        [(key(BEN), "a"), (key(CLO), "b")]
    )
    assert [row[:2] for row in shop.rows(FAULTY)] == [
        (2, "contradicting_lines"),
        (3, "contradicting_lines"),
    ]
    assert shop.rows(BOOKS) == [
        ("2019-10.csv", 6, 1, 0, 1, 2, 2, 0, 0, 0),
        ("2019-11.csv.gz", 2, 1, 0, 1, 0, 0, 0, 0, 0),
    ]


def test_erasure_copy_and_objection_reach_side_inputs(shop: House, tmp_path):
    named = side(
        shop,
        consents="user_id,purpose,state,changed_at\n"
        f"{ANN},newsletter,given,2019-10-01\n0{ANN},ads,perhaps,2019-10-01\n{BEN},newsletter,given,2019-10-01\n"
        f"{STRANGER},newsletter,given,2019-10-01\n",
    )
    shop.build(*UP_TO_SIDE, **named)
    folder = tmp_path / "copy"
    folder.mkdir()
    copied = shop.operation("export_subject", CLIENTELE_SUBJECT=ANN, CLIENTELE_EXPORT_FOLDER=str(folder))
    assert copied.succeeded, copied.said
    lines = json.loads((folder / "model.clientele.side_lines.json").read_text())
    assert [(row["line_number"], row["file_name"]) for row in lines] == [
        (2, "consents.csv"),
        (3, "consents.csv"),
    ]
    assert len(json.loads((folder / "model.clientele.consents.json").read_text())) == 1

    # a customer without an event is erased as well
    for user in (ANN, STRANGER):
        erased = shop.operation("erase_subjects", CLIENTELE_SUBJECT=user)
        assert erased.succeeded and "nothing is held" not in erased.said, erased.said
    for name in ("warehouse.duckdb", "vault.duckdb"):
        content = (shop.home / name).read_bytes()
        assert ANN.encode() not in content and STRANGER.encode() not in content, name
        assert int(STRANGER).to_bytes(8, "little") not in content, name
    assert shop.rows(CONSENTS) == [(key(BEN), "newsletter", "given", "2019-10-01 00:00:00")]
    shop.build(*UP_TO_SIDE, **named)
    assert shop.rows(BOOKS) == [("consents.csv", 5, 1, 0, 1, 0, 0, 3, 0, 0)]
    # delivered again, in another file and spelling
    named |= side(shop, consents=f"user_id,purpose,state,changed_at\n+{ANN},ads,given,2019-10-01\nx,y,z,\n")
    shop.build(*UP_TO_SIDE, **named)
    assert shop.rows(CONSENTS) == []
    assert shop.rows(BOOKS) == [("consents.csv", 3, 1, 0, 0, 0, 1, 1, 0, 0)]
    assert ANN.encode() not in (shop.home / "vault.duckdb").read_bytes()

    named |= side(shop, consents=f"user_id,purpose,state,changed_at\n{BEN},ads,given,2019-10-01\n")
    shop.build(*UP_TO_SIDE, **named)
    assert len(shop.rows(CONSENTS)) == 1
    objected = shop.operation("object_to_profiling", CLIENTELE_SUBJECT=BEN)
    assert objected.succeeded, objected.said
    assert shop.rows(CONSENTS) == []
    shop.build(*UP_TO_SIDE, **named)
    assert shop.rows(CONSENTS) == []


def test_retention_lets_lines_go_and_the_books_balance(shop: House):
    header = "experiment,user_id,arm,exposed_at\n"
    named = side(
        shop,
        experiment_exposures=f"{header}red,{ANN},a,2019-09-01\nred,{BEN},a,2019-12-01\nred,,a,2019-12-01\n",
        consents=f"user_id,purpose,state,changed_at\n{BEN},ads,given,2001-01-01\n{STRANGER},ads,given,2001-01-01\n",
    )
    months = {"events_retention_months": 2, "clock": "2020-01-01 00:00:00"}
    shop.build("--select", "retention", *UP_TO_SIDE[1:], variables=months, **named)
    assert shop.rows("select user_key from core.experiment_exposures") == [(key(BEN),)]
    # a consent of a customer holds, however old; one of nobody goes with the profiles
    assert shop.rows(CONSENTS) == [(key(BEN), "ads", "given", "2001-01-01 00:00:00")]
    assert shop.rows(BOOKS) == [
        ("consents.csv", 3, 1, 0, 1, 0, 0, 0, 1, 0),
        ("experiment_exposures.csv", 4, 1, 0, 1, 0, 1, 0, 1, 0),
    ]
    # a line that names nobody goes some months after it came
    named |= side(shop, stock="product_id,stock_date,units\n1001,2019-10-01,3\n")
    shop.build(*UP_TO_SIDE, variables=months | {"clock": "2020-05-01 00:00:00"}, **named)
    assert ("experiment_exposures.csv", 4, 1, 0, 1, 0, 0, 0, 2, 0) in shop.rows(BOOKS)


def test_every_input_is_read_with_its_types(shop: House):
    named = side(
        shop,
        catalogue="product_id,product_name,brand,unit_cost,is_own_brand\n1001,Kettle,ACME,5.10,yes\n1002,,,,\n"
        "x,,,,\n1003,Pan,acme,cheap,no\n1004,Pan,acme,1,perhaps\n1006,Pan,acme,-0.50,\n"
        "1005,Kettle (ask JANE@Shop.example),+33 6 12 34 56 78,,\n",
        stock="product_id,stock_date,units\n1001,2019-10-01,3\n1001,2019-10-02,0\n1001,,4\n",
        marketing_actions="action,kind,channel,starts_on,ends_on\nAutumn,Newsletter,E-Mail,2019-10-05,\n"
        "Sale,promotion,,2019-10-07,2019-10-09\nFête,party,,2019-10-07,\nLent,promotion,,2019-10-07,2019-10-06\n"
        "call 06.12.34.56.78,price,jane%40shop.example,2019-10-08,\n",
        channel_spend="segment,channel,week,spend,outcome\nall,Search,2019-09-30,100,350.5\nall,search,2019-10-07,,1\nall,search,2019-10-14,-3,1\n",
        suppressed_products="product_id,reason\n1002,recalled\n1003,card 4111 1111 1111 1111\n",
    )
    shop.build(*TESTED, **named)
    day = datetime.date
    for name, rows in {
        "catalogue": [
            (1001, "Kettle", "acme", 5.1, True),
            (1002, None, None, None, None),
            (1005, "masked: e-mail", "masked: phone", None, None),
        ],
        "stock": [(1001, day(2019, 10, 1), 3), (1001, day(2019, 10, 2), 0)],
        "marketing_actions": [
            ("Autumn", "newsletter", "e-mail", day(2019, 10, 5), None, None),
            ("Sale", "promotion", None, day(2019, 10, 7), day(2019, 10, 9), None),
            ("masked: phone", "price", "masked: e-mail", day(2019, 10, 8), None, None),
        ],
        "channel_spend": [("all", "search", day(2019, 9, 30), 100, 350.5)],
        "suppressed_products": [(1002, "recalled"), (1003, "masked: card")],
    }.items():
        found = [
            tuple(float(cell) if hasattr(cell, "quantize") else cell for cell in row)
            for row in shop.rows(f"select * from core.{name} order by all")
        ]
        assert found == rows, name
    reasons = "select side_input, reason from vault.vault.side_judged where reason is not null order by all"
    assert shop.rows(reasons) == [
        ("catalogue", "bad_is_own_brand"),
        ("catalogue", "bad_product_id"),
        ("catalogue", "bad_unit_cost"),
        ("catalogue", "negative_unit_cost"),
        ("channel_spend", "missing_spend"),
        ("channel_spend", "negative_spend"),
        ("marketing_actions", "bad_kind"),
        ("marketing_actions", "ends_on_before_starts_on"),
        ("stock", "missing_stock_date"),
    ]
    # what looks like a person's data stays in the vault
    warehouse = (shop.home / "warehouse.duckdb").read_bytes()
    for text in (b"JANE@Shop", b"6 12 34 56", b"06.12.34", b"jane%40", b"4111 1111"):
        assert text not in warehouse


def test_a_day_is_the_one_that_is_written_in_any_zone(new_house):
    house = new_house()
    house.deliver("a.csv", [Event()])
    named = side(
        house,
        stock="product_id,stock_date,units\n1001,2019-10-01,1\n1002, 2019-10-01 00:30:00 ,1\n"
        "1003,2019-10-01T00:30:00+05:00,1\n1004,1569931200,1\n1005,2019-10-01 or so,1\n1006,2019-02-30,1\n",
    )
    zone = {"input_time_zone": "Europe/Berlin"}
    house.build("--select", "+stock", *WITHOUT_TESTS, variables=zone, **named)
    assert house.rows("select product_id, cast(stock_date as varchar) from core.stock order by all") == [
        (product, "2019-10-01") for product in (1001, 1002, 1003, 1004)
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("user_id,state\n1,given\n", "has no column purpose, changed_at: expected user_id, purpose, state"),
        ("user_id;purpose;state;changed_at\n", "var delimiter: semicolon"),
        ("", "holds no line"),
        ('{"user_id": 1}', "is JSON"),
        ("user_id,purpose,state,changed_at,state\n", "has the column state twice"),
        ("user_id,purpose,state,changed_at\r1,a,given,x\r", "end with CR alone"),
        (b"PAR1....", "is a Parquet file"),
        (b"user_id,purpose,state,changed_at,\xff\n", "not UTF-8"),
        (gzip.compress(b"user_id,purpose,state,changed_at\n" * 99, mtime=0)[:-9], "cut short"),
        (None, "No file matches"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "consents.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (found,) = inventory([CONSENT], {"CLIENTELE_SIDE_CONSENTS": str(path)}, [], ",")
    assert found.status == "refused" and sentence in found.reason, found.reason
    assert found.reason.startswith("Side input consents: ") and found.reason.endswith(".")


def test_a_column_that_is_passed_over_is_quoted_where_it_looks_like_a_name_of_a_column(tmp_path):
    path = tmp_path / "consents.csv"
    path.write_text("user_id,purpose,state,changed_at,channel,0612345678,500001248,Jane Doe\n")
    said = []
    inventory([CONSENT], {"CLIENTELE_SIDE_CONSENTS": str(path)}, [], ",", said.append)
    assert said == ["clientele: columns channel, and 3 more passed over in consents.csv (consents)"]


def test_a_variable_of_no_input_is_told():
    with pytest.raises(
        SideError, match="CLIENTELE_SIDE_CONSENT names files of an input that is not declared"
    ):
        inventory([CONSENT], {"CLIENTELE_SIDE_CONSENT": "x.csv"}, [], ",")


def test_files_of_one_name_that_differ_are_refused_and_their_content_says_what_is_known(tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "a.csv").write_text(
            f"user_id,purpose,state,changed_at\n{number},a,given,x\n"
        )
    variables = {"CLIENTELE_SIDE_CONSENTS": f"{tmp_path}/1,{tmp_path}/2"}
    (found,) = inventory([CONSENT], variables, [], ",")
    assert found.status == "refused" and "have one name and differ" in found.reason
    variables = {"CLIENTELE_SIDE_CONSENTS": f"{tmp_path}/*/a.csv"}
    found = inventory([CONSENT], variables, [], ",")
    assert [file.file_identity for file in found] == ["consents/1/a.csv", "consents/2/a.csv"]
    known = [file.as_row() | {"n_lines": 77} for file in found]
    assert {file.n_lines for file in inventory([CONSENT], variables, known, ",")} == {77}
    assert 77 not in {file.n_lines for file in inventory([CONSENT], variables, known, ";")}
    # Another content of the same length at the same time is another file: a consent may be in it.
    first = tmp_path / "1" / "a.csv"
    times = (first.stat().st_atime_ns, first.stat().st_mtime_ns)
    first.write_text(first.read_text().replace("given", "taken"))
    os.utime(first, ns=times)
    assert [file.n_lines for file in inventory([CONSENT], variables, known, ",")] == [2, 77]


def test_tables_of_the_warehouse_are_side_inputs_as_well(shop: House):
    shop.build(*UP_TO_SIDE)
    with shop.connection(read_only=False) as connection:
        connection.execute("create schema shop_side")
        connection.execute(
            "create table shop_side.consents as select * from (values "
            f"({ANN}, 'ads', 'given', timestamp '2019-10-01 10:00:00', 'x'), "
            "(null, 'ads', 'given', null, 'y')) "
            "as rows (user_id, purpose, state, changed_at, clerk)"
        )
    variables = {"side_schema": "shop_side"}
    shop.build(*UP_TO_SIDE, variables=variables)
    assert shop.rows(CONSENTS) == [(key(ANN), "ads", "given", "2019-10-01 10:00:00")]
    assert shop.rows(BOOKS) == [("shop_side.consents", 2, 0, 0, 1, 0, 1, 0, 0, 0)]
    with shop.connection(read_only=False) as connection:
        connection.execute("update shop_side.consents set state = 'withdrawn' where user_id is not null")
    shop.build(*UP_TO_SIDE, variables=variables)
    assert shop.rows(CONSENTS) == [(key(ANN), "ads", "withdrawn", "2019-10-01 10:00:00")]
