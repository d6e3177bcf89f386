"""sqlfluff over the project, rendered small: `make lint-sql`.

A model that asks macros for a score of 36 features and 10 personas renders to 140 kB out of 5, and
sqlfluff's time is all in such text, about which it says nothing: what a macro wrote is a templated area,
which every rule leaves alone. So of what a macro writes the names of CTEs stay and what each of them
reads, and the rest is left out. The project has a few features, of which each loop still has a first, a
middle and a last one, and the fewest personas. What is written in the files is rendered as ever.
"""

from __future__ import annotations

import re
import sys
from functools import cached_property
from typing import TYPE_CHECKING

import sqlfluff_templater_dbt
from dbt.clients.jinja import MacroGenerator
from sqlfluff.cli.commands import cli
from sqlfluff_templater_dbt.templater import DbtTemplater

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

N_FEATURES = 3
# From so many characters on what a macro writes is left out.
LONG = 400
CTE = re.compile(r"[\s,]*([a-z_][a-z0-9_]*)\s+as\s*\(", re.IGNORECASE)
READ = re.compile(r"\b(?:from|join)\s+((?:\"\w+\"|\w+)(?:\.(?:\"\w+\"|\w+))*)", re.IGNORECASE)
VARS = {"max_segments": 2}

SHORT_FORMS = {
    # three searches for persons in each free text of seven side inputs
    "without_person": """
{% macro without_person(text) -%}
    {{ text }}
{%- endmacro %}
""",
    # forty brackets in one another are deeper than sqlfluff goes
    "hypergeometric": """
{% macro hypergeometric(a, b, c, z, n_terms=40, first=0) -%}
    ({{ a }} + {{ b }} + {{ c }} + {{ z }})
{%- endmacro %}
""",
}


def shorten(manifest: Manifest) -> Manifest:
    """Return the manifest with few features and with short forms of what renders long."""
    columns = manifest.nodes["model.clientele.user_features"].columns
    features = [name for name, column in columns.items() if "feature_block" in column.config.meta]
    assert len(features) > N_FEATURES, "user_features has no features to leave out: where are they now?"
    for name in features[N_FEATURES:]:
        del columns[name]
    for name, short_form in SHORT_FORMS.items():
        macro = manifest.macros[f"macro.clientele.{name}"]
        signature = macro.macro_sql.strip().splitlines()[0]
        assert signature in short_form, f"{name} is called otherwise now: {signature}"
        macro.macro_sql = short_form
    manifest.build_flat_graph()  # what `graph` is in Jinja
    return manifest


def in_short(text: str) -> str:
    """Return what a macro has rendered with the bodies of its CTEs, or of its query, left out.

    Names of CTEs stay, and so does what each reads: one that only a macro reads is no unused one. What is no
    query is returned as it is.

    Examples
    --------
    >>> in_short("paid as (\\n  select sum(price) as paid\\n  from orders\\n)")
    'paid as (select orders.* from orders)'
    """
    plain = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", text).strip()
    if re.match(r"select\b", plain, re.IGNORECASE):
        return reading(plain)
    found, end = [], 0
    while cte := CTE.match(plain, end):
        end = closing(plain, cte.end())
        found.append(f"{cte[1]} as ({reading(plain[cte.end() : end - 1])})")
    return ",\n\n".join(found) if found and not plain[end:].strip() else text


def reading(query: str) -> str:
    """Return a query that reads what this one reads."""
    read = list(dict.fromkeys(READ.findall(query)))
    return f"select {read[0]}.* from {' cross join '.join(read)}" if read else "select 1 as nothing"


def closing(text: str, start: int) -> int:
    """Return the place after the bracket that closes the one before `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return len(text)


def render_in_short() -> None:
    """Have every macro of this process render in short."""
    whole = MacroGenerator.__call__

    def short(self: MacroGenerator, *arguments: object, **named: object) -> object:
        rendered = whole(self, *arguments, **named)
        return in_short(rendered) if isinstance(rendered, str) and len(rendered) >= LONG else rendered

    MacroGenerator.__call__ = short


class ShortTemplater(DbtTemplater):
    """The dbt templater over the shortened project."""

    @cached_property
    def dbt_manifest(self) -> Manifest:
        """Return dbt's manifest, shortened."""
        return shorten(super().dbt_manifest)

    def _get_cli_vars(self) -> dict:
        return super()._get_cli_vars() | VARS


if __name__ == "__main__":
    render_in_short()
    sqlfluff_templater_dbt.DbtTemplater = ShortTemplater  # what the plugin hands to sqlfluff as `dbt`
    sys.exit(cli())
