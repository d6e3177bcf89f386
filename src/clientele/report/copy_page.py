"""A customer's copy in words: one self-contained page in a language, of what `export_subject` gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from clientele.report.words import ACTIONS, CODES, translation

__all__ = ["render_copy"]


def render_copy(copy: Mapping[str, Any], reasons: Mapping[str, str], made_on: date, language: str) -> str:
    """Return the copy as an HTML page without any script; every text of the shop's files is escaped.

    Parameters
    ----------
    copy : mapping
        As `clientele.privacy.rights.assemble` returns it.
    reasons : mapping
        The French of each reason of user_segments; a reason that is not in it stays English.
    made_on : date
        The day of the copy.
    language : str
        `en` or `fr`.
    """
    translate = translation(language)
    tables = {name: table["rows"] for name, table in copy["tables"].items()}
    events = sorted(tables.get("core.events", []), key=lambda row: str(row["event_at"]))
    counts = Counter(row["event_type"] for row in events)
    days = [_moment(row["event_at"]).date() for row in events]
    environment = Environment(
        loader=PackageLoader("clientele.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def day(moment: date) -> str:
        return format_date(moment, "long", locale=language)

    return environment.get_template("copy.html.j2").render(
        {
            "_": translate,
            "say": lambda text, **values: translate(text).format(**values),
            "number": lambda value: format_decimal(value, locale=language),
            "language": language,
            "made_on": day(made_on),
            "held": copy["held"],
            "is_stopped": bool(tables.get("vault.objections") or tables.get("vault.restrictions")),
            "events": events,
            "first_day": day(days[0]) if days else None,
            "last_day": day(days[-1]) if days else None,
            "counted": [(translate(words), counts[code]) for code, words in ACTIONS.items() if counts[code]],
            "orders": [_order(row, language) for row in events if row["event_type"] == "purchase"],
            "persona": _persona(tables, reasons, translate, language),
            "chance": next(
                (
                    format_percent(row["p_order_30d"], locale=language)
                    for row in tables.get("marts.customer_predictions", [])
                    if row.get("p_order_30d") is not None
                ),
                None,
            ),
            "lines": [
                {
                    "reason": str(row["reason"]).replace("_", " "),
                    "file": row["file_name"],
                    "text": row["line_text"],
                }
                for row in tables.get("vault.quarantined_lines", [])
            ],
            "holding": [
                {"name": name, "n": len(table["rows"]), "meaning": table["meaning"]}
                for name, table in copy["tables"].items()
                if table["rows"]
            ],
        }
    )


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


def _order(row: Mapping[str, Any], language: str) -> dict[str, str]:
    return {
        "at": format_datetime(_moment(row["event_at"]), "medium", locale=language),
        "product": str(row["product_id"]),
        "brand": row["brand"] or "",
        "price": format_decimal(float(row["price"]), "#,##0.00", locale=language),
        "file": row.get("origin_file") or "",
    }


def _persona(
    tables: Mapping[str, Any], reasons: Mapping[str, str], translate: Any, language: str
) -> dict[str, Any] | None:
    """Return what user_segments says of the customer, in words; None when it says nothing."""
    for row in tables.get("marts.user_segments", []):
        said = [row[f"reason_{place}"] for place in (1, 2, 3) if row.get(f"reason_{place}")]
        return {
            "name": row["segment_name_fr" if language == "fr" else "segment_name"],
            "confidence": row["confidence"] and format_percent(row["confidence"], locale=language),
            "reasons": [reasons.get(reason, reason) if language == "fr" else reason for reason in said],
            "state": translate(CODES[row["lifecycle_state"]]),
        }
    return None
