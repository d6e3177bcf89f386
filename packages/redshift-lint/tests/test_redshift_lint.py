"""The lint for Redshift SQL: what it must refuse, what it must let pass, and the lists of the guide."""

import random
import re
from pathlib import Path

import pytest
import yaml
from redshift_lint import DIFFERS, REFUSED, RULES, check, documentation, refusals
from redshift_lint.__main__ import main
from redshift_lint.sql import Statement, statements, tokens

BATTERY = yaml.safe_load(Path(__file__).with_name("battery.yml").read_text(encoding="utf-8"))


def pairs(kind: str) -> list[tuple[str, str]]:
    return [pair for entry in BATTERY[kind] for pair in entry.items()]


@pytest.mark.parametrize(("code", "sql"), pairs("refused"), ids=lambda value: value[:60])
def test_what_redshift_refuses_is_refused(code, sql):
    assert code in [finding.code for finding in refusals(sql)]


@pytest.mark.parametrize(("code", "sql"), pairs("differs"), ids=lambda value: value[:60])
def test_what_differs_is_reported_but_not_refused(code, sql):
    assert [(finding.code, finding.verdict) for finding in check(sql)] == [(code, DIFFERS)]


@pytest.mark.parametrize("sql", BATTERY["accepted"], ids=lambda value: value[:60])
def test_what_redshift_takes_passes(sql):
    assert check(sql) == []


def test_every_rule_refuses_something_of_the_battery():
    named = {code for code, _ in pairs("refused") + pairs("differs")}
    without = {
        # Kept short: these have their own test below, or take a statement of unusual size.
        "RS603", "RS720", "RS722", "RS723", "RS302", "RS813",
    }  # fmt: skip
    assert {rule.code for rule in RULES} - named - without == set()


@pytest.mark.parametrize(
    ("code", "sql"),
    [
        ("RS603", f"select price as {'x' * 128} from ev"),
        ("RS720", "alter table t disable trigger all"),
        ("RS722", "grant trigger on ev to role analysts"),
        ("RS723", "create temporary table t (a int) on commit drop"),
        ("RS813", "delete from ev where current of c"),
    ],
)
def test_the_remaining_rules(code, sql):
    assert code in [finding.code for finding in refusals(sql)]


def test_a_statement_of_over_16_mb_is_refused():
    assert [finding.code for finding in refusals(f"select '{'x' * 2**24}' as x")] == ["RS001"]


# --- the lists of the guide, in full


@pytest.mark.parametrize(
    "name", sorted(documentation.LEADER_NODE_ONLY | documentation.LEADER_NODE_ONLY_DEPRECATED)
)
def test_leader_node_only_functions_are_refused_beside_tables_only(name):
    call = name if name.startswith(("current_time", "local")) else f"{name}(x)"
    assert "RS103" in [finding.code for finding in refusals(f"select {call} as answer from core.users")]
    assert refusals(f"select {call} as answer") == []
    assert refusals(f"select {call} as answer from pg_catalog.pg_class") == []


@pytest.mark.parametrize(
    "name", sorted(frozenset().union(*documentation.UNSUPPORTED_FUNCTIONS.values()) - {"current_catalog"})
)
def test_unsupported_functions_are_refused(name):
    if name not in ("box", "circle", "line", "point", "path", "polygon"):
        assert name not in documentation.DOCUMENTED_FUNCTIONS
    assert "RS101" in [finding.code for finding in refusals(f"select {name}(x) as answer from core.users")]


@pytest.mark.parametrize("name", sorted(frozenset().union(*documentation.UNSUPPORTED_TYPES.values())))
def test_unsupported_types_are_refused(name):
    for sql in (
        f"select cast(x as {name}) as answer from core.users",
        f"select x::{name} as answer from core.users",
        f"create table t (a int, b {name})",
    ):
        assert "RS501" in [finding.code for finding in refusals(sql)], sql


@pytest.mark.parametrize("word", sorted(documentation.RESERVED_WORDS - {"select", "with"}))
def test_reserved_words_are_no_names_without_quotes(word):
    assert "RS601" in [finding.code for finding in refusals(f"select x as {word} from core.users")]
    quoted = [finding.code for finding in refusals(f'select x as "{word}" from core.users')]
    assert quoted == (["RS602"] if word in documentation.SYSTEM_COLUMNS else [])


@pytest.mark.parametrize("name", sorted(documentation.DOCUMENTED_FUNCTIONS - {"case", "cast", "date"}))
def test_documented_functions_are_known(name):
    codes = {finding.code for finding in refusals(f"select {name}(a, 'b') as answer from core.users")}
    assert not codes & {"RS101", "RS102", "RS103"} or name == "convert"


def test_every_rule_cites_a_page_of_the_guide_and_codes_are_unique():
    assert len({rule.code for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(
            r".+, https://docs\.aws\.amazon\.com/redshift/latest/dg/[\w-]+\.html", rule.citation
        )
        assert rule.verdict in (REFUSED, DIFFERS) and rule.says
    assert {rule.page for rule in RULES} == documentation.PAGES.keys()


# --- reading SQL


def test_what_is_in_strings_comments_and_quotes_is_not_sql():
    assert check("select 'lateral', $a$ on conflict; $a$ as x -- returning\nfrom ev /* qualify */") == []
    assert check('select "lateral" from ev') == []


def test_a_finding_has_the_line_of_its_token():
    assert [
        (found.line, found.code) for found in check("select\n  price,\n  string_agg(a, ',') as b\nfrom ev")
    ] == [(3, "RS101")]
    assert [found.line for found in check("/* a\n b */ select 'x\ny', /* c */ now() as n from ev")] == [3]


def test_statements_are_told_apart():
    assert len(list(statements("select ';' as a; ; select 1 -- ;\n"))) == 2


def test_unbalanced_brackets_are_no_crash():
    for sql in (
        "select (((",
        "select )) from ev",
        "select 'open from ev",
        "over (",
        "as (",
        "cast(",
        "::",
        '"',
    ):
        check(sql)


def test_any_row_of_tokens_is_read_without_a_crash():
    battery = [sql for kind in ("refused", "differs") for _, sql in pairs(kind)] + BATTERY["accepted"]
    words = sorted({token.text for sql in battery for token in tokens(sql)}) + ["(", ")", ",", "."] * 20
    chance = random.Random(11)
    for _ in range(400):
        check(" ".join(chance.choice(words) for _ in range(chance.randrange(1, 30))))


def test_tokens_keep_every_character_of_their_statement():
    sql = "select a->>'b', x::int, \"Q r\" from s.t where c <> 1.5e-3 and d ~* 'e'"
    assert "".join(token.text for token in tokens(sql)) == sql.replace(" ", "").replace("Qr", "Q r")


def test_tokens_say_where_they_stand():
    sql = "SELECT /* a /* b */ c */ 'it\\'s',\n  \"İ\" -- d\n from İstanbul.t"
    found = tokens(sql)
    written = [sql[token.start : token.end] for token in found]
    assert written == ["SELECT", "'it\\'s'", ",", '"İ"', "from", "İstanbul", ".", "t"]
    assert [token.line for token in found] == [1, 1, 1, 2, 3, 3, 3, 3]


def test_a_backslash_does_not_end_a_text():
    """It escapes on Redshift: what follows the quote still is text."""
    assert refusals("select 'it\\'s; create trigger' as a, 1 as b from ev") == []


def test_tables_and_ctes():
    statement = Statement(
        tokens("with a as (select 1), b(c) as (select 2) select * from a, s.b as x join t y on true")
    )
    assert statement.ctes == {"a", "b"}
    assert [(table.parts, table.alias) for table in statement.tables] == [
        (("a",), "a"),
        (("s", "b"), "x"),
        (("t",), "y"),
    ]


# --- the command


def test_the_command_reports_places_and_fails(tmp_path, capsys):
    (tmp_path / "good.sql").write_text("select 1 as a")
    (tmp_path / "bad.sql").write_text("select 1 as a\nfrom ev\nfor update")
    assert main([str(tmp_path)]) == 1
    assert f"{tmp_path}/bad.sql:3: RS302 (refused) no row locks" in capsys.readouterr().out
    assert main([str(tmp_path / "good.sql")]) == 0


def test_the_command_says_what_is_wrong_with_its_input(tmp_path, capsys):
    assert main([str(tmp_path / "none.sql")]) == 2
    assert "cannot read" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 2
    assert "no .sql file" in capsys.readouterr().err
    (tmp_path / "binary.sql").write_bytes(b"\xff\xfe")
    assert main([str(tmp_path)]) == 2
    assert "not UTF-8" in capsys.readouterr().err


def test_the_command_lists_rules_with_their_sources(capsys):
    assert main(["--rules"]) == 0
    assert capsys.readouterr().out.count("https://docs.aws.amazon.com/redshift/") == len(RULES)
