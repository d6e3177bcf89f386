"""The page: what a shop's customers are, what to do with them, and how far that can be trusted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clientele.report import charts
from clientele.report.book import Book
from clientele.report.words import CODES, HEADS, MEANINGS, translation, typeset

__all__ = ["LANGUAGES", "PAGES", "render", "write"]

# Pages by name: the template, and the file of each language.
PAGES = {
    "index": ("page.html.j2", {"en": "index.html", "fr": "index.fr.html"}),
    "data": ("data.html.j2", {"en": "data.html", "fr": "data.fr.html"}),
    "dossier": ("dossier.html.j2", {"en": "dossier.html", "fr": "dossier.fr.html"}),
}
LANGUAGES = PAGES["index"][1]


def render(folder: Path, language: str, name: str = "index", answers: dict[str, Any] | None = None) -> str:
    """Return a page of a publication in a language, one self-contained HTML text.

    Parameters
    ----------
    folder : Path
        With its Parquet files.
    language : str
        One of `LANGUAGES`.
    name : str
        One of `PAGES`.
    answers : dict, optional
        What the page in another language has asked the same folder, and this one need not ask again.

    Raises
    ------
    ReportError
        If the folder holds no publication.
    """
    translate = translation(language)
    template, files = PAGES[name]
    book = Book(folder, language, translate, answers)
    try:
        environment = Environment(
            loader=PackageLoader("clientele.report"),
            autoescape=True,  # select_autoescape goes by the ending, and passes over .j2
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= _points(book, translate) | {"typeset": lambda text: typeset(text, language)}
        environment.globals |= {
            "_": translate,
            "say": book.say,
            "fig": book.figure,
            "val": book.value,
            "rows": book.rows,
            "has": lambda mart: mart in book.tables,
            "name": book.name,
            "dash": book.dash(),
            "meanings": list(MEANINGS.items()),
            "text": lambda row, part: row[f"{part}_{language}"],
            "word": lambda code: translate(CODES[code]) if code in CODES else code.replace("_", " "),
            "written": book.written,
            "brand": lambda name: (
                translate(CODES[name])
                if name == "unclassified"
                else Markup('<span lang="en" class="brand">{}</span>').format(name.replace("_", " "))
            ),
            "columns": book.columns,
            "head_order": HEADS,
            "fan": lambda days, *words: _fan(book, language, days, *words),
            "bars": lambda *given: _drawn(charts.bars, book, language, *given),
            "lines": lambda *given: _drawn(charts.lines, book, language, *given),
            "has_charts": charts.is_available(),
            "language": language,
            "page": name,
            "other": next(other for other in LANGUAGES if other != language),
            "files": files,
        }
        return _labelled(environment.get_template(template).render())
    finally:
        book.close()


def _labelled(page: str) -> str:
    """Return the page with what a narrow screen needs of its wide tables: cells that name their column.

    A cell that stands alone is a block, which would end the table for who listens to it: roles keep it one.
    """

    def table(found: re.Match[str]) -> str:
        head, body = found[0].split("</thead>", 1)
        columns = [
            re.sub("<[^>]+>", "", text).strip() for text in re.findall(r"<th[^>]*>(.*?)</th>", head, re.S)
        ]

        def row(line: re.Match[str]) -> str:
            names = iter(columns[1:] if "<th" in line[0] else columns)
            return re.sub("<td", lambda _: f'<td role="cell" data-label="{next(names, "")}"', line[0])

        body = re.sub(r"<tr>.*?</tr>", row, body, flags=re.S)
        text = f"{head}</thead>{body}".replace("<table", '<table role="table"', 1)
        text = text.replace("<thead", '<thead role="rowgroup"').replace("<tbody", '<tbody role="rowgroup"')
        text = text.replace("<tr", '<tr role="row"').replace(' scope="row"', ' scope="row" role="rowheader"')
        return text.replace(' scope="col"', ' scope="col" role="columnheader"')

    wide = r'(?<=<div class="wide")([^>]*)>(<table>.*?</table>)'
    return re.sub(
        wide, lambda found: f"{found[1]}>{re.sub('(?s).*', table, found[2], count=1)}", page, flags=re.S
    )


def write(folder: Path) -> list[Path]:
    """Write both pages into `report/` of a folder with published files; returns where they are.

    Each is written beside its place and then takes it: a reader sees the old page or the new one.
    """
    target = folder / "report"
    target.mkdir(exist_ok=True)
    written = []
    answers: dict[str, Any] = {}
    for language, file in LANGUAGES.items():
        draft = target / f".{file}"
        draft.write_text(render(folder, language, answers=answers), encoding="utf-8")
        os.replace(draft, target / file)
        written.append(target / file)
    return written


def _points(book: Book, translate: Callable[[str], str]) -> dict[str, Callable[..., dict[str, Any]]]:
    """Return filters that make points of a chart, `name`, `value` and `kind`, out of rows."""

    def grouped(row: dict[str, Any], tier: str, kind: str) -> dict[str, Any]:
        code = row["group_code"]
        name = f"{tier} {code}" if code.isdecimal() else translate(CODES.get(code, code))
        return {"name": name, "value": row["value"], "kind": kind}

    def by_column(step: str, column: str) -> Callable[..., dict[str, Any]]:
        return lambda row, kind: {"name": str(row[step]), "value": row[column], "kind": kind}

    return {
        "by": lambda row, step, column, kind: {"name": str(row[step]), "value": row[column], "kind": kind},
        "at": lambda row, step, form, column, kind: {
            "name": book.written(row[step], form),
            "value": row[column],
            "kind": kind,
        },
        "pick": lambda row, column, kind: {"name": book.name(row), "value": row[column], "kind": kind},
        "labelled": grouped,
        "point": by_column("item_position", "value"),
        "bar": by_column("item_position", "bar"),
        "kept": by_column("item_position", "figure"),
        "told": by_column("item_position", "low"),
    }


def _fan(book: Book, language: str, days: list[dict[str, Any]], *words: str) -> Markup | None:
    drawn = charts.fan(
        [day | {"name": book.written(day["sales_date"], "short day")} for day in days], language, *words
    )
    return None if drawn is None else Markup(drawn)


def _drawn(draw: Any, book: Book, language: str, rows: list[dict[str, Any]], form: str) -> Markup | None:
    if not any(row["value"] is not None for row in rows):
        return None
    unit = "share" if form.endswith("%") else "number"
    for row in rows:
        row["label"] = "" if row["value"] is None else book.written(row["value"], unit)
    drawn = draw(rows, language, form, book.hidden)
    return None if drawn is None else Markup(drawn)
