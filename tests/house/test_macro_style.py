"""Macros are written as models are: what sqlfluff asks of models and can be read without rendering.

sqlfluff renders a model and leaves alone what a macro wrote in it, and a macro by itself is no statement
(docs/decisions/0071). So the SQL between the tags of Jinja is read here, with sqlfluff's list of keywords.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlfluff.core.dialects import dialect_selector

ROOT = Path(__file__).resolve().parents[2]
MACROS = [*sorted((ROOT / "macros").rglob("*.sql")), *sorted((ROOT / "tests/generic").glob("*.sql"))]
DIALECT = dialect_selector("duckdb")
KEYWORDS = DIALECT.sets("reserved_keywords") | DIALECT.sets("unreserved_keywords")
LONGEST = 120

# Parts that are no SQL, and what stands for them: blanks for what renders to nothing, letters for the rest.
# Comments and texts are taken whole, whatever is in them.
NO_SQL = (
    (re.compile(r"\{#.*?#\}", re.DOTALL), " "),
    (re.compile(r"\{%.*?%\}", re.DOTALL), " "),
    (re.compile(r"\{\{.*?\}\}", re.DOTALL), "x"),
    (re.compile(r"--[^\n]*"), " "),
    (re.compile(r"'(?:[^']|'')*'"), "x"),
)
JOIN = re.compile(r"(?<!inner )(?<!left )(?<!right )(?<!full )(?<!cross )(?<!semi )(?<!anti )\bjoin\b")


def sql_of(text: str) -> list[str]:
    """Return the lines of a macro's file with everything but SQL replaced, sign by sign."""
    for pattern, sign in NO_SQL:
        text = pattern.sub(lambda found, sign=sign: re.sub(r"[^\n]", sign, found.group()), text)
    return text.split("\n")


def faults(text: str) -> list[str]:
    """Return what is wrong in a file of macros, each with its line."""
    found = []
    for number, (line, sql) in enumerate(zip(text.split("\n"), sql_of(text), strict=True), start=1):
        begins_with_sql = bool(sql.strip()) and not line.lstrip().startswith("{")
        told = {
            "a tab": "\t" in line,
            "blanks at the end": line != line.rstrip(),
            f"SQL beyond column {LONGEST}": len(re.sub(r"x{3,}", "x", sql).strip()) > LONGEST,
            "a keyword in capitals": any(
                word.upper() in KEYWORDS and word != word.lower()
                for word in re.findall(r"\b[A-Za-z_]+\b", sql)
            ),
            "a comma at the beginning": begins_with_sql and sql.lstrip().startswith(","),
            "a join that does not say which": bool(JOIN.search(re.sub("x+ join", "", sql))),
            "a column by its number": bool(re.search(r"\b(?:group|order) by \d", sql)),
            "<> for !=": "<>" in sql,
        }
        found += [f"line {number}: {what}" for what, is_so in told.items() if is_so]
    return found


def test_macros_are_written_as_models_are():
    assert len(MACROS) > 50
    told = {str(path.relative_to(ROOT)): faults(path.read_text()) for path in MACROS}
    assert {path: found for path, found in told.items() if found} == {}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("    Select a from b", "a keyword in capitals"),
        ("\tselect a", "a tab"),
        ("    select a ", "blanks at the end"),
        ("    , a", "a comma at the beginning"),
        ("    join b on true", "a join that does not say which"),
        ("    group by 1, 2", "a column by its number"),
        ("    where a <> b", "<> for !="),
        (f"    select {'a + ' * 40}1", f"SQL beyond column {LONGEST}"),
    ],
)
def test_each_fault_is_told_with_its_line(line, fault):
    assert faults(f"{{% macro one() %}}\n{line}\n{{% endmacro %}}") == [f"line 2: {fault}"]


@pytest.mark.parametrize(
    "line",
    [
        "    {#- JOIN, SELECT <> #}select 'FROM' as a -- Group by 1",
        "    {%- for x in y if x <> 'JOIN' %}, a{% endfor %}",
        "    {{ 'inner' if a else 'left' }} join b on true",
        f"    {{{{ exceptions.raise_compiler_error('{'word ' * 40}') }}}}",
    ],
)
def test_what_is_no_sql_is_left_alone(line):
    assert faults(line) == []


def test_a_refusal_is_no_error_of_the_compiler():
    """As one, dbt would print the macros that led to it under the sentence."""
    refusing = [path for path in MACROS if "raise_compiler_error" in path.read_text()]
    assert refusing == []
