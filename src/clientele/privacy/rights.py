"""Who a request is about, and the copy that a customer may ask for.

Customers are named in the environment: ``CLIENTELE_SUBJECT`` (one id) or ``CLIENTELE_SUBJECTS_FILE`` (a text
file, one id per line). Nothing else carries their ids: dbt writes the text of its commands and statements to
its logs. What is done with them is SQL, in macros/privacy/rights.sql, on either engine.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from clientele.errors import ClienteleError

__all__ = ["RightsError", "assemble", "one_subject", "subjects", "write_privately"]

SUBJECT = "CLIENTELE_SUBJECT"
SUBJECTS_FILE = "CLIENTELE_SUBJECTS_FILE"
FOLDER = "CLIENTELE_EXPORT_FOLDER"
_ID_COLUMN = {"user_id": "The shop's own number of the customer"}
_REGISTERS = {
    "objections": ("Whether the customer objects to profiling", _ID_COLUMN),
    "restrictions": ("Whether the customer asked that the data be kept and not used", _ID_COLUMN),
    "destination_ledger": (
        "To which other systems the customer was sent as a member of an audience",
        {
            "destination": "The other system",
            "audience": "Name of the audience",
            "standing": "adding: sent; member: acknowledged; leaving: the removal is not acknowledged yet",
        },
    ),
}
_ID = re.compile(r"[+-]?[0-9]{1,19}")


class RightsError(ClienteleError, ValueError):
    """A request that cannot be carried out; the message says why, and never quotes an id."""


def subjects(environment: Mapping[str, str]) -> list[int]:
    """Return the ids that the environment names, sorted, each once; none when it names none.

    Raises
    ------
    RightsError
        If something is not a whole number of 64 bits, or the file cannot be read.
    """
    texts = [environment.get(SUBJECT, "").strip()]
    path = environment.get(SUBJECTS_FILE, "")
    if path:
        try:
            texts += Path(path).read_text().splitlines()
        except (OSError, UnicodeDecodeError) as problem:
            reason = getattr(problem, "strerror", None) or "it is not text"
            raise RightsError(f"{SUBJECTS_FILE}: {path} cannot be read: {reason}") from None
    found = set()
    for number, text in enumerate(texts):
        text = text.strip()
        if not text:
            continue
        if not _ID.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
            where = f"line {number} of {SUBJECTS_FILE}" if number else SUBJECT
            raise RightsError(f"{where} is not a user_id: a whole number is wanted. Nothing was done.")
        found.add(int(text))
    return sorted(found)


def one_subject(environment: Mapping[str, str]) -> int:
    """Return the one id that the environment names; raises :class:`RightsError` when it is not one."""
    found = subjects(environment)
    if len(found) != 1:
        raise RightsError(f"Name one customer: {SUBJECT}=<user_id>")
    return found[0]


def assemble(folder: Path, manifest: Mapping) -> dict:
    """Return the copy of one customer's data from the rows that `export_subject` has written.

    Parameters
    ----------
    folder : Path
        One JSON file per table: a list of rows.
    manifest : mapping
        dbt's manifest, which says what the tables and columns mean.

    Returns
    -------
    dict
        `tables`: by ``schema.table`` the `meaning` of the table, the `meaning` of its columns and its `rows`;
        tables that hold nothing on the customer have no rows, and are there to say so.
    """
    tables = {}
    for path in sorted(folder.glob("*.json")):
        name = path.name.removesuffix(".json")
        rows = json.loads(path.read_text())
        node = manifest["nodes"].get(name)
        if node is None:
            register = name.removeprefix("register.")
            meaning, columns = _REGISTERS[register]
            tables[f"vault.{register}"] = {"meaning": meaning, "columns": columns, "rows": rows}
            continue
        tables[f"{node['schema']}.{node['alias']}"] = {
            "meaning": " ".join(node["description"].split()),
            "columns": {
                column: " ".join(facts["description"].split()) for column, facts in node["columns"].items()
            }
            | (
                {"origin_file": "The file that brought the row"}
                if any("origin_file" in row for row in rows)
                else {}
            ),
            "rows": rows,
        }
    if not any(table["rows"] for table in tables.values()):
        return {"held": False, "tables": tables}
    return {
        "held": True,
        "profiling": (
            "A persona is the group of customers whose habits are closest (marts.user_segments: reason_1 "
            "to reason_3 say what decided, confidence how sure it is); lifecycle_state follows from the "
            "dates and orders in marts.user_features by fixed rules. Both can be objected to."
        ),
        "tables": tables,
    }


def write_privately(path: Path, text: str) -> None:
    """Write a file that nobody but its owner can read, whatever stood there before."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
