"""The pages for people: each figure asked again, two languages, nothing remote, no build fails for them."""

from __future__ import annotations

import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from published import EVERYTHING, publish
from support import ROOT, House

from clientele.report import LANGUAGES, PAGES, charts, page, page_writer, printing, words
from clientele.report.book import EXACT, EXACT_COLUMNS, ReportError
from clientele.runtime import publishing

BROWSER = printing.browser()
WIDTHS = (1280, 700, 390)


def axe_core() -> Path | None:
    """Return axe-core: the one that is named, of npm, or of the package of the tests."""
    bundled = importlib.util.find_spec("axe_core_python")
    places = [os.environ.get("CLIENTELE_AXE"), ROOT / "node_modules" / "axe-core" / "axe.min.js"]
    places += [Path(bundled.origin).parent / "axe.min.js"] if bundled else []
    return next((Path(place) for place in places if place and Path(place).exists()), None)


AXE = axe_core()


class Page(HTMLParser):
    """What a page says: its figures with what they answer, and the words around them."""

    def __init__(self, text: str):
        super().__init__()
        self.figures: list[dict[str, str]] = []
        self.words: list[str] = []
        self.names: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "data":
            self.figures.append(attributes)
        if tag not in ("meta", "link", "br", "img"):
            self._open.append((tag, attributes.get("class") or ""))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tags = {tag for tag, _ in self._open}
        if tags & {"svg", "style", "data"}:
            return
        (self.names if any(name == "brand" for _, name in self._open) else self.words).append(data)


@pytest.fixture(scope="module")
def folder(built_shop: House) -> Path:
    return publishing.current(built_shop.home)


@pytest.fixture(scope="module")
def pages(folder) -> dict[str, str]:
    return {language: (folder / "report" / file).read_text() for language, file in LANGUAGES.items()}


@pytest.fixture(scope="module")
def every_page(folder, everything, pages) -> dict[tuple[str, str], str]:
    """All pages in both languages: those of the build, and those that a command writes."""
    found = {("index", language): text for language, text in pages.items()}
    names = [name for name in PAGES if name != "index"]
    found |= {
        (name, language): page.render(folder, language, name) for name in names for language in LANGUAGES
    }
    # with an experiment, a budget and changes, which a small shop has none of
    return found | {("everything", language): page.render(everything, language) for language in LANGUAGES}


@pytest.fixture(scope="module")
def everything(folder, tmp_path_factory) -> Path:
    return publish(folder, tmp_path_factory.mktemp("everything"))


def test_a_build_publishes_the_pages_with_the_marts(folder, pages):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {f"report/{file}" for file in LANGUAGES.values()} <= manifest["files"].keys()
    assert all(one.problem() is None for one in publishing.publications(folder.parent.parent))
    for language, text in pages.items():
        assert page.render(folder, language) == text, "a page depends on nothing but published files"


def test_a_page_is_one_file_that_asks_for_nothing(every_page):
    for (name, _), text in every_page.items():
        assert len(text.encode()) < 1_500_000 and "<script" not in text
        links = re.findall(r'\b(?:href|src)="([^"]*)"', text)
        files = PAGES["index" if name == "everything" else name][1].values()
        assert links and all(link.startswith("#") or link in files for link in links), set(links)
        assert all(place.startswith("#") for place in re.findall(r"url\([\"']?([^)]*)", text))
        assert {link[1:] for link in links if link[0] == "#"} <= set(re.findall(r'id="([^"]+)"', text))


def wrong(folder: Path, shown: Page) -> list[dict[str, str]]:
    """Return the figures that are not what their mart answers, asked here."""
    found = []
    for figure in shown.figures:
        mart, column, row = (figure[f"data-{part}"] for part in ("mart", "column", "row"))
        query = f"select {column} from '{folder / mart}.parquet' where {row}"
        ((answer,),) = duckdb.execute(query).fetchall()
        if answer is None:
            is_right = False
        elif isinstance(answer, date):
            is_right = figure["value"] == answer.isoformat()
        else:
            is_right = float(figure["value"]) == pytest.approx(float(answer))
        found += [] if is_right else [figure]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "n_figures", "n_marts"),
    [("index", 700, 18), ("everything", 800, 22), ("data", 200, 4), ("dossier", 200, 11)],
)
def test_every_figure_is_what_its_mart_answers(
    folder, everything, every_page, name, language, n_figures, n_marts
):
    shown = Page(every_page[name, language])
    assert len(shown.figures) > n_figures
    assert len({figure["data-mart"] for figure in shown.figures}) >= n_marts
    assert not wrong(everything if name == "everything" else folder, shown)
    beside = [text for text in shown.words if re.search(r"\d", text)]
    assert not beside, "a figure without the place that it comes from"


def test_a_figure_of_another_row_would_be_noticed(folder, pages):
    text = pages["en"]
    first = re.search(r'data-row="segment_id = (\d+)"', text)[1]
    other = re.search(rf'data-row="segment_id = (?!{first}\D)([1-9]\d*)"', text)[1]
    moved = text.replace(f'data-row="segment_id = {first}"', f'data-row="segment_id = {other}"', 10)
    assert wrong(folder, Page(moved))


def words_of(texts) -> set[str]:
    return {word for text in texts for word in re.findall(r"[^\W\d_]{2,}", text.lower())}


def french_of_tables(folder: Path) -> set[str]:
    """Words of French texts in the published tables, and of families and brands, in any language."""
    found = set()
    for path in folder.glob("*.parquet"):
        for column, kind, *_ in duckdb.execute(f"describe from '{path}'").fetchall():
            if kind == "VARCHAR" and (column.endswith("_fr") or column in ("trait", "category_family")):
                query = f"select distinct {column} from '{path}' where {column} is not null"
                found |= words_of(text for (text,) in duckdb.execute(query).fetchall())
    return found


@pytest.mark.parametrize("name", [*PAGES, "everything"])
def test_the_french_page_is_french(folder, every_page, name):
    """No word that English texts of pages and tables have, and no French one."""
    catalog = words._catalog("fr")
    french = words_of(catalog.values()) | french_of_tables(folder)
    english = words_of(catalog) - french
    assert len(english) > 300 and {"customers", "with", "the"} <= english
    names = {
        row[0]
        for row in duckdb.execute(f"select segment_name from '{folder}/segment_summary.parquet'").fetchall()
    }
    labels = duckdb.execute(f"select distinct label from '{folder}/segment_profiles.parquet'").fetchall()
    english |= words_of([*names, *(label for (label,) in labels)]) - french
    shown = Page(every_page[name, "fr"])
    # the link to the English page says so in English
    assert not words_of(shown.words) & english - {"english"}
    told = [text for text in catalog if len(text) > 14 and text != catalog[text]]
    assert not [text for text in told if text in " ".join(shown.words)]


def test_every_text_of_the_pages_is_translated_and_none_is_left_over():
    asked = {*words.CODES.values(), *words.MEANINGS.values(), *words.ACTIONS.values()}
    asked |= {"not shown", "an earlier persona", "{n} point", "{n} points"}
    for path in Path(page.__file__).parent.glob("templates/*.j2"):
        asked |= {text for _, text in re.findall(r"\b(?:_|say)\(([\"'])(.*?)\1[,)]", path.read_text())}
    catalog = words._catalog("fr")
    assert asked == set(catalog)
    for text, french in catalog.items():
        assert french and set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", french)), text


@pytest.mark.parametrize("name", [*PAGES, "everything"])
def test_french_is_set_as_the_french_do(every_page, name):
    shown = Page(every_page[name, "fr"])
    said = " ".join(" ".join(shown.words).split(" "))
    assert not re.findall(r".{20}(?:'|(?<=\w) [;:!?»]|« ).{5}", said), "apostrophes, spaces that do not break"
    texts = every_page[name, "fr"] + every_page[name, "en"]
    assert not re.findall(r">-\d", texts), "a minus sign is no hyphen"


def test_a_rounded_nothing_is_no_nothing(folder, tmp_path):
    """A cell of customers that is rounded to 0 may hold some, and so may lines; days are counted."""
    for path in folder.glob("*.parquet"):
        columns = "* replace (0::bigint as n_buyers)" if path.stem == "shop_months" else "*"
        duckdb.execute(f"copy (select {columns} from '{path}') to '{tmp_path / path.name}'")
    text = page.render(tmp_path, "en")
    zeros = re.findall(r'<data value="-?0\.0" data-mart="(\w+)" data-column="([^"]*)"[^>]*>([^<]*)<', text)
    assert {("shop_books", "n_lines", "\u2248\u00a00"), ("shop_months", "n_buyers", "\u2248\u00a00")} <= set(
        zeros
    )
    assert ("data_months", "n_days_missing", "0") in zeros
    counted = [zero for zero in zeros if zero[0] not in EXACT and zero[:2] not in EXACT_COLUMNS]
    assert not [zero for zero in counted if "\u2248" not in zero[2]]


def test_totals_are_counted_from_customers_not_from_what_is_shown(folder, pages):
    """Groups too small to be shown are in the totals all the same, and in what the plan rests on."""
    (n_users,) = duckdb.execute(f"select count(*) from '{folder}/user_segments.parquet'").fetchone()
    row = 'data-mart="shop_states" data-column="n_users" data-row="dimension = &#39;all&#39;"'
    totals = {float(value) for value in re.findall(rf'<data value="([^"]*)" {row}', pages["en"])}
    assert len(totals) == 1 and totals.pop() == pytest.approx(n_users, abs=10)
    assert re.search(r'<li><strong><data [^>]*data-mart="(\w+)"', pages["en"])[1] == "shop_states"
    for state, n in duckdb.execute(
        f"select lifecycle_state, count(*) from '{folder}/user_segments.parquet' "
        "group by 1 having count(*) >= 30"
    ).fetchall():
        planned = duckdb.execute(
            f"select n_users from '{folder}/action_plan.parquet' "
            f"where scope = 'shop' and lifecycle_state = '{state}'"
        ).fetchall()
        assert not planned or planned[0][0] == pytest.approx(n, abs=10), state


@pytest.mark.parametrize(("status", "scope"), [("proven", "persona"), ("exploratory", "shop")])
def test_money_is_planned_by_personas_only_where_they_are_proven(folder, tmp_path, status, scope):
    for path in folder.glob("*.parquet"):
        column = "case when topic = 'model' then $status else verdict end as verdict"
        columns = f"* replace ({column.replace('$status', repr(status))})"
        told = columns if path.stem == "persona_evidence" else "*"
        duckdb.execute(f"copy (select {told} from '{path}') to '{tmp_path / path.name}'")
    text = page.render(tmp_path, "en")
    planned = re.findall(r'data-mart="action_plan" data-column="worth" data-row="([^"]*)"', text)
    assert planned and all(f"scope = &#39;{scope}&#39;" in row for row in planned)
    (total,) = set(re.findall(r'data-column="sum\(worth\)" data-row="([^"]*)"', text))
    assert total == "scope = &#39;shop&#39; and worth &gt; 0", "what is not shown counts, too"


def chapter(text: str, name: str) -> str:
    """Return the words of a chapter of a page."""
    (found,) = re.findall(rf'<section aria-labelledby="{name}">(.*?)</section>', text, re.DOTALL)
    return " ".join(" ".join(re.sub("<[^>]+>", " ", found).split()).split())


def test_chapters_of_nothing_are_a_sentence(pages):
    """A shop that declares nothing beside its events reads why a chapter has nothing to say."""
    assert "No experiment is defined" in chapter(pages["en"], "experiments")
    foreseen = chapter(pages["en"], "foresight")
    assert "No budget is planned" in foreseen and "Pays from" in foreseen
    # ranges and the stock line come with the third forecast whose days are over
    assert "The range of each day is not known yet" in foreseen and "Stock line" not in foreseen
    assert "All that is watched is as it should be" in chapter(pages["en"], "health")
    assert "No change went beyond what was normal" in chapter(pages["en"], "health")
    for language in LANGUAGES:
        assert "None" not in "".join(chapter(pages[language], name) for name in ("foresight", "health"))


def test_the_chapter_on_experiments_says_what_was_measured(folder, every_page, tmp_path):
    said = chapter(every_page["everything", "en"], "experiments")
    assert "Does a reminder bring people back? over" in said and "0.004 to 0.038" in said
    assert "The groups are of the size that they should have." in said
    assert "trust no figure of this experiment" in said, "the ratio alarm of the second one"
    assert "That needs 120,000 customers." in said and "Night owls" in said
    assert "No gain of the plan is measured yet" in said
    path = folder / "action_plan.parquet"
    ((measure,),) = duckdb.execute(f"select min(measure) from '{path}' where scope = 'shop'").fetchall()
    measured = publish(folder, tmp_path)
    told = f"case when measure = '{measure}' then 'measured' else evidence end as evidence"
    duckdb.execute(f"copy (select * replace ({told}) from '{path}') to '{measured / path.name}'")
    said = chapter(page.render(measured, "en"), "experiments")
    assert "is measured; it pays from" in said and "No gain of the plan" not in said


def test_the_chapter_on_changes_says_what_to_do(every_page):
    said = chapter(every_page["everything", "en"], "health")
    assert "Newer ones are promised until February 1, 2020" in said and "Something needs looking at" in said
    assert "Series that are watched: 6 ; changed: 5 ; too early to judge: 1 ." in said
    for code in ("act:data_error", "act:sudden", "act:progressive", "act:recurring", "shift:covariate"):
        assert words.CODES[code] in said, code
    assert "A new fit is asked for: predictions." in said
    assert words.CODES["remedy:feed"] in said and words.CODES["remedy:books"] not in said, "books are well"


def test_what_nobody_can_judge_yet_is_not_called_well(folder, tmp_path):
    """A shop of a few weeks has series without a past, and no personas whose age or tests could be told."""
    early = {
        "drift_findings": "replace ('too_early' as verdict, 'none' as severity)",
        "shop_health": "replace ('ok' as health_state, "
        "case when question in ('gates', 'model_age') then null else 0 end as figure)",
    }
    for path in folder.glob("*.parquet"):
        duckdb.execute(
            f"copy (select * {early.get(path.stem, '')} from '{path}') to '{tmp_path / path.name}'"
        )
    said = chapter(page.render(tmp_path, "en"), "health")
    assert said.count(words.CODES["state:unknown"]) == 3, said
    assert "All that can be judged so far is as it should be." in said
    assert "Too few weeks and months have passed" in said and "No change went beyond" not in said


def test_the_budget_is_told_before_and_after(every_page):
    said = chapter(every_page["everything", "en"], "foresight")
    assert "may bring 4,500 a week instead of 3,800" in said
    assert re.search(r"radio 400 400 not learnt", said)
    assert "search 1,000 1,250 3,750 2,500 to 5,000 1.4 0.8 to 2.1" in said


def test_every_word_of_drift_and_health_is_there():
    """What the tables say is in the dictionary: a new series or alarm without words would be read as code."""
    macros = (ROOT / "macros" / "drift" / "series.sql").read_text()
    series = re.findall(r"^        '(\w+)': {.*?'kind'", macros, re.MULTILINE)
    related = re.findall(r"^        '(\w+)': {.*'relation'", macros, re.MULTILINE)
    assert len(series) > 20 and len(related) >= 5
    assert all(
        f"series:{name}" in words.CODES for name in [*series, "feed", *(f"{one}_orders" for one in related)]
    )
    alarms = re.findall(
        r"^        '(\w+)': {$", (ROOT / "macros" / "drift" / "health.sql").read_text(), re.MULTILINE
    )
    assert len(alarms) == 9
    assert all(f"remedy:{name}" in words.CODES for name in alarms if name not in ("events", "deliveries"))


def test_pages_of_an_earlier_version_have_no_chapter_of_what_is_not_there(folder, tmp_path):
    new = {*EVERYTHING, "head_evidence", "head_deciles", "family_chances", "head_worth", "sales_forecasts"}
    for path in folder.glob("*.parquet"):
        if path.stem not in new:
            shutil.copy(path, tmp_path)
    assert "Nothing is foreseen yet" in chapter(page.render(tmp_path, "en"), "foresight")


def test_pages_of_an_earlier_version_ask_for_a_build(folder, tmp_path):
    for path in folder.glob("segment_*.parquet"):
        shutil.copy(path, tmp_path)
    with pytest.raises(ReportError, match=r"lacks report_terms, shop_states: .*dbt build"):
        page.render(tmp_path, "en")


def test_a_bar_of_a_hidden_figure_says_so():
    rows = [
        {"name": "one", "value": 0.5, "label": "50%", "kind": "Share"},
        {"name": "two", "value": None, "label": "", "kind": "Share"},
    ]
    drawn = charts.bars(rows, "en", ".0%", "not shown")
    assert "50%" in drawn and drawn.count("not shown") >= 1
    assert "not shown" in charts.lines(rows, "en", ".0%", "not shown")


def test_charts_say_their_finding_and_have_their_table(pages):
    for text in pages.values():
        figures = re.findall(r"<figure>(.*?)</figure>", text, re.DOTALL)
        drawn = [figure for figure in figures if "<svg" in figure]
        assert len(drawn) >= 5 and all("<table" in figure and "<figcaption>" in figure for figure in figures)


def test_without_the_extra_there_are_tables_and_the_page_says_so(folder, monkeypatch):
    monkeypatch.setattr(charts, "is_available", lambda: False)
    text = page.render(folder, "en")
    assert "<svg" not in text and "tables only" in text and "<table" in text


def test_a_page_that_fails_leaves_the_publication_and_one_sentence(folder, tmp_path, monkeypatch):
    new = publishing.start(tmp_path, {"run_id": "a test"})
    for path in folder.glob("*.parquet"):
        shutil.copy(path, new)
    assert page_writer._write(str(new)).startswith("report/index.html") and (new / "report").exists()
    monkeypatch.setattr(page, "render", lambda *_, **__: 1 / 0)
    said = page_writer._write(str(new))
    assert said.startswith("no report (ZeroDivisionError") and "\n" not in said
    assert not (new / "report").exists() and (new / "segment_summary.parquet").exists()
    publishing.finish(new)
    assert publishing.publications(tmp_path)[0].problem() is None


def test_a_shop_without_personas_reads_of_value_and_lifecycle(folder, tmp_path):
    for path in folder.glob("*.parquet"):
        columns = duckdb.execute(f"describe from '{path}'").fetchall()
        where = (
            "where coalesce(segment_id, 0) <= 0"
            if any(column[0] == "segment_id" for column in columns)
            else ""
        )
        where = (
            "where false"
            if path.stem in ("persona_evidence", "segment_transitions", "reason_texts")
            else where
        )
        duckdb.execute(f"copy (from '{path}' {where}) to '{tmp_path / path.name}'")
    for language in LANGUAGES:
        text = page.render(tmp_path, language)
        assert words.translation(language)("Looks, has never bought") in text
        assert words.translation(language)("What to do with each") in text
    assert "There are no personas yet" in page.render(tmp_path, "en")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_where_every_figure_is_hidden(folder, tmp_path, name):
    """A small shop: cells too small to be told leave shares, sums and lifts empty."""
    for path in folder.glob("*.parquet"):
        hidden = [
            f"null::{kind} as {column}"
            for column, kind, *_ in duckdb.execute(f"describe from '{path}'").fetchall()
            if kind.startswith(("DOUBLE", "DECIMAL"))
        ]
        columns = f"* replace ({', '.join(hidden)})" if hidden else "*"
        duckdb.execute(f"copy (select {columns} from '{path}') to '{tmp_path / path.name}'")
    for language in LANGUAGES:
        assert page.render(tmp_path, language, name)


def test_pages_can_be_put_into_a_publication(built_shop, tmp_path):
    house = built_shop.copy(tmp_path / "copy")
    publishing.put_pages(house.home, {"report/index.html": "<p>new</p>"})
    assert (house.home / "published" / "report" / "index.html").read_text() == "<p>new</p>"
    assert all(one.problem() is None for one in publishing.publications(house.home))


@pytest.mark.skipif(BROWSER is None or AXE is None, reason="no Chromium, or no axe-core: CLIENTELE_AXE")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [*PAGES, "everything"])
def test_a_browser_finds_nothing_that_keeps_people_out(every_page, tmp_path, name, language):
    """axe-core, all its rules; nothing that is wider than the screen, and nothing asked of anybody."""
    asked = (
        "<script>axe.run().then(found => parent.document.body.setAttribute('data-at-' + innerWidth, "
        "JSON.stringify({axe: found.violations.map(one => one.id + ' ' + one.nodes[0].html), "
        "asked: performance.getEntriesByType('resource').map(one => one.name), "
        "small: [...document.querySelectorAll('nav a, summary')].filter("
        "one => one.getClientRects().length && one.getBoundingClientRect().height < 24).length, "
        "wide: Math.max(0, document.documentElement.scrollWidth - innerWidth)})))</script>"
    )
    # axe-core cannot tell contrast before the shade at the edges of wide tables
    plain = "<style>.wide { background: none !important; }</style>"
    text = every_page[name, language].replace(
        "</body>", f"{plain}<script>{AXE.read_text()}</script>{asked}</body>"
    )
    # a window is never narrower than 500 pixels, a frame in it is what a phone shows
    frames = [
        f'<iframe title="{width}" width="{width}" height="2000" srcdoc="{html.escape(text)}"></iframe>'
        for width in WIDTHS
    ]
    style = "<style>iframe { border: 0; }</style>"
    (tmp_path / "page.html").write_text(f"<!doctype html>{style}<body>{''.join(frames)}</body>")
    dom = subprocess.run(
        [
            *(BROWSER, *printing.FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,2100"),
            *("--virtual-time-budget=60000", "--dump-dom", f"file://{tmp_path / 'page.html'}"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout
    found = {
        int(width): json.loads(html.unescape(said))
        for width, said in re.findall(r'data-at-(\d+)="([^"]*)"', dom)
    }
    assert set(found) == set(WIDTHS)
    for width, said in found.items():
        assert said == {"axe": [], "asked": [], "small": 0, "wide": 0}, width


@pytest.mark.skipif(printing.browser() is None, reason="no Chromium")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_dossier_is_ten_pages_on_paper(every_page, language):
    printed = printing.to_pdf(every_page["dossier", language])
    assert printed[:5] == b"%PDF-"
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) == 10


def test_without_a_browser_nothing_is_printed(monkeypatch):
    monkeypatch.setattr(printing.shutil, "which", lambda _: None)
    assert printing.to_pdf("<p>a page</p>") is None


def test_a_page_reads_no_table_of_customers(folder):
    book = page.Book(folder, "en", str)
    try:
        assert not {"customer_predictions", "customer_recommendations", "user_segments"} & book.tables
        assert all("user_key" not in book.rows(f"from {table} limit 0") for table in book.tables)
        assert "segment_summary" in book.tables
    finally:
        book.close()


def test_what_a_shop_calls_its_things_is_text_and_no_code(folder, tmp_path):
    for path in folder.glob("*.parquet"):
        columns = "* replace ('<script>alert(1)</script>' as trait)" if path.stem == "segment_traits" else "*"
        duckdb.execute(f"copy (select {columns} from '{path}') to '{tmp_path / path.name}'")
    text = page.render(tmp_path, "en")
    assert "<script" not in text and "&lt;script&gt;alert" in text
