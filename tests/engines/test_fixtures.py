"""What Redshift refuses in fixtures of unit tests: a null in every row, tables of constants."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import yaml
from support import ROOT


def parts() -> Iterator[tuple[str, dict]]:
    """Yield each input of a unit test, and what is expected of it: where it stands, and itself."""
    for path in sorted((ROOT / "models").rglob("*.yml")):
        for test in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("unit_tests", []):
            for part in (*test["given"], {"input": "expect"} | test["expect"]):
                yield f"{path.relative_to(ROOT)}: {test['name']}, {part['input']}", part


def fixtures() -> list[tuple[str, list[dict]]]:
    """Return each input of a unit test that is not SQL: where it stands, and its rows."""
    found = []
    for where, part in parts():
        rows = part.get("rows") or []
        if part["input"] == "expect" or (isinstance(rows, str) and part.get("format") != "csv"):
            continue
        if isinstance(rows, str):
            rows = [
                {name: None if cell == "" else cell for name, cell in row.items()}
                for row in csv.DictReader(io.StringIO(rows))
            ]
        found.append((where, rows))
    return found


def test_each_fixture_has_a_row_without_nulls():
    all_of_them = fixtures()
    assert len(all_of_them) > 100
    refused = [where for where, rows in all_of_them if rows and all(None in row.values() for row in rows)]
    assert refused == []


def test_fixtures_in_sql_are_sql_of_both_engines():
    """Redshift knows VALUES in INSERT alone, and makes series on the leader node alone."""
    texts = {where: part["rows"] for where, part in parts() if part.get("format") == "sql"}
    assert texts
    refused = re.compile(r"\(\s*values\b|\b(generate_series|range|unnest)\s*\(", re.IGNORECASE)
    assert [where for where, text in texts.items() if refused.search(text)] == []
