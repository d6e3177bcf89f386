"""What Redshift refuses in fixtures of unit tests: a null in every row, tables of constants."""

from __future__ import annotations

import csv
import io
import re

import yaml
from support import ROOT


def fixtures() -> list[tuple[str, list[dict]]]:
    """Return each input of a unit test that is not SQL: where it stands, and its rows."""
    found = []
    for path in sorted((ROOT / "models").rglob("*.yml")):
        for test in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("unit_tests", []):
            for part in test["given"]:
                rows = part.get("rows") or []
                if isinstance(rows, str):
                    if part.get("format") != "csv":
                        continue
                    rows = [
                        {name: None if cell == "" else cell for name, cell in row.items()}
                        for row in csv.DictReader(io.StringIO(rows))
                    ]
                found.append((f"{path.relative_to(ROOT)}: {test['name']}, {part['input']}", rows))
    return found


def test_each_fixture_has_a_row_without_nulls():
    all_of_them = fixtures()
    assert len(all_of_them) > 100
    refused = [where for where, rows in all_of_them if rows and all(None in row.values() for row in rows)]
    assert refused == []


def test_fixtures_in_sql_are_sql_of_both_engines():
    """Redshift knows VALUES in INSERT alone, and makes series on the leader node alone."""
    texts = {
        f"{path.relative_to(ROOT)}: {test['name']}": part["rows"]
        for path in sorted((ROOT / "models").rglob("*.yml"))
        for test in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("unit_tests", [])
        for part in (*test["given"], test["expect"])
        if part.get("format") == "sql"
    }
    assert texts
    refused = re.compile(r"\(\s*values\b|\b(generate_series|range|unnest)\s*\(", re.IGNORECASE)
    assert [where for where, text in texts.items() if refused.search(text)] == []
