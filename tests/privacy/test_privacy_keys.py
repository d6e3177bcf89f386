"""Only the vault reads key material; every other way to it that a change of the project takes is refused."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from support import IS_LONG, KEY, ROOT, UP_TO_EVENTS, Event, House, debug_too, parsed

PAPERS = False  # no test here reads what dbt writes about its runs
SOURCE = ROOT / "src"
# Names under which SQL reaches key material, and the files of the macros that may hold them.
KEY_NAMES = re.compile(
    r"variable\('clientele_(user|session|erased)|vault\.pseudonym_key|(user|session|erased):v\d:"
)
KEY_FILES = {"macros/engine/duckdb/pseudonyms.sql", "macros/engine/redshift/pseudonyms.sql"}
# What hooks make before any model.
KEPT_BY_HOOKS = {"warehouse.core.key_epoch", "warehouse.core.load_marks"}


def write(name: str, text: str):
    """Return a change of the project: another text of a model or test."""

    def change(manifest) -> None:
        (node,) = [node for node in manifest.nodes.values() if node.name == name]
        node.raw_code = text

    return change


SQL_READERS = {
    "variable": "select 1 as month, getvariable('clientele_keys').user_inner as key",
    "all variables": "select * from duckdb_variables()",
    "macro": "select {{ clientele.user_key('1') }} as key",
    "session macro": "select {{ clientele.session_sk(\"'x'\") }} as key",
    "environment": "select '{{ env_var('CLIENTELE_PSEUDONYM_KEY') }}' as key",
    "process": "select content from read_text('/proc/self/environ')",
    "file": "select content from read_text('/proc/self/cmdline')",
    "bytes": "select content from READ_BLOB ('/proc/self/cmdline')",
    "next key": "select clientele_next_user_key('1') as key",
    "subjects": "select clientele_subjects() as key",
    "comma-separated": "select * from read_csv('/proc/self/environ', delim = chr(0))",
    "any file": "select * from '/proc/self/environ.csv'",
    "files": "select file from glob('/proc/self/*')",
    "vault by its name": "select sealed from vault.vault.key_ring",
}
PYTHON_READERS = {
    "environment": "import os\ndef model(dbt, session):\n    return session.sql(os.environ['X'])\n",
    "getenv": "from os import getenv\ndef model(dbt, session):\n    return session.sql(getenv('X'))\n",
    "package": "from clientele.privacy import keys\ndef model(dbt, session):\n    return keys.derive()\n",
    "module": "import clientele.privacy.keys as k\ndef model(dbt, session):\n    return k.derive()\n",
    "shell": "import os\ndef model(dbt, session):\n    return session.sql(os.popen('env').read())\n",
    "process": "import subprocess\ndef model(dbt, session):\n    return subprocess.getoutput('env')\n",
    "variable": "def model(dbt, session):\n    return session.sql('from duckdb_variables()')\n",
}


def test_each_way_to_the_key_is_known(house: House):
    """The rule itself, over all of these texts and over innocent ones."""
    innocent = ["select 1 as user_key", "select session_sk from core.events"]
    texts = [*SQL_READERS.values(), *PYTHON_READERS.values(), *innocent]
    asked = [f"{{{{ clientele.key_reading({json.dumps(text)}) or 'nothing' }}}}" for text in texts]
    ran = house.run("--inline", "\n".join(asked), command=("compile",))
    assert ran.succeeded, ran.said[-2000:]
    found = ran.compiled["inline_query"].splitlines()
    assert len(found) == len(texts)
    assert [text for text, words in zip(texts, found, strict=True) if words == "nothing"] == innocent


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            pytest.param("calendar", text, id=f"model: {way}")
            for way, text in SQL_READERS.items()
            if IS_LONG or way == "session macro"
        ),
        *(
            pytest.param("persona_fit_fields", text, id=f"Python model: {way}")
            for way, text in PYTHON_READERS.items()
            if IS_LONG or way == "package"
        ),
        pytest.param("events_are_held_once", SQL_READERS["variable"], id="test: variable"),
    ],
)
def test_nothing_outside_the_vault_reads_the_key(house: House, name, text):
    stopped = house.run("--select", "shop_calendar", "calendar", change=write(name, text))
    assert not stopped.succeeded and not stopped.rebuilt("shop_calendar")
    assert f"'{name}'" in stopped.said and "Only models of the vault may" in stopped.said


LOOKS = [
    "select content from read_text('/proc/self/environ')",
    "select * from read_csv('/proc/self/environ', delim = chr(1), header = false)",
    "select file from glob('/proc/self/*')",
    "select clientele_subjects('text') as ids",
    "select clientele_next_user_key('1') as key",
    "select clientele_new_ring() as ring",
]


def test_what_only_looks_reads_no_file_and_no_environment(house: House):
    """`dbt show` prints what it is asked: it gets no key, no file and none of the functions that have one."""
    secret = {"CLIENTELE_SUBJECT": "7008009", "CLIENTELE_PSEUDONYM_KEY_NEW": "n" * 40}
    for query in LOOKS:
        shown = house.run("--inline", query, command=("show",), watch=debug_too, **secret)
        assert not shown.succeeded, (query, shown.said[-2000:])
        assert not [text for text in (KEY, *secret.values()) if text in shown.said]
    assert house.run("--inline", "select 1 as one", command=("show",)).succeeded


def test_not_even_through_a_macro_of_a_macro(house: House):
    """What was written is innocent; what it has become is not, and never reaches the database."""

    def change(manifest) -> None:
        macro = manifest.macros["macro.clientele.exact"]
        macro.macro_sql = (
            "{% macro exact(expression) %}{{ clientele.user_key('cast(1 as varchar)') }}{% endmacro %}"
        )
        write("calendar", "select {{ clientele.exact('x') }} as calendar_date")(manifest)

    stopped = house.run(
        "--select", "shop_calendar", "calendar", "--exclude-resource-type", "test", change=change
    )
    assert not stopped.succeeded and stopped.rebuilt("shop_calendar")
    assert "model 'calendar' (models/shop/calendar.sql) reads key material" in stopped.said
    made = {name for name in house.table_names("core") if not name.endswith(("_fit_fields", "_study_fields"))}
    assert made == KEPT_BY_HOOKS | {"warehouse.core.shop_calendar"}


def test_comments_may_speak_of_it(house: House):
    def change(manifest) -> None:
        (node,) = [node for node in manifest.nodes.values() if node.name == "calendar"]
        node.raw_code = "{#- Never reads\n getvariable('clientele_keys').session. -#}\n" + node.raw_code

    assert house.run("--select", "shop_calendar", "calendar", change=change).succeeded


def test_the_names_of_the_key_stand_in_its_macros_only():
    manifest = parsed()
    files = {
        macro.original_file_path
        for macro in manifest.macros.values()
        if macro.package_name == "clientele" and KEY_NAMES.search(macro.macro_sql)
    }
    assert files == KEY_FILES
    nodes = {node.name for node in manifest.nodes.values() if KEY_NAMES.search(getattr(node, "raw_code", ""))}
    assert nodes == set()


def imported(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, by their dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = node.module or ""
            if node.level:
                parts = path.relative_to(SOURCE).with_suffix("").parts
                package = ".".join([*parts[: len(parts) - node.level], *filter(None, [node.module])])
            found |= {package, *(f"{package}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == "clientele"}


def reachable(path: Path) -> set[Path]:
    """Return the files of the package that run when this one is imported."""
    done: set[Path] = set()
    waiting = [path]
    while waiting:
        for name in imported(waiting.pop()):
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                base = SOURCE.joinpath(*parts[:depth])
                for file in (base.with_suffix(".py"), base / "__init__.py"):
                    if file.is_file() and file not in done:
                        done.add(file)
                        waiting.append(file)
    return done


def test_no_python_model_reaches_the_key_through_the_package():
    models = sorted((ROOT / "python_models").rglob("*.py"))
    assert models
    for model in models:
        files = reachable(model)
        assert SOURCE / "clientele/learning/tables.py" in files, "imports of imports are followed"
        assert SOURCE / "clientele/privacy/keys.py" not in files
        secretive = {
            file for file in files if re.search(r"\benviron\b|getenv|PSEUDONYM_KEY", file.read_text())
        }
        assert not secretive, model
    assert SOURCE / "clientele/privacy/keys.py" in reachable(SOURCE / "clientele/runtime/duckdb_plugin.py")


@pytest.mark.parametrize("key", [None, "", "x" * 31, "é" * 15, " " * 31])
def test_no_key_no_line_read(house: House, key):
    """The build ends before it looks at the lake: not even the folder need exist."""
    stopped = house.run(
        *UP_TO_EVENTS, CLIENTELE_PSEUDONYM_KEY=key, CLIENTELE_EVENTS=str(house.lake / "nothing" / "here")
    )
    assert not stopped.succeeded
    assert "CLIENTELE_PSEUDONYM_KEY is" in stopped.said and "nothing/here" not in stopped.said


def granted(nodes: Iterable[dict]) -> dict[str, list[dict[str, list[str]]]]:
    """Return the different grants of the models of each room."""
    found: dict[str, list[dict[str, list[str]]]] = {}
    for node in nodes:
        if node["resource_type"] == "model":
            grants = found.setdefault(node["schema"], [])
            if node["config"]["grants"] not in grants:
                grants.append(node["config"]["grants"])
    return found


def test_each_room_is_granted_to_its_readers_and_only_when_asked(tmp_path):
    house = House(tmp_path)
    assert {
        str(grants) for grants in granted(node.to_dict() for node in parsed().nodes.values()).values()
    } == {"[{}]"}
    ran = house.run(command=("parse",), parse=True, CLIENTELE_GRANTS="true")
    assert ran.succeeded, ran.said
    manifest = json.loads((house.target / "manifest.json").read_text())
    analyst, reader = "role:clientele_analyst", "role:clientele_reader"
    assert granted(manifest["nodes"].values()) == {
        "vault": [{"select": []}],
        "core": [{"select": [analyst]}],
        # what a challenger would say is for analysts
        "marts": [{"select": [analyst, reader]}, {"select": [analyst]}],
        "monitor": [{"select": [analyst]}],
    }


def test_a_macro_that_is_no_request_of_ours_gets_no_key(house):
    """Any macro can be named, and run_query takes any statement."""
    house.deliver("a.csv", [Event(user_id="1")])
    house.build(*UP_TO_EVENTS)
    leak = {"sql": "create table core.leak as select getvariable('clientele_keys') as held"}
    ran = house.run("run_query", "--args", json.dumps(leak), command=("run-operation",))
    assert ran.succeeded and house.rows("select held is null from core.leak") == [(True,)]
