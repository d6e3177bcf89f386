"""Tables of figures as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

Rows = list[tuple]
NOTHING = "-"


def table(head: Sequence[str], rows: Rows) -> str:
    """Return a Markdown table; numbers stand to the right."""
    if not rows:
        return "*No row: nothing was measured.*"
    right = [all(row[place] is None or _is_number(row[place]) for row in rows) for place in range(len(head))]
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---:" if r else "---" for r in right) + "|"]
    for row in rows:
        cells = [_cell(value) for value in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"-|-?[\d.,]+( %| ✗)?( \(.*\))?", value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with so many digits after the point, fewer when it is large."""
    if value is None:
        return NOTHING
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{digits}f}"
