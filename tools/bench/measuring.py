"""What is measured, and in which order."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import duckdb

from clientele.privacy.rights import SUBJECTS_FILE
from clientele.runtime.dbt import WITHOUT_UNIT_TESTS
from tools.bench.page import Page
from tools.bench.processes import (
    Cost,
    ancestors,
    build,
    look,
    manifest,
    nodes_of,
    operate,
    run_task,
    without_fit,
)
from tools.bench.reading import forget
from tools.bench.shops import split_into_days, write_shop

READING_NODES = ("stg_lake__lines", "file_lines", "quarantined_lines", "reconciliation")
SCORING_NODES = ("centroid_scores", "early_scores", "persona_scores")
PRIVACY_HOOKS = ("check_classification", "check_key_readers", "require_pseudonym_key", "check_built_columns")
PRIVACY_MODELS = ("retention", "profiling_objections")
HEADS = ("predictions", "recommendations", "forecast", "items", "budget")
BESIDE = ("customer_view", "report", "drift", "metrics")  # history, description of the data, page, drift
ERASED = 1000
DIRT = 0.002  # faults a line


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes
    ----------
    n_runs : int
        Runs of each command; figures are their medians.
    large, small : int
        Events of the large shop, and of a month of the small one.
    huge : int
        Events of a shop that is read and built once.
    spark : bool
        Whether PySpark takes part, if it is installed.
    """

    n_runs: int
    large: int
    small: int
    huge: int
    spark: bool = False


def privacy_nodes(graph: dict) -> set[str]:
    """Return what of a build is there for privacy alone: hooks, models and their tests, by name.

    The map of users is not among them: `keyed_events` has it.
    """
    models = {f"model.clientele.{name}" for name in PRIVACY_MODELS}
    of_map = models | {"model.clientele.user_keys"}
    found = set(models)
    for name, node in graph["nodes"].items():
        if node["resource_type"] == "operation" and any(hook in node["raw_code"] for hook in PRIVACY_HOOKS):
            found.add(name)
        tested = set(node.get("depends_on", {}).get("nodes", ()))
        if node["resource_type"] == "test" and tested and tested <= of_map:
            found.add(name)
    return {name.split(".", 2)[2] for name in found}


def _measure_large(page: Page, plan: Plan, scratch: Path) -> None:
    n_runs, size = plan.n_runs, _millions(plan.large)
    shop = write_shop(scratch / "large", plan.large, 4)
    names = [str(path) for path in shop]
    csv_bytes = sum(path.stat().st_size for path in shop)

    scans, fulls, disk = [], [], 0
    tables: dict[str, list[Cost]] = {"typed_table": [], "plain_events": [], "keyed_events": []}
    for number in range(n_runs):  # in turn, so that an hour in which the machine is slow is slow for all
        scans.append(run_task("scan", *names))
        for task, costs in tables.items():
            costs.append(_run_writing(task, scratch, names))
        home = scratch / f"full_{number}"
        fulls.append(build(home, names))
        disk = sum(path.stat().st_size for path in home.glob("*.duckdb"))
        if number:
            shutil.rmtree(home)
    floor = page.cost(f"bare typed scan, {size}", scans, n_events=plan.large)
    typed = page.cost(f"typed read into a table, {size}", tables["typed_table"], n_events=plan.large)
    plain = page.cost(f"events under plain integers, {size}", tables["plain_events"])
    keyed = page.cost(f"events under keyed pseudonyms, {size}", tables["keyed_events"])

    home = scratch / "full_0"
    page.cost(f"full build, {size}, with the fit", fulls, n_events=plan.large)
    full = page.cost(f"full build, {size}, without dbt's start and the fit", fulls, without_fit)
    page.ratio(f"full build / bare typed scan, {size}", full / floor, 4.0)
    peak = median(cost.peak_bytes for cost in fulls) / 2**30
    page.ratio(f"peak memory of that build, {size}", peak, 4, " GB")
    reading = median(_sum(cost, READING_NODES) for cost in fulls)
    page.ratio("reading with quarantine and reconciliation / typed read into a table", reading / typed, 1.4)
    page.ratio("databases / raw CSV bytes", disk / csv_bytes, 0.5)

    alone = page.seconds(
        "hooks, models and tests that are there for privacy alone",
        [_sum(cost, privacy_nodes(manifest(home))) for cost in fulls],
    )
    page.ratio(f"privacy machinery / full build, {size}", (alone + keyed - plain) / full, 0.15)

    nothing, scheduled = [], []
    looks: dict[str, list[Cost]] = {"clientele": [], "dbt": []}
    for _ in range(n_runs):  # in turn, as above; the last leaves the mark that a look compares with
        scheduled.append(build(home, names, *WITHOUT_UNIT_TESTS))
        nothing.append(build(home, names))
        for program, costs in looks.items():
            costs.append(look(home, names, program))
    page.cost(f"build on nothing new, {size}, without dbt's start", nothing)
    start = page.seconds("dbt's own start in that build", [cost.parts["start"] for cost in nothing])
    whole = median(cost.seconds + cost.parts["start"] for cost in nothing)
    page.ratio(f"build on nothing new, whole process, of which dbt's start is {start:.1f} s", whole, 10, " s")
    for program, costs in looks.items():
        what = f"{program} build on nothing new, which only compares, whole process"
        page.ratio(what, page.cost(what, costs), 2, " s")
    page.seconds(
        "the build all the same, whole process, without unit tests (--exclude-resource-type unit_test)",
        [cost.seconds + cost.parts["start"] for cost in scheduled],
    )
    n_users = _count(home, "core.persona_scores")
    page.seconds(f"scoring all {n_users:,} users with a persona", [_sum(c, SCORING_NODES) for c in fulls])

    features = ancestors(manifest(home), "user_feature_values")
    everything = page.seconds(
        f"models from files to all 36 features in the full build, {size}",
        [_sum(cost, features) for cost in fulls],
    )
    shutil.rmtree(home)
    _measure_peers(page, plan, names, size, "polars", (0.8, 0.6), (everything, peak), floor)
    _measure_spark(page, plan, names, size)


def _measure_month(page: Page, plan: Plan, scratch: Path) -> None:
    """Measure a new day, a late file and an erasure after a month of the large shop's size."""
    n_runs, size = plan.n_runs, _millions(plan.large)
    days = split_into_days(write_shop(scratch / "month", plan.large, 1), scratch / "month_days")
    shutil.rmtree(scratch / "month")
    home = scratch / "home"
    befores, news, lates, erasures = [], [], [], []
    for number in range(n_runs):
        befores.append(build(home, [days.history]))
        n_users = _count(home, "core.users")
        news.append(build(home, [days.history, days.new_day]))
        lates.append(build(home, [days.history, days.new_day, days.late]))
        subjects = _name_subjects(home, scratch / f"subjects_{number}.txt")
        erasures.append(operate(home, "erase_subjects", **{SUBJECTS_FILE: str(subjects)}))
        shutil.rmtree(home)
    before = page.cost(f"full build, a month of {size}, before the new day", befores, without_fit)
    new = page.cost(f"one new day after a month of {size}", news, without_fit)
    page.ratio(f"one new day / full build, a month of {size}", new / before, 0.12)
    page.cost(f"one late day, after a month of {size} and a newer day", lates, without_fit)
    erasure = page.cost(f"erasing {ERASED:,} of {n_users:,} users", erasures)
    whole = median(cost.seconds for cost in befores)
    page.ratio(f"erasing {ERASED:,} of {n_users:,} users / full build with the fit", erasure / whole, 0.1)


def _measure_whole(page: Page, plan: Plan, scratch: Path) -> None:
    """Measure a build with every head: its fits due, and on the next day, when none is."""
    size = _millions(plan.large)
    days = split_into_days(write_shop(scratch / "whole", plan.large, 4), scratch / "whole_days")
    shutil.rmtree(scratch / "whole")
    home = scratch / "home"
    first = build(home, [days.history, days.late], *WITHOUT_UNIT_TESTS, heads="all")
    then = build(home, [days.history, days.late, days.new_day], *WITHOUT_UNIT_TESTS, heads="all")
    graph = manifest(home)
    heads, beside = nodes_of(graph, HEADS), nodes_of(graph, BESIDE)
    publish = {name for name in first.parts if "on-run-end" in name}
    seconds = page.cost(f"full build, {size}, every head, fits due", [first], n_events=plan.large)
    page.cost(f"the next day, {size}, every head, no fit due", [then])
    due = page.seconds("heads with their fits, of the full build", [_sum(first, heads)])
    scored = page.seconds("heads, the next day", [_sum(then, heads)])
    added = page.seconds(
        "history, description, report, drift and publishing", [_sum(first, beside | publish)]
    )
    page.ratio(f"heads with their fits / full build, {size}", due / seconds, 0.2)
    page.ratio(f"heads without a fit / full build, {size}", scored / seconds, 0.08)
    page.ratio(
        f"heads without a fit, and what stands beside / full build, {size}", (scored + added) / seconds, 0.25
    )
    page.ratio(f"peak memory of that build, {size}", first.peak_bytes / 2**30, 4, " GB")


def _measure_small(page: Page, plan: Plan, scratch: Path) -> None:
    """Measure a new day after one month and after three, and the tool that holds all events in memory."""
    n_runs, size = plan.n_runs, _millions(plan.small)
    home, kept = scratch / "home", scratch / "kept"
    shops = {n: write_shop(scratch / f"{n}", n * plan.small, n) for n in (1, 3)}
    days = {n: split_into_days(files, scratch / f"days_{n}") for n, files in shops.items()}
    text = {1: f"1 month of {size}", 3: f"3 months of {size}"}

    # The full build after three months is in no ratio: one is enough to put the new days on.
    befores: dict[int, list[Cost]] = {1: [], 3: [build(home, [days[3].history])]}
    afters: dict[int, list[Cost]] = {1: [], 3: []}
    features = ancestors(manifest(home), "user_feature_values")
    home.rename(kept)
    for _ in range(n_runs):  # in turn, as above
        befores[1].append(build(home, [days[1].history]))
        afters[1].append(build(home, [days[1].history, days[1].new_day]))
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        afters[3].append(build(home, [days[3].history, days[3].new_day]))
        shutil.rmtree(home)
    before, after = {}, {}
    for n, costs in befores.items():
        before[n] = page.cost(f"full build, {text[n]}, before the new day", costs, without_fit)
        after[n] = page.cost(f"one new day after {text[n]}", afters[n], without_fit)
    page.ratio(f"one new day / full build, {text[1]}", after[1] / before[1], 0.12)
    page.ratio("one new day after three months / after one", after[3] / after[1], 1.3)

    names = [str(path) for path in shops[1]]
    floor = page.cost(f"bare typed scan, {size}", [run_task("scan", *names) for _ in range(n_runs)])
    everything = page.seconds(
        f"models from files to all 36 features in the full build, {size}",
        [_sum(cost, features) for cost in befores[1]],
    )
    peak = median(cost.peak_bytes for cost in befores[1]) / 2**30
    _measure_peers(page, plan, names, size, "pandas", (0.1, 0.3), (everything, peak), floor)


def _measure_dirty(page: Page, plan: Plan, scratch: Path) -> None:
    """Measure what dirt, packing and a cold disk cost: one shop, clean, dirty, and dirty and packed."""
    n_events, size = plan.small, _millions(plan.small)
    dirt = ("--dirt", str(DIRT))
    kinds = {
        "clean CSV": (),
        f"CSV with {DIRT:.1%} of dirt": dirt,
        f"csv.gz with {DIRT:.1%} of dirt": (*dirt, "--format", "csv.gz"),
    }
    shops = {
        kind: tuple(map(str, write_shop(scratch / f"shop_{number}", n_events, 4, *arguments)))
        for number, (kind, arguments) in enumerate(kinds.items())
    }
    builds: dict[str, list[Cost]] = {f"{kind}, {warmth}": [] for kind in kinds for warmth in ("cold", "warm")}
    scans: dict[str, list[Cost]] = {"cold": [], "warm": []}
    home, clean = scratch / "home", shops["clean CSV"]
    for _ in range(plan.n_runs):  # in turn, as above
        for warmth, costs in scans.items():
            if warmth == "cold":
                forget(clean)
            costs.append(run_task("scan", *clean))
        for kind, files in shops.items():
            for warmth in ("cold", "warm"):
                if warmth == "cold":
                    forget(files)
                builds[f"{kind}, {warmth}"].append(build(home, files))
                shutil.rmtree(home)
    for warmth, costs in scans.items():
        page.cost(f"bare typed scan, {size}, {warmth}", costs, n_events=n_events)
    for kind, costs in builds.items():
        page.cost(f"full build, {size}, {kind}, with the fit", costs, n_events=n_events)
        page.cost(f"full build, {size}, {kind}, without dbt's start and the fit", costs, without_fit)


def _measure_huge(page: Page, plan: Plan, scratch: Path) -> None:
    size = _millions(plan.huge)
    names = [str(path) for path in write_shop(scratch / "huge", plan.huge, 4)]
    floor = page.cost(f"bare typed scan, {size}", [run_task("scan", *names)], n_events=plan.huge)
    costs = [build(scratch / "home", names)]
    page.cost(f"full build, {size}, with the fit", costs, n_events=plan.huge)
    full = page.cost(f"full build, {size}, without dbt's start and the fit", costs, without_fit)
    page.ratio(f"full build / bare typed scan, {size}, one run", full / floor, 4.0)
    page.ratio(f"peak memory of that build, {size}", costs[0].peak_bytes / 2**30, 8, " GB")


def _measure_peers(
    page: Page,
    plan: Plan,
    names: list[str],
    size: str,
    tool: str,
    bars: tuple[float, float],
    pipeline: tuple[float, float],
    floor: float,
) -> None:
    """Compare a tool with a lean query for the same features, and with our models up to all features."""
    tools = ("lean_query", "duckdb", tool)
    costs: dict[str, list[Cost]] = {each: [] for each in tools}
    for _ in range(plan.n_runs):  # in turn, as above
        for each in tools:
            costs[each].append(run_task(f"features_by_{each}", *names))
    seconds = {}
    for each in tools:
        label = {"lean_query": "a lean DuckDB query", "duckdb": "a plain DuckDB query"}.get(each, each)
        seconds[each] = page.cost(f"fifteen features by {label}, {size}", costs[each])
    peak = {each: median(cost.peak_bytes for cost in found) / 2**30 for each, found in costs.items()}
    same = f"the same fifteen features, lean query / {tool}, {size}"
    page.ratio(f"{same}: time", seconds["lean_query"] / seconds[tool], bars[0])
    page.ratio(f"{same}: memory", peak["lean_query"] / peak[tool], bars[1])
    more = f"all 36 features with cleaning, pseudonyms and books / fifteen by {tool}, {size}"
    page.ratio(f"{more}: time", pipeline[0] / seconds[tool], bars[0])
    page.ratio(f"{more}: memory", pipeline[1] / peak[tool], bars[1])
    page.floor(f"Fifteen features / {tool}, {size}", bars[0], seconds[tool], floor)


def _measure_spark(page: Page, plan: Plan, names: list[str], size: str) -> None:
    if not plan.spark:
        return
    if find_spec("pyspark") is None or shutil.which("java") is None:
        page.notes.append("- PySpark was asked for, and pyspark or Java is not installed here.")
        return
    costs = [run_task("features_by_spark", *names) for _ in range(plan.n_runs)]
    # Java is a process of its own, whose memory and processor time the figures of this one do not have.
    page.seconds(f"fifteen features by PySpark local[2], {size}", [cost.seconds for cost in costs])


def _run_writing(task: str, scratch: Path, names: Iterable[str]) -> Cost:
    database = scratch / f"{task}.duckdb"
    cost = run_task(task, str(database), *names)
    database.unlink()
    return cost


def _name_subjects(home: Path, path: Path) -> Path:
    """Write ids of users, spread evenly over all of them, one a line."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home / 'vault.duckdb'}' as kept (read_only)")
        found = connection.execute(
            f"select user_id from kept.vault.user_keys order by hash(user_id) limit {ERASED}"
        ).fetchall()
    path.write_text("".join(f"{user_id}\n" for (user_id,) in found))
    return path


def _count(home: Path, table: str) -> int:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(f"select count(*) from {table}").fetchall()[0][0]


def _sum(cost: Cost, nodes: Iterable[str]) -> float:
    return sum(cost.parts.get(node, 0.0) for node in nodes)


def _millions(n_events: int) -> str:
    return f"{n_events / 1e6:g}M events"


# Each part has a place of its own in docs/performance.md, and needs room for four times its shop.
PARTS: dict[str, Callable[[Page, Plan, Path], None]] = {
    "large": _measure_large,
    "whole": _measure_whole,
    "month": _measure_month,
    "small": _measure_small,
    "dirty": _measure_dirty,
    "huge": _measure_huge,
}
