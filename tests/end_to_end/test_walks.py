"""Whatever is run, in whatever order, with whatever settings: one build later all is as in a fresh warehouse.

A step that dbt refuses has changed nothing. `make test-faults` takes 300 walks; here it is twelve short
ones, the same each time. Deliveries alone are in test_order.py, kills at every statement in test_faults.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from breaking import Breaker
from dbt.contracts.graph.manifest import Manifest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import IS_LONG, WITHOUT_TESTS, House, Table, assert_same, little_shop
from test_build_state import wrong_version

N_WALKS, MOST_STEPS = (300, 5) if IS_LONG else (12, 2)
VARIABLES = {"reference_days": 10}
PAPERS = False  # no test here reads what dbt writes about its runs
ALL = ("--select", "+reconciliation", "+user_features", "+customer_visits", *WITHOUT_TESTS)
SHOP = little_shop(seed=3, n_users=40)
MONTHS = {
    "oct.csv": [event for event in SHOP if event.event_time < "2019-11"],
    "nov.csv": [event for event in SHOP if event.event_time >= "2019-11"],
}
PARTS = [
    "event_files",
    "+users",
    "+events",
    "user_sessions",
    "products daily_events",
    "user_feature_values",
    "product_taxonomy shop_priors feature_priors customer_visits",
    "events",
    "users+",
]
# Of these, what is made from files alone is refused.
REFRESHED = [
    "user_sessions",
    "products",
    "user_feature_values",
    "event_files",
    "+users",
    "events",
    "user_keys",
]
# What fails once, so that `dbt retry` has something to do.
FAILING = ["event_files", "events", "users", "user_sessions", "products", "user_feature_values"]

steps = st.one_of(
    st.tuples(st.just("deliver"), st.sampled_from(sorted(MONTHS)), st.booleans()),
    st.tuples(
        st.just("set"),
        st.sampled_from([{}, {"session_gap_minutes": 4}, {"window_days": 12}, {"premium_z": 0.1}]),
    ),
    st.tuples(st.just("feature"), st.booleans()),
    st.tuples(st.just("build"), st.just(())),
    st.tuples(st.just("empty"), st.just(("--empty",))),
    st.tuples(st.just("part"), st.sampled_from(PARTS).map(lambda part: ("--select", *part.split()))),
    st.tuples(
        st.just("refresh"), st.sampled_from(REFRESHED).map(lambda part: ("--full-refresh", "--select", part))
    ),
    st.tuples(st.just("kill"), st.integers(20, 260)),
    st.tuples(st.just("touch"), st.integers(0, 2_000_000_000)),
    st.tuples(st.just("move"), st.just(())),
    st.tuples(st.just("run and test"), st.just(())),
    st.tuples(st.just("retry"), st.sampled_from(FAILING)),
)


def with_a_feature(manifest: Manifest) -> None:
    """Add a column to the features, as the next version may."""
    node = manifest.nodes["model.clientele.user_feature_values"]
    node.raw_code = node.raw_code.replace(
        "lifetimes.user_sk,\n        cast",
        "lifetimes.user_sk,\n        lifetimes.n_events + 1 as n_more,\n        cast",
    )
    assert "n_more" in node.raw_code
    node.columns["n_more"] = replace(node.columns["n_events"], name="n_more")


def failing(name: str, change: Callable[[Manifest], None] | None) -> Callable[[Manifest], None]:
    """Return a change of the project in which this model stops, beside another change."""

    def do(manifest: Manifest) -> None:
        if change:
            change(manifest)
        manifest.nodes[f"model.clientele.{name}"].raw_code += "\nlimit no_such_number"

    return do


@pytest.fixture(scope="module")
def breaker() -> Iterator[Breaker]:
    with Breaker(VARIABLES) as breaker:
        yield breaker


def moved(lake: Path, to: Path) -> Path:
    """Move the files of a lake into a folder of another name and return it: other walks keep theirs."""
    to.mkdir()
    for path in lake.iterdir():
        shutil.move(path, to / path.name)
    return to


@pytest.fixture(scope="module")
def start(new_house) -> House:
    """Return a house with October built. All walks share its lake: paths are in the ledger."""
    house = new_house(variables=VARIABLES)
    house.deliver("oct.csv", MONTHS["oct.csv"])
    house.build(*ALL)
    return house


@pytest.fixture(scope="module")
def fresh(new_house):
    """Return a function that gives what a fresh build makes of these files and settings."""
    found: dict[str, dict[str, Table]] = {}

    def of(
        files: dict[str, bool], variables: dict[str, object], change: Callable[[Manifest], None] | None
    ) -> dict[str, Table]:
        key = repr((sorted(files.items()), variables, change))
        if key not in found:
            house = new_house(variables=VARIABLES)
            for name, is_right in files.items():
                house.deliver(name, MONTHS[name] if is_right else wrong_version(MONTHS[name]))
            house.build(*ALL, variables=variables, change=change)
            found[key] = house.contents()
        return found[key]

    return of


@settings(
    max_examples=N_WALKS,
    suppress_health_check=list(HealthCheck),
)
@given(walk=st.lists(steps, min_size=(MOST_STEPS + 1) // 2, max_size=MOST_STEPS))
def test_any_walk_ends_as_a_fresh_build(start, fresh, breaker, walk):
    with TemporaryDirectory() as folder:
        house = start.copy(Path(folder))
        for path in house.lake.iterdir():
            path.unlink()
        files, variables, change = {"oct.csv": True}, {}, None
        house.deliver("oct.csv", MONTHS["oct.csv"])
        for place, (step, *values) in enumerate(walk):
            if step == "deliver":
                name, is_right = values
                files[name] = is_right
                house.deliver(name, MONTHS[name] if is_right else wrong_version(MONTHS[name]))
            elif step == "set":
                variables = values[0]
            elif step == "feature":
                change = with_a_feature if values[0] else None
            elif step == "kill":
                breaker.build(house, *ALL, at_statement=values[0], variables=variables)
            elif step == "touch":
                for path in house.lake.iterdir():
                    os.utime(path, (values[0], values[0]))
            elif step == "move":
                house.lake = moved(house.lake, Path(folder) / f"lake {place}")
            elif step == "run and test":
                house.run(*ALL, command=("run",), variables=variables, change=change)
                house.run(*ALL, command=("test",), variables=variables, change=change)
            elif step == "retry":
                done = house.run(
                    *ALL, variables=variables, change=failing(values[0], change), DBT_WRITE_JSON="true"
                )
                assert not done.succeeded
                house.run(command=("retry",), variables=variables, change=change)
            else:
                selection = values[0] if "--select" in values[0] else (*ALL, *values[0])
                # what is left out of ALL would fit a model
                if selection == ("--select", "users+"):
                    selection = ("--select", "users", "user_sessions", "user_feature_values")
                rooms = ("core", "marts", "vault", "monitor")
                before = house.contents(*rooms, provenance=True)
                done = house.run(
                    *selection,
                    command=("run",) if step in ("part", "refresh") else ("build",),
                    variables=variables,
                    change=change,
                )
                if not done.succeeded:
                    assert "Nothing was changed." in done.said, done.said[-2000:]
                    assert_same(house.contents(*rooms, provenance=True), before)
        house.build(*ALL, variables=variables, change=change)
        assert_same(house.contents(), fresh(files, variables, change))
