"""What is published for scoring one customer outside the warehouse: statements, and the tables they read.

``scoring/program.json`` has the SQL that the build has run, as dbt compiled it, and there is a Parquet file
for each table that it reads. Tables of products, days, models and words come with their rows; all others come
without, as they are about persons. macros/serving/scoring.sql says which is which, and writes these files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clientele import __version__
from clientele.runtime import modes

__all__ = ["FOLDER", "FORM", "PROGRAM", "write_program"]

FOLDER = modes.FOR_THE_SERVICE
PROGRAM = f"{FOLDER}/program.json"
FORM = 2  # of the program: who runs it refuses a form that is not known
_RELATION = re.compile(r'"(\w+)"\."(\w+)"\."(\w+)"')


def write_program(folder: Path, project: Path, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write the program into a publication that is being made.

    Parameters
    ----------
    folder : Path
        Of the publication.
    project : Path
        The folder of the dbt project that is built.
    facts : mapping
        What macros/engine/duckdb/scoring.sql tells: `steps` (`name`, `relation` and the `file` of its
        compiled SQL, from `project`), `references` (relations with rows), and what is taken over as it is.

    Returns
    -------
    list of dict
        The tables to write: `relation`, `file` in the publication, and `has_rows`.
    """
    texts = [(project / step["file"]).read_text() for step in facts["steps"]]
    steps = [
        {"name": step["name"], "relation": _plain(step["relation"]), "sql": _in_one_database(text)}
        for step, text in zip(facts["steps"], texts, strict=True)
    ]
    of_service = ("user_keys", "users", "event_files", "as_of", "customer_values", "segments", "event_types")
    told = {name: _plain(facts[name]) for name in (*of_service, "column_map")}
    kept = {_plain(relation) for relation in facts["references"]}
    named = [found.group() for text in texts for found in _RELATION.finditer(text)]
    named += [*facts["references"], *(facts[name] for name in told)]
    named += [step["relation"] for step in facts["steps"]]
    held = {_plain(relation): relation for relation in named}
    tables = {
        plain: {"file": f"{FOLDER}/{plain}.parquet", "has_rows": plain in kept} for plain in sorted(held)
    }
    program = {
        "form": FORM,
        "version": __version__,
        "lines": facts["lines"],
        "repeats": _in_one_database(facts["repeats"]),
        "delimiter": facts["delimiter"],
        "reasons": facts["reasons"],
        "relations": told,
        "tables": tables,
        "steps": steps,
    }
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / PROGRAM).write_text(json.dumps(program, indent=1, sort_keys=True) + "\n")
    return [{"relation": held[plain], **table} for plain, table in tables.items()]


def _plain(relation: str) -> str:
    """Return schema.table: no two databases of a home have a table of one name."""
    return relation.replace('"', "").split(".", 1)[1]


def _in_one_database(text: str) -> str:
    """Return a statement without the names of databases, as one transaction writes to one database."""
    return _RELATION.sub(r'"\2"."\3"', text)
