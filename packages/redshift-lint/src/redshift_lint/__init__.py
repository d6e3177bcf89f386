"""A lint for Amazon Redshift SQL, from the rules of its documentation.

``check`` says what Redshift would refuse, or do differently from DuckDB, in any SQL text; ``python -m
redshift_lint PATH`` does so for files and folders. It reads SQL as it is sent to the server: what
dbt has compiled, not templates. It knows no tables: what depends on the types of columns (an integer divided
by an integer) or on the planner is beyond it, and docs/redshift.md says how that is covered.
"""

from dataclasses import dataclass

from redshift_lint.rules import DIFFERS, REFUSED, RULES, Rule
from redshift_lint.sql import statements

__all__ = ["DIFFERS", "REFUSED", "RULES", "Finding", "Rule", "check", "refusals"]

# "Amazon Redshift SQL": the maximum size of a single statement.
LONGEST_STATEMENT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, order=True)
class Finding:
    """A place that breaks a rule: its line, counted from 1, the rule's code and verdict, what is wrong."""

    line: int
    code: str
    verdict: str
    message: str


def check(sql: str) -> list[Finding]:
    """Hold SQL against every rule.

    Parameters
    ----------
    sql : str
        One or several statements as the server would get them, without Jinja.

    Returns
    -------
    list of Finding
        In order of lines, each once; empty when nothing is wrong. SQL that is not understood is no error:
        what the rules do not name passes.
    """
    found = set()
    if len(sql.encode(errors="replace")) > LONGEST_STATEMENT_BYTES:
        found.add(Finding(1, "RS001", REFUSED, "longer than 16 MB, the most that a statement may have"))
    for statement in statements(sql):
        for rule in RULES:
            for index, what in rule.check(statement):
                line = statement.tokens[min(index, len(statement.tokens) - 1)].line
                message = f"{what}: {rule.says}" if what else rule.says
                found.add(Finding(line, rule.code, rule.verdict, message))
        found |= _unloaded(statement)
    return sorted(found)


def refusals(sql: str) -> list[Finding]:
    """Return what Redshift would refuse, without what it would only do differently."""
    return [finding for finding in check(sql) if finding.verdict == REFUSED]


def _unloaded(statement) -> set[Finding]:
    """Check the query that UNLOAD carries in a string."""
    if statement.starts_with("unload", "(") and len(statement.tokens) > 2:
        query = statement.tokens[2]
        if query.kind == "string":
            text = query.text.strip("$").strip("'").replace("''", "'")
            return {
                Finding(query.line + found.line - 1, found.code, found.verdict, found.message)
                for found in check(text)
            }
    return set()
