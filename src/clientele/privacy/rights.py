"""Who a request is about, and the copy that a customer may ask for.

Customers are named in the environment: ``CLIENTELE_SUBJECT`` (one id) or ``CLIENTELE_SUBJECTS_FILE`` (a text
file, one id per line). Nothing else carries their ids: dbt writes the text of its commands and statements to
its logs. What is done with them is SQL, in macros/privacy/rights.sql, on either engine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from clientele.errors import ClienteleError
from clientele.ids import normal_id

__all__ = [
    "RightsError",
    "as_named",
    "assemble",
    "french_reasons",
    "named_texts",
    "one_subject",
    "pages_beside",
    "reserved",
    "subjects",
    "write_privately",
]

SUBJECT = "CLIENTELE_SUBJECT"
SUBJECTS_FILE = "CLIENTELE_SUBJECTS_FILE"
FOLDER = "CLIENTELE_EXPORT_FOLDER"
CORRECTIONS = "CLIENTELE_CORRECTIONS"
MENDED_FOLDER = "CLIENTELE_MENDED_FOLDER"
# The macros that dbt run-operation hands the keys to, as they name customers by their pseudonyms.
OPERATIONS = frozenset(
    {
        "erase_subjects",
        "export_subject",
        "object_to_profiling",
        "readmit_subjects",
        "rectify_subject",
        "restrict_subjects",
        "rotate_key",
        "unrestrict_subjects",
        "withdraw_objection",
    }
)
WORDS = "words.json"
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
_WANTED = {"integer": "a whole number", "text": "a text of up to 256 characters"}


class RightsError(ClienteleError, ValueError):
    """A request that cannot be carried out; the message says why, and never quotes an id."""


def named_texts(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what the environment names, as it is written: where each stands, and its text.

    Raises
    ------
    RightsError
        If the file cannot be read, or something is no id of any kind.
    """
    found = [(SUBJECT, environment.get(SUBJECT, ""))]
    path = environment.get(SUBJECTS_FILE, "")
    if path:
        try:
            # an id that is a text may hold what Python takes for the end of a line, as U+2028
            lines = Path(path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
        except (OSError, UnicodeDecodeError) as problem:
            reason = getattr(problem, "strerror", None) or "it is not text"
            raise RightsError(f"{SUBJECTS_FILE}: {path} cannot be read: {reason}") from None
        found += [(f"line {number} of {SUBJECTS_FILE}", line) for number, line in enumerate(lines, 1)]
    named = [(where, text) for where, text in found if text.strip()]
    for where, text in named:
        if normal_id(text, "text") is None:
            raise RightsError(f"{where} is not a user_id: {_WANTED['text']} is the most. Nothing was done.")
    return named


def subjects(environment: Mapping[str, str], kind: str, *, is_settled: bool = True) -> list[int] | list[str]:
    """Return the ids that the environment names, sorted, each once; none when it names none.

    Parameters
    ----------
    environment : mapping
        `CLIENTELE_SUBJECT` is an id, `CLIENTELE_SUBJECTS_FILE` a file with an id per line.
    kind : str
        `integer` or `text`, as the ids of the warehouse are.
    is_settled : bool
        Whether a load has fixed the kind. Before the first one it may turn out that ids are texts, and then
        007 and 7 are two customers.

    Raises
    ------
    RightsError
        If something is no id of this kind (`clientele.ids.normal_id`), or may be two; or the file cannot be
        read.
    """
    found = set()
    for where, text in named_texts(environment):
        user_id = normal_id(text, kind)
        if user_id is None:
            raise RightsError(f"{where} is not a user_id: {_WANTED[kind]} is wanted. Nothing was done.")
        if not is_settled and normal_id(text, "text") != str(user_id):
            raise RightsError(
                f"{where}: nothing is loaded yet, and where ids are texts 007 and 7 are two customers. Write "
                "a plain number, or build first. Nothing was done."
            )
        found.add(user_id)
    return sorted(found)


def as_named(user_id: int | str) -> str:
    """Return a text that names the customer of an id that the warehouse keeps.

    Naming reads the escapes of links once more: the id ``a%40b`` would name ``a@b``, who is somebody else. An
    end of a line would end the name.

    Examples
    --------
    >>> as_named("a%40b"), as_named("a" + chr(10) + "b"), as_named(-7)
    ('a%2540b', 'a%0Ab', '-7')
    """
    return str(user_id).replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def one_subject(environment: Mapping[str, str]) -> None:
    """Raise :class:`RightsError` unless the environment names one customer, however it is written."""
    if len({text.strip() for _, text in named_texts(environment)}) != 1:
        raise RightsError(f"Name one customer: {SUBJECT}=<user_id>")


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
        if path.name == WORDS:
            continue
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


def french_reasons(folder: Path) -> dict[str, str]:
    """Return the French of the reasons of user_segments, where `export_subject` has found them."""
    path = folder / WORDS
    rows = json.loads(path.read_text()) if path.exists() else []
    return {row["reason"]: row["reason_fr"] for row in rows}


def pages_beside(output: Path) -> dict[str, Path]:
    """Return the file of each language's page beside the JSON of a copy.

    Raises
    ------
    RightsError
        A page would have the name of the JSON itself.

    Examples
    --------
    >>> pages_beside(Path("copy.json"))["fr"].name
    'copy.fr.html'
    """
    if not output.name or output.suffix.lower() == ".html":
        raise RightsError(
            f"--output: {output} is no name for the JSON, as the pages beside it end with .html. Name it "
            f"{output.stem or 'copy'}.json."
        )
    return {"en": output.with_suffix(".html"), "fr": output.with_suffix(".fr.html")}


@contextmanager
def reserved(paths: list[Path]) -> Iterator[None]:
    """Make empty files, readable by their owner alone, for what the block writes into them.

    Made before a request begins: that it was carried out must not be on record of a result that cannot be
    written. They go when the block fails.

    Parameters
    ----------
    paths : list of Path
        Files to be written, in this order.

    Raises
    ------
    RightsError
        A file cannot be made, or is there already: nothing is written over.
    """
    made: list[Path] = []
    try:
        for path in paths:
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                raise RightsError(
                    f"--output: {path} is there already, and nothing is written over. Move it away, or name "
                    "another file. Nothing was done."
                ) from None
            except OSError as error:
                raise RightsError(
                    f"--output: {path} cannot be written: {error.strerror}. Nothing was done."
                ) from None
            made.append(path)
        yield
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise


def write_privately(path: Path, text: str) -> None:
    """Write a file that nobody but its owner can read, whatever stood there before."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
