"""The whole project on both engines, from the same files: every cell of core and marts must agree.

What may differ, and nothing else:

* provenance (support.PROVENANCE): numbers of files, loads and lines. Spectrum knows no line numbers, and what
  the number of a removed copy is changes no event (docs/decisions/0022).
* the bookkeeping tables (support.BOOKKEEPING), which record how files came.
* floats beyond nine significant digits: the engines' ln and power are those of different libraries.
* session_sk once the key is rotated: each warehouse draws a mask of its own (docs/decisions/0015).

Between the two builds customers exercise their rights and somebody grants what is not theirs to grant; the
second build brings old files again. The tests follow that course, and the last ones change the warehouse.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from pair import Pair
from plans import ARMS, GOOD, planned
from redshift_lint import refusals
from shop_simulator.__main__ import main as synthesize
from standin import Proxy
from support import HEADER, IS_LONG, MATERIAL, PROVENANCE, ROOT, WITHOUT_TESTS, House, parsed, some
from warehouse import USER, Warehouse

from clientele.privacy import keys, redshift_key, rights

SHOP = ["--users", "1500" if IS_LONG else "450", "--months", "3", "--dirt", "0.01", "--seed", "11", "--quiet"]
# What Spectrum hands over of a NUL or a broken character is one sign, so that their reasons are one as well.
SAME_REASON = {"control_character": "invalid_encoding"}
# A unit test is a query on DuckDB as well, and what it tests is compared here cell by cell. Of dbt's other
# tests the short form runs a few.
TESTED = ("--exclude-resource-type", *([] if IS_LONG else ["unit_test"]), "exposure")
NEXT_KEY = "another key for tests, and no secret: 7be0"
STRANGER = "987654321987"
NOT_COPIED = {*PROVENANCE}
# What Python models may read: samples of users, what was fitted on them, and tables as small as a catalogue.
PULLED = {"segment_sample", "segment_replicates", "training_frame", "truncated_histories",
          "persona_fit_fields", "persona_study_fields", "segment_weights", "early_weights",
          "fit_request", "feature_catalog", "family_prices", "segment_names", "as_of",
          "value_request", "value_sample", "value_fit_fields",
          "prediction_request", "prediction_frame", "category_frame", "rebuy_frame", "prediction_fit_fields",
          "session_request", "session_frame", "session_fit_fields",
          "forecast_request", "forecast_frame", "forecast_fit_fields",
          "item_request", "item_features", "item_group_words", "coview_frame", "item_fit_fields",
          "budget_request", "budget_frame", "budget_fit_fields", "experiment_sums",
          "experiment_fit_fields"}  # fmt: skip
SAMPLE_USERS = 200  # of the second build in the long form: the fewest that are allowed
READS = {
    "clientele_reader": {"marts"},
    "clientele_analyst": {"core", "marts", "monitor"},
    USER: {"vault", "core", "marts", "monitor"},
}
# Tables that no model makes, so that dbt keeps no grants of theirs.
NO_MODELS = {"key_ring", "tombstones", "erased_lines", "erased_sessions", "shared_sessions", "objections",
             "named_subjects", "erasure_requests", "erasure_counts", "pseudonym_key", "load_marks",
             "key_epoch", "run_log", "requests", "requests_done", "restrictions", "build_lock",
             "destination_ledger", "exports"}  # fmt: skip


# Reasons of lines that were not split into fields.
WITHOUT_FIELDS = {"bad_quoting", "wrong_number_of_fields"}


def busiest(*files: bytes) -> list[str]:
    """Return the ids of customers who are in each of these files, those with most events first."""
    counts = []
    for content in files:
        text = content.decode("utf-8", "replace").replace("\0", "").splitlines()
        rows = [row for row in csv.reader(text, quoting=csv.QUOTE_NONE) if len(row) == HEADER.count(",") + 1]
        counts.append(Counter(row[7] for row in rows if re.fullmatch("[0-9]{6,}", row[7])))
    everywhere = set.intersection(*map(set, counts))
    return sorted(everywhere, key=lambda user: (-sum(count[user] for count in counts), user))


def held_of(pair: Pair, user_id: str) -> set[str]:
    """Return the tables with rows of a customer on Redshift, by the columns that they really have."""
    key = keys.user_key(user_id, MATERIAL)
    values = {"user_id": user_id, "user_sk": str(keys.user_sk(key)), "user_key": f"'{key}'"}
    return {
        f"{schema}.{table}"
        for schema, table, column in pair.warehouse.rows(
            "select table_schema, table_name, column_name from information_schema.columns "
            f"where table_schema in ('vault', 'core', 'marts', 'monitor') and column_name in {tuple(values)}"
        )
        if pair.warehouse.rows(f'select 1 from {schema}."{table}" where {column} = {values[column]} limit 1')
    }


def data_tests_left_out() -> list[str]:
    """Return the names of the tests that the short form does not run."""
    names = sorted(node.name for node in parsed().nodes.values() if node.resource_type == "test")
    return sorted({*names} - {*some(names, 20)})


def bytes_left(folder: Path) -> bytes:
    """Return all that dbt has left in its folders: logs, manifest, compiled SQL."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def pair(tmp_path_factory, postgres, proxy):
    reader = proxy
    folder = tmp_path_factory.mktemp("parity")
    assert synthesize([*SHOP, str(folder / "shop")]) in (0, None)
    files = sorted((folder / "shop/events").iterdir())
    # The lint refuses on the way to the server: nothing that dbt, the adapter or a macro sends is left out.
    proxy = Proxy(postgres.port, lint=cache(lambda sql: [finding.message for finding in refusals(sql)]))
    proxy.start()
    try:
        pair = Pair(House(folder / "duckdb"), Warehouse(folder / "redshift", postgres, proxy, reader))
        first, late, last = (path.read_bytes() for path in files)
        pair.victim, pair.objector, *_ = busiest(first, late, last)
        # Lines of the victim that cannot be read, among them some that hold the number in odd places.
        pair.faulty = [
            f"2019-10-02 10:00:00 UTC,wish,1001,,,,10.00,{pair.victim},",
            f'view,"{pair.victim},broken',
            f"view;00{pair.victim}x",
        ]
        first = first.rstrip(b"\n") + "".join(f"\n{line}" for line in pair.faulty).encode() + b"\n"
        pair.deliver("1.csv", first)
        pair.deliver("3.csv", last)
        first_build = pair.build(on_redshift=TESTED if IS_LONG else WITHOUT_TESTS)
        pair.before = pair.differences()
        pair.n_labelled = pair.house.value(
            "select count(*) from marts.user_segments where segment_id is not null"
        )
        pair.promoted = pair.promote()
        pair.copies = {
            user: copies_of(pair, user, folder / f"copies-{n}")
            for n, user in enumerate([pair.victim, STRANGER])
        }
        pair.held = held_of(pair, pair.victim)
        pair.said = [pair.operate("object_to_profiling", user) for user in (pair.victim, pair.objector)]
        pair.said.append(pair.operate("erase_subjects", pair.victim))
        pair.left = held_of(pair, pair.victim)
        naming = (
            f"select file_name, reason from vault.quarantined_lines where line_text like '%{pair.victim}%'"
        )
        pair.lines_left = pair.warehouse.rows(naming)
        pair.after_erasure = pair.differences()
        postgres.admin("create role intruder")
        for room in READS[USER]:
            postgres.admin(f"grant usage on schema {room} to intruder, clientele_reader")
            postgres.admin(f"grant select on all tables in schema {room} to intruder, clientele_reader")
        # A month comes late, the last comes again under another name, the first one with a line more.
        pair.deliver("2.csv", late)
        pair.deliver("4.csv", last)
        pair.deliver("5.csv", first + b"\n")
        sample = {"sample_users": SAMPLE_USERS} if IS_LONG else None
        pair.left_out = data_tests_left_out()
        second_build = pair.build(
            "--exclude", "segment_decisions", *pair.left_out, on_redshift=TESTED, variables=sample
        )
        pair.ran = (first_build if IS_LONG else second_build).status
        yield pair
    finally:
        proxy.stop()
        shutil.rmtree(folder / "duckdb", ignore_errors=True)


def copies_of(pair: Pair, user_id: str, folder: Path) -> list[dict]:
    """Return the copy of a customer's data that each engine gives out."""
    copies = []
    for name, target in (("duckdb", pair.house.target), ("redshift", pair.warehouse.folder / "target")):
        (into := folder / name).mkdir(parents=True)
        if name == "duckdb":
            pair.house.operation(
                "export_subject", CLIENTELE_SUBJECT=user_id, CLIENTELE_EXPORT_FOLDER=str(into)
            )
        else:
            pair.warehouse.name_subjects(user_id)
            done = pair.warehouse.run("run-operation", "export_subject", CLIENTELE_EXPORT_FOLDER=str(into))
            assert done.succeeded and user_id not in done.said, done.said[-3000:]
        copies.append(rights.assemble(into, json.loads((target / "manifest.json").read_text())))
    return copies


def copied(copy: dict) -> dict[str, list]:
    """Return the rows of a copy in an order of their own, numbers to nine digits, without provenance."""

    def plain(value: object) -> object:
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            return f"{value:.9g}"
        return str(value).replace("T00:00:00", "").replace("T", " ")

    return {
        name: sorted(
            json.dumps({k: plain(v) for k, v in row.items() if k not in NOT_COPIED}, sort_keys=True)
            for row in table["rows"]
        )
        for name, table in copy["tables"].items()
    }


def test_engines_agree_after_the_first_build(pair):
    assert pair.before == {}
    assert pair.n_labelled > 50


def test_engines_agree_after_a_late_file(pair):
    assert pair.differences() == {}


def test_segments_are_the_same_for_every_customer(pair):
    query = (
        "select user_key, segment_id, segment_name, status, lifecycle_state "
        "from marts.user_segments order by user_key"
    )
    ours, theirs = pair.house.rows(query), pair.warehouse.rows(query)
    assert ours == theirs
    assert sum(row[1] is not None for row in ours) > 50
    champion = "select model_version from core.segment_models where is_champion"
    assert pair.warehouse.rows(champion) == [(pair.promoted,)]


def test_lines_are_accounted_for_alike(pair):
    counts = "n_lines, n_headers, n_blank, n_loaded, n_duplicates, n_quarantined, n_erased, n_unaccounted"
    query = f"select file_name, {counts} from monitor.reconciliation order by file_name"
    ours, theirs = pair.house.rows(query), pair.warehouse.rows(query)
    assert ours == [tuple(map(settled_integer, row)) for row in theirs]
    assert all(row[-1] == 0 for row in ours) and len(ours) == 4
    reasons = "select file_name, reason from {}.quarantined_lines"
    ours, theirs = (
        Counter((name, SAME_REASON.get(reason, reason)) for name, reason in rows)
        for rows in (
            pair.house.rows(reasons.format("vault.vault")),
            pair.warehouse.rows(reasons.format("vault")),
        )
    )
    assert ours == theirs
    assert len(ours) > 30


def settled_integer(value: object) -> object:
    return int(value) if isinstance(value, Decimal) else value


def test_a_known_content_is_not_read_again(pair):
    ledger = dict(pair.warehouse.rows("select file_name, status from vault.event_files"))
    assert ledger == dict.fromkeys(["1.csv", "2.csv", "3.csv", "5.csv"], "accepted") | {
        "4.csv": "same_content"
    }


def test_python_models_pull_no_more_than_the_sample(pair):
    declared = [text for text in pair.warehouse.proxy.statements if text.startswith("declare")]
    assert declared
    for statement in declared:
        assert " limit " in statement
        tables = set(re.findall(r'"warehouse"\."\w+"\."(\w+)"', statement))
        assert tables and tables <= PULLED, statement[:500]
    # The large ones are samples: n users of many, or a few standard deviations above.
    ((n_sampled,),) = pair.warehouse.rows("select count(*) from core.segment_sample")
    ((n_users,),) = pair.warehouse.rows("select count(*) from core.user_feature_values where n_events >= 20")
    if IS_LONG:
        assert 0 < n_sampled < SAMPLE_USERS + 5 * SAMPLE_USERS**0.5 < n_users


def test_no_statement_carries_key_material(pair):
    for statement in pair.warehouse.proxy.statements:
        for part in (MATERIAL.user_inner, MATERIAL.user_outer, MATERIAL.session):
            assert part not in statement


def test_nothing_was_refused(pair):
    assert pair.warehouse.proxy.refusals == []


def test_large_tables_have_keys(pair):
    kept = dict(
        pair.warehouse.rows(
            "select c.relname, kept.distkey from standin.attributes as kept "
            "join pg_class as c on c.oid = kept.relation "
            "join pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'core'"
        )
    )
    for table in ("events", "user_sessions", "user_feature_values", "users"):
        assert kept[table] == "user_sk"


def test_every_model_and_every_test_ran(pair):
    """In the short form all models and some of the tests, but for what the second build leaves out."""
    manifest = json.loads((pair.warehouse.folder / "target/manifest.json").read_text())
    nodes = [*manifest["nodes"].values(), *(manifest["unit_tests"].values() if IS_LONG else ())]
    nodes = [node for node in nodes if node["resource_type"] in ("model", "seed", "test", "unit_test")]
    left_out = [
        node["name"]
        for node in nodes
        if "segment_decisions" not in f"{node['name']} {node['depends_on'].get('nodes')}" or IS_LONG
        if node["name"] not in pair.left_out and pair.ran.get(node["name"]) not in ("success", "pass")
    ]
    assert left_out == []
    assert len([node for node in nodes if node.get("language") == "python"]) == 10 and len(nodes) > 140


def test_documentation_is_generated_from_the_warehouse(pair):
    made = pair.warehouse.run("docs", "generate")
    assert made.succeeded, made.said[-2000:]
    catalog = json.loads((pair.warehouse.folder / "target/catalog.json").read_text())
    manifest = json.loads((pair.warehouse.folder / "target/manifest.json").read_text())
    kept = [name for name, node in manifest["nodes"].items() if node["resource_type"] in ("model", "seed")]
    assert set(kept) <= catalog["nodes"].keys()
    segments = catalog["nodes"]["model.clientele.user_segments"]
    assert segments["columns"]["user_key"]["type"].startswith("character varying")
    assert segments["stats"]["diststyle"]["value"] == "KEY(user_key)"


# --- who may read what: deploy/redshift/setup.sql and the grants of dbt_project.yml


@pytest.mark.parametrize("role", READS)
def test_a_role_reads_its_rooms_and_no_other(pair, role):
    found = pair.warehouse.rows(
        f"select schemaname, tablename, has_schema_privilege('{role}', schemaname, 'usage') "
        f"and has_table_privilege('{role}', format('%I.%I', schemaname, tablename), 'select') "
        "from pg_tables where schemaname in ('vault', 'core', 'marts', 'monitor')"
    )
    assert {room for room, _, _ in found} == READS[USER]
    # segment_decisions is no part of the second build
    kept = [row for row in found if row[1] not in NO_MODELS | {"segment_decisions"}]
    assert len(kept) > 50
    assert [row for row in kept if row[2] != (row[0] in READS[role])] == []


def test_readers_change_nothing(pair):
    for role in READS.keys() - {USER}:
        for call in ("delete from marts.user_segments", "create table marts.mine as select 1 as n"):
            with pytest.raises(RuntimeError, match="permission denied"):
                pair.warehouse.postgres.admin(f"set role {role}; {call}")


def test_grants_of_nobody_of_ours_are_taken_away(pair):
    left = pair.warehouse.rows(
        "select table_name from information_schema.role_table_grants where grantee = 'intruder'"
    )
    assert {table for (table,) in left} - {"segment_decisions"} <= NO_MODELS


# --- rights


def test_an_erased_customer_is_in_no_table(pair):
    assert pair.held >= {"core.events", "core.users", "core.user_sessions", "core.user_feature_values"}
    assert pair.held >= {
        "marts.user_features",
        "marts.user_segments",
        "vault.user_keys",
    }
    assert pair.left == held_of(pair, pair.victim) == set()
    assert pair.warehouse.rows("select count(*) from vault.tombstones") == [(1,)]
    # A faulty line without fields is nobody's, and expires (docs/decisions/0055).
    assert {reason for _, reason in pair.lines_left} <= WITHOUT_FIELDS
    for register in ("named_subjects", "erasure_requests", "erasure_counts"):
        assert pair.warehouse.rows(f"select count(*) from vault.{register}") == [(0,)]


def test_engines_agree_after_an_erasure(pair):
    assert pair.after_erasure == {}


def test_old_files_do_not_bring_an_erased_customer_back(pair):
    books = dict(pair.warehouse.rows("select file_name, n_erased from monitor.reconciliation"))
    assert all(books[name] > 0 for name in ("1.csv", "2.csv", "3.csv", "5.csv"))
    naming = f"select file_name, reason from vault.quarantined_lines where line_text like '%{pair.victim}%'"
    nameless = pair.warehouse.rows(naming)
    n_nameless = len(pair.lines_left)
    assert n_nameless >= len(pair.faulty) - 1
    # What has no fields is nobody's in either file; all else stays out again.
    assert {row[1] for row in nameless} <= WITHOUT_FIELDS
    assert Counter(name for name, _ in nameless) == {"1.csv": n_nameless, "5.csv": n_nameless}
    assert books["1.csv"] == books["5.csv"]
    loaded = "select n_loaded from monitor.reconciliation where file_name = '5.csv'"
    assert pair.warehouse.rows(loaded) == [(0,)]


def test_who_objects_is_counted_and_not_profiled(pair):
    key = keys.user_key(pair.objector, MATERIAL)
    for mart in ("user_segments", "user_features"):
        assert pair.warehouse.rows(f"select 1 from marts.{mart} where user_key = '{key}'") == [], mart
    for table in ("segment_sample", "segment_replicates", "training_frame", "persona_scores"):
        query = f"select count(*) from core.{table} where user_sk = {keys.user_sk(key)}"
        assert pair.warehouse.rows(query) == [(0,)], table
    assert "core.events" in held_of(pair, pair.objector)


def test_a_copy_is_the_same_on_both_engines(pair):
    """But for provenance, and for what is numbered or stamped anew by each."""
    ours, theirs = pair.copies[pair.victim]
    assert ours["held"] and theirs["held"]
    assert not any(copy["held"] for copy in pair.copies[STRANGER])
    assert ours["tables"].keys() == theirs["tables"].keys()
    for name, table in ours["tables"].items():
        assert {k: v for k, v in table.items() if k != "rows"} == {
            k: v for k, v in theirs["tables"][name].items() if k != "rows"
        }
    assert copied(ours) == copied(theirs)


def test_no_id_is_in_what_dbt_leaves_and_sends(pair):
    left, sent = bytes_left(pair.warehouse.folder), pair.warehouse.proxy.statements
    assert left and sent
    for user_id in (pair.victim, pair.objector):
        assert user_id.encode() not in left
        assert not [text for text in sent if re.search(rf"\b{user_id}\b", text)]
        assert not [said for said in pair.said if user_id in said]


def test_erasing_again_changes_nothing_and_nobody_is_refused(pair):
    operations = ("erase_subjects", "object_to_profiling", "withdraw_objection", "readmit_subjects")
    for name in operations if IS_LONG else ():
        pair.warehouse.name_subjects()
        refused = pair.warehouse.run("run-operation", name)
        assert not refused.succeeded and "nobody is named" in refused.said
    pair.warehouse.name_subjects(pair.victim)
    assert pair.warehouse.run("run-operation", "erase_subjects").succeeded
    assert pair.differences() == {}
    assert pair.warehouse.rows("select count(*) from vault.tombstones") == [(1,)]


# --- from here on the warehouse changes


EXPERIMENTS = ("path:models/experiments", "path:python_models/experiments")
DRAWN = ("audience_facts", "audience_matches", "audience_standings", "path:models/experiments/drawing")


def test_an_experiment_is_drawn_and_measured_alike(pair):
    """Arms, who of them is treated, and the result: the day of the drawing is put back to see the end."""
    chosen = {"where": {"field": "n_orders", "at_least": 1}}
    arms = [ARMS[0] | {"share": 0.4}, ARMS[1] | {"share": 0.6} | chosen]
    asked = {"starts": "2019-10-01", "horizon_days": 21, "when_too_small": "warn", "guardrails": ["buyers"]}
    change = planned({"parity": GOOD | asked | {"arms": arms}})
    pair.build("--select", *DRAWN, "path:models/activation/members", change=change)
    query = "select user_key, arm from core.experiment_assignments order by user_key"
    ours = pair.house.rows(query)
    assert ours == pair.warehouse.rows(query) and len(ours) > 200
    treated = "select count(*) from marts.audience_members where audience = 'parity_mail'"
    n_treated = pair.house.value(treated)
    assert [(n_treated,)] == pair.warehouse.rows(treated)
    assert 20 <= n_treated < sum(arm == "mail" for _, arm in ours)
    earlier = "update core.experiment_assignments set assigned_date = date '2019-12-05'"
    with pair.house.connection(read_only=False) as connection:
        connection.execute(earlier)
    pair.warehouse.postgres.admin(earlier)
    pair.build("--select", *EXPERIMENTS, "path:models/activation/members", change=change)
    found = pair.house.rows("select status, reached_share from marts.experiments")
    assert found == [("over", None)]
    verdicts = Counter(row[0] for row in pair.house.rows("select verdict from marts.experiment_results"))
    assert verdicts["control"] and verdicts.keys() & {"better", "worse", "no_difference_seen"}, verdicts
    assert pair.differences() == {}


@pytest.mark.parametrize(
    ("table", "change", "found"),
    [
        (
            "core.user_feature_values",
            "update {} set cart_rate_logit = 1.00000001 * cart_rate_logit",
            {"cart_rate_logit": 1},
        ),
        ("core.events", "update {} set brand = 'other'", None),
        ("core.users", "delete from {}", "rows on"),
    ],
)
def test_one_changed_cell_is_found(pair, table, change, found):
    assert pair.differences(table) == {}
    victim = pair.warehouse.rows("select min(user_sk) from core.user_feature_values")[0][0]
    pair.warehouse.postgres.admin(f"create table standin.kept as select * from {table}")
    pair.warehouse.postgres.admin(f"{change.format(table)} where user_sk = {victim}")
    seen = pair.differences(table)[table]
    back = f"delete from {table}; insert into {table} select * from standin.kept; drop table standin.kept"
    pair.warehouse.postgres.admin(back)
    if isinstance(found, dict):
        assert seen == found
    else:
        assert (found or "brand") in seen


@pytest.mark.skipif(not IS_LONG, reason="CLIENTELE_LONG=1: make starts dbt anew")
def test_make_names_the_subject_on_redshift_as_well(pair, tmp_path):
    environment = pair.warehouse.environment() | {"DBT_TARGET": "redshift", "SUBJECT": pair.objector}
    for target in ("withdraw-objection", "object", "export-subject"):
        call = ["make", target, f"OUTPUT={tmp_path / 'copy.json'}"]
        ran = subprocess.run(call, env=environment, cwd=ROOT, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
        assert pair.objector not in ran.stdout + ran.stderr
        noted = pair.warehouse.rows("select user_id from vault.objections")
        assert noted == ([] if target == "withdraw-objection" else [(int(pair.objector),)])
    copy = json.loads((tmp_path / "copy.json").read_text())
    assert copy["tables"]["vault.objections"]["rows"] == [{"user_id": int(pair.objector)}]


def test_rights_that_are_taken_back(pair):
    pair.operate("withdraw_objection", pair.objector)
    pair.operate("readmit_subjects", pair.victim)
    for register in ("tombstones", "objections", "named_subjects"):
        assert pair.warehouse.rows(f"select count(*) from vault.{register}") == [(0,)], register


@pytest.mark.skipif(not IS_LONG, reason="CLIENTELE_LONG=1: the whole warehouse is re-keyed, twice")
def test_rotation_shares_no_value_and_engines_agree(pair):
    old = {row[0] for row in pair.warehouse.rows("select user_key from core.users")}
    sessions = {
        row[0] for row in pair.warehouse.rows("select session_sk from core.events where session_sk <> 0")
    }
    with pair.warehouse.connection(pair.warehouse.proxy, USER) as connection:
        redshift_key.store_next(connection, keys.derive(NEXT_KEY))
    pair.operate("rotate_key", CLIENTELE_PSEUDONYM_KEY_NEW=NEXT_KEY)
    assert pair.differences(without=("session_sk",)) == {}
    for table in ("core.users", "core.user_feature_values", "marts.user_segments"):
        column = "user_sk" if table.startswith("core") else "user_key"
        before = old if column == "user_key" else {keys.user_sk(key) for key in old}
        assert before.isdisjoint(row[0] for row in pair.warehouse.rows(f"select {column} from {table}"))
    masked = {
        row[0] for row in pair.warehouse.rows("select session_sk from core.events where session_sk <> 0")
    }
    assert len(masked) == len(sessions) and not masked & sessions
    assert pair.warehouse.rows("select key_epoch from core.key_epoch") == [(2,)]
    with pair.warehouse.connection(pair.warehouse.proxy, USER) as connection:
        with pytest.raises(redshift_key.KeyTableError, match="other key material"):
            redshift_key.store(connection, MATERIAL)
        assert not redshift_key.store(connection, keys.derive(NEXT_KEY))


@pytest.mark.skipif(not IS_LONG, reason="CLIENTELE_LONG=1: one more build on both engines")
def test_after_rotation_and_readmission_an_old_file_is_known_and_its_customer_back(pair):
    lines = pair.house.lake.joinpath("1.csv").read_bytes().splitlines(keepends=True)
    pair.deliver("6.csv", b"".join([lines[0], *lines[1::2]]))
    pair.build("--exclude", "segment_decisions", CLIENTELE_PSEUDONYM_KEY=NEXT_KEY)
    assert pair.differences(without=("session_sk",)) == {}
    books = "select n_loaded, n_duplicates, n_erased, n_unaccounted from monitor.reconciliation "
    books += "where file_name = '6.csv'"
    ((loaded, duplicates, erased, unaccounted),) = pair.warehouse.rows(books)
    assert loaded > 0 and duplicates > loaded and erased == unaccounted == 0
    key = keys.user_key(pair.victim, keys.derive(NEXT_KEY))
    held = f"select count(*) from core.events where user_sk = {keys.user_sk(key)}"
    assert pair.warehouse.rows(held) == [(loaded,)]
    key = keys.user_key(pair.objector, keys.derive(NEXT_KEY))
    found = pair.warehouse.rows(f"select status from marts.user_segments where user_key = '{key}'")
    assert len(found) == 1
