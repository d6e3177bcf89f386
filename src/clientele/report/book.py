"""What a page may say: queries to published tables, written down beside their answers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

from clientele.errors import ClienteleError
from clientele.report.words import typeset

__all__ = ["EXACT", "EXACT_COLUMNS", "Book", "ReportError", "about_groups"]


class ReportError(ClienteleError):
    """A page that cannot be made; the message says why and what to do."""


# Whose zeros are nothing: days, figures of models and settings, no cells of customers that are rounded.
EXACT = {"persona_evidence", "report_terms", "data_traps", "shop_health", "drift_findings"}
EXACT_COLUMNS = {
    ("data_months", "n_days_missing"),
    ("data_months", "n_days_short"),
    ("data_figures", "item_position"),
}


def about_groups(folder: Path) -> list[Path]:
    """Return the published files without a row per customer: a page reads cells, never people."""
    import pyarrow.parquet as pq  # here: it takes a third of a second, and not every run of dbt publishes

    return [path for path in sorted(folder.glob("*.parquet")) if "user_key" not in pq.read_schema(path).names]


class Book:
    """The published tables about groups, and the figures that a page takes from them.

    Parameters
    ----------
    folder : Path
        With the Parquet files of one publication.
    language : str
        `en` or `fr`; numbers and dates are written its way.
    translate : callable
        Gives a text in that language.
    answers : dict, optional
        Answers of a book of the same folder in another language: what was asked once is not asked again.
    """

    def __init__(
        self,
        folder: Path,
        language: str,
        translate: Callable[[str], str],
        answers: dict[str, Any] | None = None,
    ):
        self.language = language
        self._locale = Locale.parse(language)
        self._translate = translate
        self._connection = duckdb.connect()
        self._connection.execute("set threads = 1")
        self.tables: set[str] = set()
        # a figure is often asked for twice: whether it is shown, and to show it
        self._values: dict[str, Any] = {} if answers is None else answers
        for path in about_groups(folder):
            file = str(path).replace("'", "''")
            self._connection.execute(f"create table \"{path.stem}\" as from read_parquet('{file}')")
            self.tables.add(path.stem)
        if "segment_summary" not in self.tables:
            raise ReportError(
                f"{folder} holds no published tables: a report is made of what a build has published"
            )
        if lacking := {"shop_states", "report_terms", "segment_families"} - self.tables:
            raise ReportError(
                f"{folder} lacks {', '.join(sorted(lacking))}: an earlier version has published it. "
                "Build once (dbt build), which writes the pages, too"
            )

    def close(self) -> None:
        """Let go of the tables."""
        self._connection.close()

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query, for texts and for the shape of tables."""
        answer = self._connection.execute(query)
        names = [column[0] for column in answer.description]
        return [
            {
                name: typeset(value, "fr") if isinstance(value, str) and name.endswith("_fr") else value
                for name, value in zip(names, row, strict=True)
            }
            for row in answer.fetchall()
        ]

    def columns(self, mart: str) -> list[str]:
        """Return the columns of a published table: one of an earlier version may lack some."""
        return [column[0] for column in self._connection.execute(f"from {mart} limit 0").description]

    def value(self, mart: str, column: str, row: str = "true") -> Any:
        """Return the answer of `select column from mart where row`; None where that is no row."""
        query = f"select {column} from {mart} where {row!s}"
        if query not in self._values:
            found = self._connection.execute(query).fetchall()
            if len(found) > 1:
                raise ReportError(f"{mart}: {column} where {row} is {len(found)} figures, not one")
            value = found[0][0] if found else None
            self._values[query] = None if isinstance(value, float) and not math.isfinite(value) else value
        return self._values[query]

    def figure(self, mart: str, column: str, row: str = "true", form: str = "number") -> Markup:
        """Return a figure with the query that it answers.

        Parameters
        ----------
        mart : str
            The published table.
        column : str
            A column, or an expression of columns.
        row : str
            The condition of the row, or of the rows that are summed.
        form : str
            number, money, about, share, points, times, decimal, bar, day, month, calendar month, weekday or
            hour.
        """
        row = str(row)  # a template's macro gives markup, whose signs are not escaped again
        value = self.value(mart, column, row)
        if value is None:
            return self.dash()
        written = self.written(value, form)
        is_exact = mart in EXACT or (mart, column) in EXACT_COLUMNS
        if not re.search("[1-9a-z]", written) and not (value == 0 and is_exact and form != "decimal"):
            # a cell that is rounded to nothing is not nothing
            written = "\u2248\u00a0" + written.lstrip("\u2212")
        return Markup('<data value="{}" data-mart="{}" data-column="{}" data-row="{}">{}</data>').format(
            self.plain(value), mart, column, row, written
        )

    @property
    def hidden(self) -> str:
        """The words for a figure that is not shown."""
        return self._translate("not shown")

    def dash(self) -> Markup:
        """Return what stands for a figure that is not shown."""
        dash = Markup('<span class="none" aria-hidden="true">\u2013</span>')
        return dash + Markup('<span class="hidden">{}</span>').format(self.hidden)

    @staticmethod
    def plain(value: Any) -> str:
        """Return a value as data: a number with a point, a day as ISO."""
        return value.isoformat() if isinstance(value, date) else str(float(value))

    def written(self, value: Any, form: str) -> str:
        """Return a value in the page's language."""
        if form == "month":
            return format_date(value, "LLLL y", locale=self._locale)
        if form == "short day":
            written = format_date(value, "d MMM", locale=self._locale)
            return f"1er{written[1:]}" if self.language == "fr" and value.day == 1 else written
        if form == "short month":
            return format_date(value, "MMM yy", locale=self._locale)
        if form == "calendar month":
            return self._locale.months["stand-alone"]["wide"][int(value)]
        if form == "weekday":
            return self._locale.days["format"]["wide"][int(value) - 1]
        if form == "hour":
            return f"{int(value)}\u202fh" if self.language == "fr" else f"{int(value)}:00"
        if form == "day":
            day = value if isinstance(value, date) else datetime.fromisoformat(str(value)).date()
            written = format_date(day, "long", locale=self._locale)
            return f"1er{written[1:]}" if self.language == "fr" and day.day == 1 else written
        return self._number(value, form).replace("-", "\u2212")

    def _number(self, value: Any, form: str) -> str:
        number = Decimal(str(value))
        if form == "share":
            return format_percent(
                number, "#,##0.#\u202f%" if self.language == "fr" else "#,##0.#%", locale=self._locale
            )
        if form == "points":
            # one and a half is singular in French, a half is plural in English
            size = abs(round(number * 100, 1))
            is_one = size < 2 if self.language == "fr" else size == 1
            return self._translate("{n} point" if is_one else "{n} points").format(
                n=format_decimal(number * 100, "#,##0.#" if size < 10 else "#,##0", locale=self._locale)
            )
        if form in ("times", "decimal"):
            return format_decimal(number, "#,##0.##", locale=self._locale)
        if form == "bar":
            return format_decimal(number, "#,##0.###", locale=self._locale)
        if form == "about" and number:
            number = round(number, 1 - number.adjusted())
        return format_decimal(number, "#,##0.##" if 0 < abs(number) < 10 else "#,##0", locale=self._locale)

    def say(self, text: str, **parts: Any) -> Markup:
        """Return a text in the page's language with its figures in place."""
        return Markup(escape(self._translate(text))).format(**parts)

    def name(self, row: dict[str, Any]) -> str:
        """Return the name of a persona in the page's language."""
        name = row["segment_name_fr" if self.language == "fr" else "segment_name"]
        return name or self._translate("an earlier persona")
