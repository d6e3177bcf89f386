"""Measure what a build costs, beside a bare scan of the same files and beside other tools.

`python -m clientele.bench` writes synthetic shops, runs each command as a process of its own several times
and turns the medians into docs/performance.md: seconds, peak memory, bytes written, and the ratios that
count. Every ratio compares figures of one run on one machine; seconds alone say little about another one.
The files are clean: at the first broken line a typed reader stops, and so do the other tools.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb

from clientele.keys import ENVIRONMENT_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"

# What belongs to the model and not to the data: the fit, what only it reads, and what judges it.
FIT_NODES = (
    "training_frame",
    "segment_sample",
    "segment_replicates",
    "segment_fits",
    "segment_sample_labels",
    "truncated_histories",
    "segment_studies",
)
READING_NODES = ("stg_lake__lines", "file_lines", "quarantined_lines", "reconciliation")

COLUMNS = {
    "event_time": "TIMESTAMP",
    "event_type": "VARCHAR",
    "product_id": "BIGINT",
    "category_id": "BIGINT",
    "category_code": "VARCHAR",
    "brand": "VARCHAR",
    "price": "DECIMAL(12, 2)",
    "user_id": "BIGINT",
    "user_session": "VARCHAR",
}


# --- processes


@dataclass(frozen=True)
class Cost:
    """What one process took.

    Attributes
    ----------
    seconds : float
        Wall time of what is compared: of the process, or of the part of it that the task is about.
    peak_bytes : int
        Largest resident set of the process.
    written_bytes : int
        Handed to the file system's disks by the process.
    parts : dict of str to float
        Seconds of the nodes of a dbt run, and under ``start`` those before its first node.
    """

    seconds: float
    peak_bytes: int
    written_bytes: int
    parts: dict[str, float] = field(default_factory=dict)


def run(command: list[str], environment: dict[str, str] | None = None) -> tuple[Cost, str]:
    """Run a command to its end; return its cost and what it said.

    Raises
    ------
    RuntimeError
        The command failed; with the end of what it said.
    """
    started = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{said[-3000:]}")
    return Cost(seconds, usage.ru_maxrss * 1024, usage.ru_oublock * 512), said


def run_task(task: str, *arguments: str) -> Cost:
    """Run a function of `TASKS` in a process of its own; its seconds are those that it reports."""
    cost, said = run([sys.executable, "-m", "clientele.bench", "--task", task, *arguments])
    return Cost(float(said.strip().splitlines()[-1]), cost.peak_bytes, cost.written_bytes)


def build(home: Path, events: Iterable[Path | str], *arguments: str) -> Cost:
    """Run `dbt build`; its seconds leave out dbt's own start, its parts have that and every node."""
    target = home / "target"
    environment = {
        "CLIENTELE_HOME": str(home),
        "CLIENTELE_EVENTS": "\n".join(str(path) for path in events),
        ENVIRONMENT_VARIABLE: _key(),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(home / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    started = time.time()
    dbt = [sys.executable, "-m", "dbt.cli.main", "build", "--profiles-dir", "profiles", *arguments]
    cost, _ = run(dbt, environment)
    results = json.loads((target / "run_results.json").read_text())["results"]
    parts: dict[str, float] = {}
    first = time.time()
    for result in results:
        parts[result["unique_id"].split(".", 2)[2]] = result["execution_time"]
        for timing in result["timing"]:
            if timing["started_at"]:
                first = min(first, _timestamp(timing["started_at"]))
    parts["start"] = first - started
    return Cost(cost.seconds - parts["start"], cost.peak_bytes, cost.written_bytes, parts)


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@cache
def _key() -> str:
    return secrets.token_hex(32)


def without_fit(cost: Cost) -> float:
    """Seconds of a build without dbt's start and the model fit."""
    return cost.seconds - sum(cost.parts.get(node, 0.0) for node in FIT_NODES)


# --- tasks: each prints the seconds of what is compared as its last line


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"memory_limit": "3GB"})
    connection.execute("set timezone = 'UTC'")
    return connection


def _typed(files: list[str]) -> str:
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in files)
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    return f"read_csv([{names}], columns = {{{types}}}, header = true)"


def scan(*files: str) -> None:
    """Read every column of CSV files with its type, and keep nothing: the floor."""
    seen = ", ".join(f"max({column})" for column in COLUMNS)
    _connection().execute(f"select count(*), {seen} from {_typed(list(files))}").fetchall()


def typed_table(database: str, *files: str) -> None:
    """Read CSV files with their types into a table: what a project without accounting for lines does."""
    connection = _connection()
    connection.execute(f"attach '{database}' as plain")
    connection.execute(f"create table plain.events as select * from {_typed(list(files))}")
    connection.execute("checkpoint plain")


def features_by_duckdb(*files: str) -> None:
    """Fifteen features by one plain query over the files."""
    _connection().sql(
        f"""
        with events as (select * from {_typed(list(files))}),
        sessions as (
            select
                user_id, user_session, count(*) as n_events,
                epoch(max(event_time)) - epoch(min(event_time)) as seconds,
                count(*) filter (event_type = 'purchase') as n_purchases
            from events group by all
        ),
        per_user as (
            select
                user_id, count(*) as n_events, min(event_time) as first_event_at,
                max(event_time) as last_event_at, count(distinct event_time::date) as n_active_days,
                count(distinct product_id) as n_products,
                count(*) filter (event_type = 'view') as n_views,
                count(*) filter (event_type = 'cart') as n_carts,
                count(*) filter (event_type = 'purchase') as n_purchases,
                sum(price) filter (event_type = 'purchase') as revenue,
                avg((isodow(event_time) >= 6)::int) as weekend_share,
                avg((hour(event_time) between 18 and 22)::int) as evening_share
            from events group by all
        ),
        per_user_sessions as (
            select
                user_id, count(*) as n_sessions, avg(seconds) as mean_session_seconds,
                count(*) filter (n_purchases > 0) as n_orders
            from sessions group by all
        ),
        top_category as (
            select user_id, max(n_events) as n_top_category
            from (select user_id, category_id, count(*) as n_events from events group by all)
            group by all
        )
        select * from per_user join per_user_sessions using (user_id) join top_category using (user_id)
        """
    ).to_arrow_table()


def features_by_pandas(*files: str) -> None:
    """Fifteen features as a notebook does it."""
    import pandas as pd

    events = pd.concat(
        pd.read_csv(name, dtype={"user_id": "int64", "product_id": "int64", "price": "float64"})
        for name in files
    )
    at = pd.to_datetime(events["event_time"].str[:19])
    events["event_at"] = at
    events["day"] = at.dt.normalize()
    events["is_weekend"] = at.dt.day_of_week >= 5
    events["is_evening"] = at.dt.hour.between(18, 22)
    for kind in ("view", "cart", "purchase"):
        events[f"is_{kind}"] = events["event_type"] == kind
    events["revenue"] = events["price"].where(events["is_purchase"], 0)
    users = events.groupby("user_id").agg(
        n_events=("event_at", "size"),
        first_event_at=("event_at", "min"),
        last_event_at=("event_at", "max"),
        n_active_days=("day", "nunique"),
        n_products=("product_id", "nunique"),
        n_views=("is_view", "sum"),
        n_carts=("is_cart", "sum"),
        n_purchases=("is_purchase", "sum"),
        revenue=("revenue", "sum"),
        weekend_share=("is_weekend", "mean"),
        evening_share=("is_evening", "mean"),
    )
    sessions = events.groupby(["user_id", "user_session"]).agg(
        started_at=("event_at", "min"), ended_at=("event_at", "max"), n_purchases=("is_purchase", "sum")
    )
    sessions["seconds"] = (sessions["ended_at"] - sessions["started_at"]).dt.total_seconds()
    sessions["is_order"] = sessions["n_purchases"] > 0
    users = users.join(
        sessions.groupby("user_id").agg(
            n_sessions=("seconds", "size"),
            mean_session_seconds=("seconds", "mean"),
            n_orders=("is_order", "sum"),
        )
    )
    categories = events.groupby(["user_id", "category_id"]).size()
    users["n_top_category"] = categories.groupby("user_id").max()


def features_by_polars(*files: str) -> None:
    """Fifteen features with the streaming engine of polars."""
    import polars as pl

    at = pl.col("event_time").str.slice(0, 19).str.to_datetime("%Y-%m-%d %H:%M:%S")
    events = pl.scan_csv(list(files)).with_columns(at.alias("event_at"))
    is_purchase = pl.col("event_type") == "purchase"
    users = events.group_by("user_id").agg(
        n_events=pl.len(),
        first_event_at=pl.col("event_at").min(),
        last_event_at=pl.col("event_at").max(),
        n_active_days=pl.col("event_at").dt.date().n_unique(),
        n_products=pl.col("product_id").n_unique(),
        n_views=(pl.col("event_type") == "view").sum(),
        n_carts=(pl.col("event_type") == "cart").sum(),
        n_purchases=is_purchase.sum(),
        revenue=pl.col("price").filter(is_purchase).sum(),
        weekend_share=(pl.col("event_at").dt.weekday() >= 6).mean(),
        evening_share=pl.col("event_at").dt.hour().is_between(18, 22).mean(),
    )
    sessions = (
        events.group_by("user_id", "user_session")
        .agg(
            seconds=(pl.col("event_at").max() - pl.col("event_at").min()).dt.total_seconds(),
            n_purchases=is_purchase.sum(),
        )
        .group_by("user_id")
        .agg(
            n_sessions=pl.len(),
            mean_session_seconds=pl.col("seconds").mean(),
            n_orders=(pl.col("n_purchases") > 0).sum(),
        )
    )
    categories = (
        events.group_by("user_id", "category_id")
        .agg(n_events=pl.len())
        .group_by("user_id")
        .agg(n_top_category=pl.col("n_events").max())
    )
    users.join(sessions, on="user_id").join(categories, on="user_id").collect(engine="streaming")


TASKS: dict[str, Callable[..., None]] = {
    task.__name__: task
    for task in (scan, typed_table, features_by_duckdb, features_by_pandas, features_by_polars)
}


# --- shops


def write_shop(folder: Path, n_events: int, months: int, seed: int = 0) -> list[Path]:
    """Write the monthly files of a synthetic shop of about `n_events` events; return their paths."""
    command = [sys.executable, "-m", "clientele.synthetic", "--events", str(n_events)]
    run([*command, "--months", str(months), "--seed", str(seed), "--quiet", str(folder)])
    return sorted((folder / "events").iterdir())


def split_off_last_day(files: list[Path], folder: Path) -> tuple[list[Path], Path]:
    """Copy the files without the last day of their events, and that day as a file of its own."""
    folder.mkdir()
    names = ", ".join(f"'{path}'" for path in files)
    connection = duckdb.connect()
    source = (
        f"read_csv([{names}], columns = {{'line': 'VARCHAR'}}, delim = chr(1), quote = '', escape = '',"
        " header = false, auto_detect = false, strict_mode = false, new_line = '\\n')"
    )
    ((last_day,),) = connection.execute(
        f"select max(left(line, 10)) from {source} where regexp_full_match(left(line, 10), '20[0-9-]{{8}}')"
        " and left(line, 7) < '2030'"
    ).fetchall()
    header = ",".join(COLUMNS)
    kept, new = folder / "history.csv", folder / "new_day.csv"
    for path, test in ((kept, "!="), (new, "=")):
        connection.execute(
            f"copy (select line as \"{header}\" from {source} where left(line, 10) {test} '{last_day}'"
            f" and line != '{header}') to '{path}' (format csv, quote '', escape '', delimiter '\\x01')"
        )
    return [kept], new


# --- the page


@dataclass
class Page:
    """What has been measured so far: rows of two tables."""

    costs: list[str] = field(default_factory=list)
    ratios: list[str] = field(default_factory=list)

    def cost(self, what: str, costs: list[Cost], seconds: Callable[[Cost], float] | None = None) -> float:
        """Add the medians of a command; return its median seconds."""
        value = median((seconds or (lambda cost: cost.seconds))(cost) for cost in costs)
        peak = median(cost.peak_bytes for cost in costs) / 2**30
        written = median(cost.written_bytes for cost in costs) / 2**30
        self.costs.append(f"| {what} | {value:.1f} | {peak:.2f} | {written:.2f} | {len(costs)} |")
        print(self.costs[-1], flush=True)
        return value

    def ratio(self, what: str, value: float, bar: float, unit: str = "") -> None:
        """Add a figure beside its bar."""
        verdict = "met" if value <= bar else "**missed**"
        self.ratios.append(f"| {what} | {value:.2f}{unit} | {bar:g}{unit} | {verdict} |")
        print(self.ratios[-1], flush=True)


def measure(n_runs: int, large: int, small: int, scratch: Path) -> Page:
    """Run everything; `large` and `small` are numbers of events."""
    page = Page()
    shop = write_shop(scratch / "large", large, 4)
    names = [str(path) for path in shop]
    csv_bytes = sum(path.stat().st_size for path in shop)

    def homes(label: str) -> Iterable[Path]:
        for number in range(n_runs):
            yield scratch / f"{label}_{number}"

    millions = f"{large / 1e6:g}M events"
    floor = page.cost(f"bare typed scan, {millions}", [run_task("scan", *names) for _ in range(n_runs)])
    plain = []
    for number in range(n_runs):
        plain.append(run_task("typed_table", str(scratch / f"plain_{number}.duckdb"), *names))
        (scratch / f"plain_{number}.duckdb").unlink()
    typed = page.cost(f"typed read into a table, {millions}", plain)
    fulls, disk = [], 0
    for home in homes("full"):
        fulls.append(build(home, names))
        disk = sum(path.stat().st_size for path in home.glob("*.duckdb"))
        if home.name != "full_0":
            shutil.rmtree(home)
    page.cost(f"full build, {millions}, with the fit", fulls)
    full = page.cost(f"full build, {millions}, without dbt's start and the fit", fulls, without_fit)
    reading = median(sum(cost.parts.get(node, 0.0) for node in READING_NODES) for cost in fulls)
    page.ratio(f"full build / bare typed scan, {millions}", full / floor, 4.0)
    page.ratio(
        f"peak memory of that build, {millions}", median(cost.peak_bytes for cost in fulls) / 2**30, 4, " GB"
    )
    page.ratio("reading with quarantine and reconciliation / typed read into a table", reading / typed, 1.4)
    page.ratio("databases / raw CSV bytes", disk / csv_bytes, 0.5)
    nothing = [build(scratch / "full_0", names) for _ in range(n_runs)]
    page.cost(f"build on nothing new, {millions}", nothing)
    page.ratio(
        "build on nothing new, whole process",
        median(cost.seconds + cost.parts["start"] for cost in nothing),
        25,
        " s",
    )
    n_users, seconds = _scoring(scratch / "full_0", fulls)
    speed = f"scoring {n_users:,} users ({n_users / seconds:,.0f} a second)"
    page.costs.append(f"| {speed} | {seconds:.2f} | | | {n_runs} |")
    shutil.rmtree(scratch / "full_0")
    _measure_peers(page, n_runs, names, millions, ["duckdb", "polars"], scratch)
    shutil.rmtree(scratch / "large")

    one = write_shop(scratch / "small", small, 1)
    three = write_shop(scratch / "three", 3 * small, 3)
    days = {}
    for label, files in (("1x", one), ("3x", three)):
        history, new_day = split_off_last_day(files, scratch / f"days_{label}")
        befores, afters = [], []
        for home in homes(f"day_{label}"):
            befores.append(build(home, history))
            afters.append(build(home, [*history, new_day]))
            shutil.rmtree(home)
        text = f"{small * (1 if label == '1x' else 3) / 1e6:g}M events"
        before = page.cost(f"full build, {text}, before the new day", befores, without_fit)
        after = page.cost(f"one new day after {text}", afters, without_fit)
        days[label] = (before, after)
    page.ratio("one new day / full build, one month of history", days["1x"][1] / days["1x"][0], 0.12)
    page.ratio("one new day after three months / after one", days["3x"][1] / days["1x"][1], 1.3)
    _measure_peers(
        page, n_runs, [str(path) for path in one], f"{small / 1e6:g}M events", ["duckdb", "pandas"], scratch
    )
    return page


def _scoring(home: Path, costs: list[Cost]) -> tuple[int, float]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        ((n_users,),) = connection.execute("select count(*) from core.persona_scores").fetchall()
    scoring = ("centroid_scores", "early_scores", "persona_scores")
    return n_users, median(sum(cost.parts[node] for node in scoring) for cost in costs)


def _measure_peers(
    page: Page, n_runs: int, names: list[str], text: str, tools: list[str], scratch: Path
) -> None:
    bars = {"pandas": (0.1, 0.3), "polars": (0.8, 0.6)}
    ours = []
    for number in range(n_runs):
        home = scratch / f"features_{number}"
        select = ("--select", "+user_feature_values", "--exclude-resource-type", "unit_test", "test")
        ours.append(build(home, names, *select))
        shutil.rmtree(home)
    seconds = page.cost(f"files to all features, {text}", ours)
    for tool in tools:
        costs = [run_task(f"features_by_{tool}", *names) for _ in range(n_runs)]
        theirs = page.cost(f"fifteen features by {tool}, {text}", costs)
        if tool in bars:
            memory = median(c.peak_bytes for c in ours) / median(c.peak_bytes for c in costs)
            page.ratio(f"ours / {tool}, {text}: time", seconds / theirs, bars[tool][0])
            page.ratio(f"ours / {tool}, {text}: memory", memory, bars[tool][1])


def write(page: Page, n_runs: int) -> None:
    """Replace the generated part of docs/performance.md."""
    begin, end = "<!-- generated by make bench -->", "<!-- end of the generated part -->"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    lines = [
        begin,
        "",
        f"Measured on {date.today().isoformat()}, {machine}, DuckDB {duckdb.__version__},"
        f" on **synthetic** shops; "
        + (f"medians of {n_runs} runs." if n_runs > 1 else "one run of each command."),
        "",
        "| figure | measured | bar | |",
        "|---|---|---|---|",
        *page.ratios,
        "",
        "| command | seconds | peak GB | GB written | runs |",
        "|---|---|---|---|---|",
        *page.costs,
        "",
        end,
    ]
    before, _, rest = PAGE.read_text().partition(begin)
    PAGE.write_text(before + "\n".join(lines) + rest.partition(end)[2])


def main() -> None:
    """Run the benchmarks, or one task of theirs."""
    parser = argparse.ArgumentParser(prog="python -m clientele.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each command (default 3)")
    parser.add_argument("--large", type=float, default=20e6, help="events of the large shop (default 20M)")
    parser.add_argument("--small", type=float, default=5e6, help="events of a month (default 5M)")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        started = time.monotonic()
        TASKS[options.task](*options.arguments)
        print(time.monotonic() - started)
        return
    with TemporaryDirectory(prefix="clientele-bench-") as scratch:
        page = measure(options.runs, int(options.large), int(options.small), Path(scratch))
    write(page, options.runs)
    print(f"Written: {PAGE}")


if __name__ == "__main__":
    main()
