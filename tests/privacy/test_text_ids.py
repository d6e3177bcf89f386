"""Requests of customers whose ids are texts: UUIDs, e-mail addresses, however a link has escaped them.

The var user_id_kind is given to the builds only: a request finds out from the vault of which kind ids are.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import MATERIAL, UP_TO_EVENTS, Event, House

from clientele.privacy import keys, rights
from clientele.runtime import backups

JANE, UUID, OTHER = "Jane+shop@mail.example", "5F0C0E2E-1111-4000-8000-00000000ABCD", "jane+shop@mail.example"
WRITTEN = {JANE: JANE.replace("@", "%40").replace("+", "%2b"), UUID: f" {UUID}\u200b", OTHER: OTHER}
EVENTS = [
    Event(event_time=f"2019-10-01 12:00:{second:02d} UTC", user_id=text, user_session=f"s-{user}")
    for user in WRITTEN
    for second, text in enumerate((user, WRITTEN[user]))
]
FAULTY = [Event(user_id=WRITTEN[user], price="-1", brand=f"line of {user}") for user in WRITTEN]


def n_held(house: House, user: str) -> list[int]:
    """Return how many rows of the customer the vault, core.events and the quarantine hold."""
    number = keys.user_sk(keys.user_key(user, MATERIAL))
    return [
        house.value(f"select count(*) from vault.vault.user_keys where user_id = '{user}'"),
        house.value(f"select count(*) from core.events where user_sk = {number}"),
        house.value(f"select count(*) from vault.vault.quarantined_lines where user_id = '{user}'"),
    ]


@pytest.fixture(scope="module")
def built(new_house) -> House:
    house = new_house(variables={"user_id_kind": "text", "quarantine_refuse_share": 1})
    house.deliver("a.csv", [*EVENTS, *FAULTY])
    house.build(*UP_TO_EVENTS)
    return house


@pytest.fixture
def shop(built, tmp_path) -> House:
    shop = built.copy(tmp_path / "copy")
    shop.target = built.target  # where dbt has written what tables mean
    return shop


def asker(shop: House) -> House:
    """Return the same warehouse for somebody who gives no vars, as the commands do not."""
    other = House(shop.folder)
    other.lake = shop.lake
    return other


def test_who_is_admitted_is_found_again(shop):
    assert {user: n_held(shop, user) for user in WRITTEN} == {user: [1, 2, 1] for user in WRITTEN}


@pytest.mark.parametrize("user", [JANE, UUID])
@pytest.mark.parametrize("is_written_otherwise", [False, True])
def test_a_copy_and_an_erasure_find_them_in_either_spelling(shop, tmp_path, user, is_written_otherwise):
    named = {"CLIENTELE_SUBJECT": WRITTEN[user] if is_written_otherwise else user}
    folder = tmp_path / "rows"
    folder.mkdir()
    asked = asker(shop).operation("export_subject", **named, CLIENTELE_EXPORT_FOLDER=str(folder))
    assert asked.succeeded, asked.said[-2000:]
    copy = rights.assemble(folder, json.loads((shop.target / "manifest.json").read_text()))
    assert [row["user_id"] for row in copy["tables"]["vault.user_keys"]["rows"]] == [user]
    assert len(copy["tables"]["core.events"]["rows"]) == 2
    lines = [row["line_text"] for row in copy["tables"]["vault.quarantined_lines"]["rows"]]
    assert lines == [Event(user_id=WRITTEN[user], price="-1", brand=f"line of {user}").line()]

    erased = asker(shop).operation("erase_subjects", **named)
    assert erased.succeeded and user not in erased.said, erased.said[-2000:]
    assert {one: n_held(shop, one) for one in WRITTEN} == {
        one: [0, 0, 0] if one == user else [1, 2, 1] for one in WRITTEN
    }
    shop.lake = shop.folder / "lake"
    shop.deliver("a.csv", [*EVENTS, *FAULTY])
    shop.deliver("again.csv", [*EVENTS, *FAULTY])
    shop.build(*UP_TO_EVENTS)
    assert n_held(shop, user) == [0, 0, 0]
    assert shop.value("select count(*) from vault.vault.tombstones") == 1


def test_an_objection_is_noted_and_withdrawn_under_the_same_id(shop):
    number = keys.user_sk(keys.user_key(JANE, MATERIAL))
    noted = asker(shop).operation("object_to_profiling", CLIENTELE_SUBJECT=WRITTEN[JANE])
    assert noted.succeeded, noted.said[-2000:]
    assert shop.rows("select user_id from vault.vault.objections") == [(JANE,)]
    shop.build("--select", "profiling_objections", *UP_TO_EVENTS[2:])
    assert shop.rows("select user_sk from core.profiling_objections") == [(number,)]
    assert asker(shop).operation("withdraw_objection", CLIENTELE_SUBJECT=JANE).succeeded
    assert shop.rows("select user_id from vault.vault.objections") == []


@pytest.mark.parametrize(
    ("operation", "register"),
    [("object_to_profiling", "objections"), ("restrict_subjects", "restrictions")],
)
def test_what_is_asked_before_the_first_load_holds_whatever_kind_its_ids_are(house, operation, register):
    """The command cannot know that the build will be given user_id_kind: text."""
    refused = house.operation(operation, CLIENTELE_SUBJECT="007")
    assert not refused.succeeded and "007 and 7 are two customers" in refused.said
    noted = house.operation(operation, CLIENTELE_SUBJECT="7")
    assert noted.succeeded and "noted for the first build" in noted.said
    house.variables["user_id_kind"] = "text"
    house.deliver("a.csv", [Event(user_id="7"), Event(user_id="x@shop.example")])
    house.build("--select", "+reconciliation", "profiling_objections", *UP_TO_EVENTS[2:])
    assert house.rows(f"select user_id from vault.vault.{register}") == [("7",)]
    number = keys.user_sk(keys.user_key("7", MATERIAL))
    assert house.rows("select user_sk from core.profiling_objections") == [(number,)]


def test_a_register_of_texts_becomes_one_of_numbers_or_nothing_begins(new_house):
    house = new_house(variables={"user_id_kind": "text"})
    for operation, user_id in (("object_to_profiling", "7"), ("restrict_subjects", "007")):
        noted = house.operation(operation, CLIENTELE_SUBJECT=user_id)
        assert noted.succeeded, noted.said[-2000:]
    # a command without vars decides nothing: of texts 007 and 7 are two customers
    del house.variables["user_id_kind"]
    assert house.operation("restrict_subjects", CLIENTELE_SUBJECT=JANE).succeeded
    held = house.rows("select user_id from vault.vault.restrictions order by user_id")
    assert held == [("007",), (JANE,)]

    house.deliver("a.csv", [Event(user_id="7")])
    stopped = house.run(*UP_TO_EVENTS)
    assert not stopped.succeeded and JANE not in stopped.said
    assert "vault.restrictions holds 2 id(s) that are no plain numbers" in stopped.said
    assert house.rows("select user_id from vault.vault.restrictions order by user_id") == held
    assert house.rows("select user_id from vault.vault.objections") == [("7",)]

    # the way out that the sentence names
    for user_id in ("007", JANE):
        assert house.operation("unrestrict_subjects", CLIENTELE_SUBJECT=user_id).succeeded
    house.build("--select", "+reconciliation", "profiling_objections", *UP_TO_EVENTS[2:])
    assert house.rows("select user_id from vault.vault.objections") == [(7,)]
    assert house.value("select count(*) from core.profiling_objections") == 1


def test_who_has_objected_is_known_after_ids_have_become_texts(house):
    """As a build advises where 007 and 7 are two customers."""
    house.deliver("a.csv", [Event(user_id="7"), Event(user_id="007"), Event(user_id="8")])
    select = ("--select", "+reconciliation", "profiling_objections", *UP_TO_EVENTS[2:])
    house.build(*select)
    assert house.operation("object_to_profiling", CLIENTELE_SUBJECT="8").succeeded
    house.variables["user_id_kind"] = "text"
    house.build(*select, "--full-refresh")
    held = house.rows("select user_id from vault.vault.user_keys order by user_id")
    assert held == [("007",), ("7",), ("8",)]
    assert house.rows("select user_id from vault.vault.objections") == [("8",)]
    number = keys.user_sk(keys.user_key("8", MATERIAL))
    assert house.rows("select user_sk from core.profiling_objections") == [(number,)]


@pytest.mark.parametrize(
    ("kind", "environment", "expected"),
    [
        ("integer", {"CLIENTELE_SUBJECT": "+007.0"}, [7]),
        ("integer", {"CLIENTELE_SUBJECT": "\uff17\u200b"}, [7]),
        ("text", {"CLIENTELE_SUBJECT": " a%40b%2Eexample "}, ["a@b.example"]),
        ("text", {"CLIENTELE_SUBJECT": "7"}, ["7"]),
        ("text", {"CLIENTELE_SUBJECT": "x" * 257}, "is not a user_id"),
        ("integer", {"CLIENTELE_SUBJECT": "a@b.example"}, "is not a user_id"),
    ],
)
def test_a_request_names_a_customer_as_files_do(kind, environment, expected):
    if isinstance(expected, list):
        assert rights.subjects(environment, kind) == expected
    else:
        with pytest.raises(rights.RightsError, match=expected):
            rights.subjects(environment, kind)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("7", True), ("-7", True), (" 7 ", True), ("007", False), ("+7", False), ("7.0", False)],
)
def test_before_the_first_load_a_number_is_named_as_a_text_would_be(text, is_one):
    environment = {"CLIENTELE_SUBJECT": text}
    assert rights.subjects(environment, "integer") in ([7], [-7])
    if is_one:
        assert rights.subjects(environment, "integer", is_settled=False) in ([7], [-7])
    else:
        with pytest.raises(rights.RightsError, match="are two customers") as told:
            rights.subjects(environment, "integer", is_settled=False)
        assert "CLIENTELE_SUBJECT" in str(told.value)


@pytest.mark.parametrize(
    "user_id",
    [
        *("a%40b", "%2540", "100%", "a\nb", "c\r", "\r\n", "%0A", "-7"),
        *("\u2028a", "a\u2028b", "a\u0085b", "a\x0bb", "a\x1cb", "a\x0cb"),
    ],
)
def test_an_id_that_is_kept_names_its_customer_and_nobody_else(tmp_path: Path, user_id):
    """Not the customer of what its escapes stand for, and not those of its parts."""
    file = tmp_path / "subjects"
    file.write_bytes(f"{rights.as_named(user_id)}\r\nsomebody else\n".encode())
    named = rights.subjects({"CLIENTELE_SUBJECTS_FILE": str(file)}, "text")
    assert named == sorted([user_id, "somebody else"])


def test_a_restore_carries_an_objection_out_for_who_made_it(shop, tmp_path: Path):
    """The id that is kept is no spelling of itself: read once more, its escape would name somebody else."""
    kept, other = "jane%40shop", "jane@shop"
    shop.lake = shop.folder / "lake"
    shop.deliver("b.csv", [Event(user_id="jane%2540shop"), Event(user_id=other)])
    shop.build(*UP_TO_EVENTS)
    saved = backups.take(shop.home, tmp_path / "backups")
    assert asker(shop).operation("object_to_profiling", CLIENTELE_SUBJECT="jane%2540shop").succeeded
    noted = shop.rows("select user_id from vault.vault.objections")
    assert noted == [(kept,)]

    def operate(operation: str, home: Path, subjects: Path | None) -> None:
        restored = asker(shop)
        restored.home = home
        ran = restored.operation(operation, CLIENTELE_SUBJECTS_FILE=str(subjects or ""))
        assert ran.succeeded, ran.said[-2000:]

    with shop.surroundings():
        backups.restore(saved, shop.home, operate)
    assert shop.rows("select user_id from vault.vault.objections") == noted


def test_who_is_named_wrongly_gets_a_sentence(shop, tmp_path: Path):
    refused = asker(shop).operation("erase_subjects", CLIENTELE_SUBJECT="x" * 300)
    assert not refused.succeeded and "CLIENTELE_SUBJECT is not a user_id" in refused.said
    assert "xxx" not in refused.said
    assert shop.rows("select * from vault.vault.requests") == []
