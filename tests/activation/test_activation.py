"""From a build to a destination and back: real tables, real requests of customers, real commands."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import NEXT_KEY, WITHOUT_TESTS, House
from test_audiences import GOOD, having

from clientele import cli
from clientele.runtime import publishing

FROM_FACTS = ("--select", "audience_facts+", *WITHOUT_TESTS)


@pytest.fixture(scope="module")
def shop(built_shop: House, tmp_path_factory) -> House:
    """A built shop of its own, with the manifest of its build."""
    house = built_shop.copy(tmp_path_factory.mktemp("activation"))
    house.target = built_shop.target
    return house


def call(house: House, *arguments: str) -> Result:
    with house.surroundings():
        return CliRunner().invoke(cli.main, [*arguments, "--home", str(house.home)])


def held(house: House) -> dict[str, set[str]]:
    """Return what the folder has of each audience."""
    return {
        path.name: set((path / "members.csv").read_text().split()[1:])
        for path in sorted((house.home / "published" / "audiences").iterdir())
        if not path.name.startswith(".")
    }


def manifests(house: House) -> dict[str, dict]:
    """Return what the folder says of its files, by audience."""
    folder = house.home / "audiences"
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("[!.]*/manifest.json")}


def tables(house: House, part: str) -> list[Path]:
    """Return the files of one part of each export that the home's folder leads to."""
    return sorted((house.home / "audiences").glob(f"[!.]*/{part}.csv"))


def told(house: House) -> set[str]:
    """Return who stands in any file but those that say who left."""
    paths = (house.home / "audiences" / ".exports").glob("*/*.csv")
    return {key for path in paths if path.name != "removed.csv" for key in path.read_text().split()[1:]}


def members(house: House) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for audience, key in house.rows("select audience, user_key from marts.audience_members"):
        found.setdefault(audience, set()).add(key)
    return found


def test_customers_who_object_or_are_erased_leave_at_the_next_export(shop):
    sent = call(shop, "activate")
    assert sent.exit_code == 0, sent.output
    assert held(shop) == members(shop) and len(held(shop)) >= 5
    assert all(len(keys) >= 20 for keys in held(shop).values())
    (objector, its_key), (erased, erased_key) = shop.rows(
        "select user_id, user_key from vault.vault.user_keys where user_key in (select user_key from "
        "marts.audience_members where audience = 'win_back_buyers') order by user_key limit 2"
    )
    copy = shop.folder / "copy"
    copy.mkdir()
    shop.operation("export_subject", CLIENTELE_SUBJECT=str(erased), CLIENTELE_EXPORT_FOLDER=str(copy))
    told = json.loads((copy / "register.destination_ledger.json").read_text())
    assert {"destination": "folder", "audience": "win_back_buyers", "standing": "member"} in told

    assert shop.operation("object_to_profiling", CLIENTELE_SUBJECT=str(objector)).succeeded
    assert shop.operation("erase_subjects", CLIENTELE_SUBJECT=str(erased)).succeeded
    assert not any({its_key, erased_key} & keys for keys in members(shop).values())
    # nobody reads them as members any more, before any export tells that they are gone
    assert held(shop) == members(shop)
    for audience, manifest in manifests(shop).items():
        for name, facts in manifest["files"].items():
            content = (shop.home / "audiences" / audience / name).read_bytes()
            assert its_key.encode() not in content and erased_key.encode() not in content, (audience, name)
            assert hashlib.sha256(content).hexdigest() == facts["sha256"], (audience, name)
    again = call(shop, "activate", "--audience", "win_back_buyers")
    assert again.exit_code == 0 and "0 added, 2 removed" in again.output, again.output
    place = shop.home / "published" / "audiences" / "win_back_buyers"
    assert set((place / "removed.csv").read_text().split()[1:]) == {its_key, erased_key}
    assert call(shop, "activate").exit_code == 0
    assert held(shop) == members(shop)
    assert not shop.rows(
        f"select * from vault.vault.destination_ledger where member_key in ('{its_key}', '{erased_key}')"
    )
    for kept in publishing.publications(shop.home):
        assert kept.problem() is None, "a publication is whole with a link to exports in it"
    assert erased_key.encode() not in b"".join(
        path.read_bytes() for path in (shop.home / "audiences").rglob("*") if path.is_file()
    )


def test_after_a_rotation_nobody_is_a_member_under_the_pseudonym_of_before(shop, tmp_path):
    house = shop.copy(tmp_path / "rotated")
    house.target = shop.target
    assert call(house, "activate").exit_code == 0
    before = {path.parent.name: set(path.read_text().split()[1:]) for path in tables(house, "members")}
    assert all(before.values()) and len(before) >= 5
    old = set().union(*before.values())
    assert house.operation("rotate_key", CLIENTELE_PSEUDONYM_KEY_NEW=NEXT_KEY).succeeded
    assert not old & told(house), "no export says of an old pseudonym that it is a member or came"
    ((objector, its_key),) = house.rows(
        "select user_id, user_key from vault.vault.user_keys where user_key in (select user_key from "
        "marts.audience_members where audience = 'win_back_buyers') order by user_key limit 1"
    )
    asked = {"CLIENTELE_PSEUDONYM_KEY": NEXT_KEY, "CLIENTELE_SUBJECT": str(objector)}
    copy = tmp_path / "copy"
    copy.mkdir()
    sentence = "Run clientele activate, then ask for the copy again"
    said = house.operation("export_subject", CLIENTELE_EXPORT_FOLDER=str(copy), **asked).said
    assert sentence in said, "where the customer was sent is known under the old pseudonym alone"
    assert house.operation("object_to_profiling", **asked).succeeded
    sent = call(house, "activate")
    assert sent.exit_code == 0, sent.output
    found = {path.parent.name: set(path.read_text().split()[1:]) for path in tables(house, "members")}
    assert found == members(house) and its_key not in told(house)
    for path in tables(house, "removed"):
        assert before[path.parent.name] <= set(path.read_text().split()), "whoever has a copy hears of it"
    assert sentence not in house.operation("export_subject", CLIENTELE_EXPORT_FOLDER=str(copy), **asked).said


def test_a_vault_from_before_an_export_is_refused(shop, tmp_path):
    """It has lost who was sent where: no destination would hear who is to leave."""
    house = shop.copy(tmp_path / "put_back")
    house.target = shop.target
    vault, kept = house.home / "vault.duckdb", tmp_path / "vault.duckdb"
    output = tmp_path / "ids.csv"
    shutil.rmtree(house.home / "audiences", ignore_errors=True)  # so that there is something to export
    for arguments in (
        ("activate",),
        ("export-audience", "new_buyers", "--purpose", "a letter", "--output", str(output)),
    ):
        shutil.copyfile(vault, kept)
        done = call(house, *arguments)
        assert done.exit_code == 0, done.output
        newer = vault.read_bytes()
        shutil.copyfile(kept, vault)
        stopped = house.operation("object_to_profiling", CLIENTELE_SUBJECT="1")
        assert not stopped.succeeded and "The vault is older than the warehouse" in stopped.said
        output.unlink(missing_ok=True)
        again = call(house, *arguments)
        assert again.exit_code == 1 and "older than the warehouse" in again.output, again.output
        vault.write_bytes(newer)
    assert call(house, "activate").exit_code == 0


def test_ids_leave_the_vault_by_a_file_of_its_own(shop, tmp_path):
    output = tmp_path / "ids.csv"
    refused = call(shop, "export-audience", "new_buyers", "--purpose", " ", "--output", str(output))
    assert refused.exit_code == 1 and "name the purpose" in refused.output and not output.exists()
    given = call(shop, "export-audience", "new_buyers", "--purpose", "a letter", "--output", str(output))
    assert given.exit_code == 0, given.output
    assert output.stat().st_mode & 0o777 == 0o600
    expected = shop.rows(
        "select keys.user_id from marts.audience_members as members inner join vault.vault.user_keys as keys "
        "on members.user_key = keys.user_key where audience = 'new_buyers' order by 1"
    )
    assert output.read_text().split() == ["user_id", *(str(user_id) for (user_id,) in expected)]
    assert shop.rows(
        "select audience, purpose, status, n_added from vault.vault.exports where destination = 'ids'"
    ) == [("new_buyers", "a letter", "acknowledged", len(expected))]


def test_who_is_in_an_audience_that_may_not_be_used(shop):
    """Nobody, with a reason: personas that are not proven, one that is not there, a last day, a minimum."""
    persona = {"field": "persona", "is": 1}
    audiences = {
        "persona_1": GOOD | {"where": persona},
        "not_persona_1": GOOD | {"where": {"not": {"audience": "persona_1"}}},
        "persona_99": GOOD | {"where": {"any": [persona, {"field": "persona", "is": 99}]}},
        "expired": GOOD | {"where": {"field": "n_orders", "at_least": 0}, "expires": "2019-12-31"},
        "too_small": GOOD | {"where": {"field": "n_orders", "at_least": 0}, "minimum": 900_000},
        "everybody": GOOD | {"where": {"field": "n_orders", "at_least": 0}},
    }
    ((fit, version),) = shop.rows(
        "select fit_number, model_version from core.segment_models where is_champion"
    )

    def statuses() -> dict[str, str]:
        shop.build(*FROM_FACTS, change=having(audiences))
        found = dict(shop.rows("select audience, status from marts.audiences"))
        assert set(members(shop)) == {name for name, status in found.items() if status == "active"}
        return found

    shop.decide(gates={fit: "failed"})
    always = {"expired": "expired", "too_small": "too_small", "everybody": "active"}
    refused = dict.fromkeys(["persona_1", "not_persona_1", "persona_99"], "unproven_personas")
    assert statuses() == always | refused
    shop.decide((version, "promote"))
    assert statuses() == always | {
        "persona_1": "active",
        "not_persona_1": "active",
        "persona_99": "unknown_persona",
    }
    sizes = {name: len(keys) for name, keys in members(shop).items()}
    assert sizes["persona_1"] + sizes["not_persona_1"] == sizes["everybody"]

    def preview(change: Callable) -> dict[str, str]:
        told = shop.run(command=("run-operation", "preview_audiences"), change=change).said
        return dict(line.split(": ", 1) for line in told.splitlines() if ": " in line)

    reasons = {
        "expired": "its last day is over",
        "persona_99": "it names a persona that the model in force does not have",
        "too_small": "fewer than its minimum of 900000",
    }
    said = preview(having(audiences))
    assert {name for name in audiences if "Nobody is in it" in said[name]} == set(reasons)
    assert all(said[name].endswith(f"Nobody is in it: {reason}") for name, reason in reasons.items())
    nothing = shop.run(command=("run-operation", "preview_audiences"), change=having({}))
    assert "there is no audience: docs/campaigns.md says how" in nothing.said


def test_a_warehouse_without_a_build_is_a_sentence(house: House):
    house.home.mkdir()
    house.target.mkdir()
    (Path(house.target) / "manifest.json").write_text('{"exposures": {}}')
    refused = call(house, "activate")
    assert refused.exit_code == 1 and "Build once" in refused.output


def test_who_withdraws_a_consent_leaves_the_audience_and_its_destination(shop):
    """One audience asks for a consent, one does not; nothing comes, then consents, then withdrawals."""
    where = {"field": "n_orders", "at_least": 0}
    project = having(
        {"asks": GOOD | {"consent": "mail", "where": where}, "asks_not": GOOD | {"where": where}}
    )
    of_sides = ("side_files", "side_lines", "side_judged", "side_books")
    of_consents = ("consents", "consent_states", "consents_in_force")
    select = ("--select", *of_sides, *of_consents, "audience_matches+", *WITHOUT_TESTS)
    status = "select audience, consent_status, status from marts.audiences order by audience"

    def delivered(*states: tuple[int, str, str]) -> dict[str, set[str]]:
        path = shop.folder / "consents.csv"
        lines = [f"{user},mail,{state},{day}" for user, state, day in states]
        path.write_text("\n".join(["user_id,purpose,state,changed_at", *lines, ""]))
        shop.build(*select, change=project, CLIENTELE_SIDE_CONSENTS=str(path))
        return members(shop)

    shop.build(*select, change=project)
    assert shop.rows(status) == [("asks", "not_delivered", "active"), ("asks_not", "not_asked", "active")]
    everybody = members(shop)["asks_not"]
    assert members(shop)["asks"] == everybody and len(everybody) > 200
    ids = shop.rows(
        "select user_id, user_key from vault.vault.user_keys where user_key in "
        "(select user_key from marts.audience_members) order by user_key limit 100"
    )
    given = [(user, "given", "2019-10-01") for user, _ in ids]
    found = delivered(*given, (ids[0][0], "revoked", "2019-10-01"))
    assert found == {"asks": {key for _, key in ids[1:]}, "asks_not": everybody}
    assert shop.rows(status)[0] == ("asks", "checked", "active")
    with shop.connection(read_only=False) as connection:
        connection.execute("delete from vault.vault.destination_ledger")
    assert call(shop, "activate", "--audience", "asks").exit_code == 0

    withdrawn = [(user, "withdrawn", "2019-10-02") for user, _ in ids[:20]]
    found = delivered(*given, *withdrawn)
    assert found == {"asks": {key for _, key in ids[20:]}, "asks_not": everybody}
    changes = (
        "select user_key from marts.audience_changes where audience = 'asks' and change_kind = 'removed' "
        "and change_number = (select max(change_number) from marts.audience_changes)"
    )
    assert {key for (key,) in shop.rows(changes)} == {key for _, key in ids[1:20]}
    told = call(shop, "activate", "--audience", "asks")
    assert told.exit_code == 0 and "0 added, 19 removed" in told.output, told.output
    # the file is not named any more: a consent that was withdrawn stays withdrawn
    shop.build(*select, change=project)
    assert members(shop)["asks"] == found["asks"]
