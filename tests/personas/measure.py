"""Measure, on shops of which it is known what must come out, how often it does: run by hand, not by pytest.

``python tests/personas/measure.py clouds`` draws normal clouds without groups, round and with a long axis,
each by a seed named here, and counts how often the fit says so. ``… shops FOLDER …`` fits and judges shops
whose frames (segment_sample, feature_catalog, training_frame, segment_replicates and, where it is known,
truth) lie in folders as Parquet. ``… size 300000`` tells time and memory.
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from joblib.externals.loky import get_reusable_executor
from sklearn.metrics import adjusted_rand_score

from clientele.personas.fit import fit_personas
from clientele.personas.gate import judge
from clientele.personas.prediction import Study, cross_validate
from clientele.personas.settings import Settings

ROUND_SEEDS, LONG_SEEDS = range(1, 21), range(101, 121)
N_USERS, N_FEATURES = 2000, 20
SETTINGS = Settings(as_of=date(2021, 6, 30))


def cloud(seed: int, has_long_axis: bool) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Customers of one normal cloud, its features, and the customers a month ago."""
    chance = np.random.default_rng(seed)
    names = [f"feature_{number}" for number in range(N_FEATURES)]
    values = chance.normal(size=(N_USERS, N_FEATURES))
    if has_long_axis:
        values += chance.normal(size=(N_USERS, 1)) * chance.uniform(0.3, 1.5, N_FEATURES)
    today = pd.DataFrame(values, columns=names).assign(user_sk=np.arange(1, N_USERS + 1))
    before = today.copy()
    before[names] += 0.3 * chance.normal(size=values.shape)
    return today, pd.DataFrame({"feature": names, "block": "one"}), before


def measure_clouds() -> None:
    """Print how many clouds of each kind are called what."""
    for name, seeds, has_long_axis in (("round", ROUND_SEEDS, False), ("long axis", LONG_SEEDS, True)):
        found = []
        for seed in seeds:
            today, catalog, before = cloud(seed, has_long_axis)
            fit = fit_personas(today, catalog, SETTINGS, month_ago=before)
            found.append(fit.status)
            print(name, seed, fit.status, fit.reason, flush=True)
        print(name, pd.Series(found).value_counts().to_dict(), flush=True)


def measure_shop(folder: Path) -> None:
    """Print what a shop's customers are called, how far that is true, and what the gate says."""

    def read(name: str) -> pd.DataFrame:
        return pd.read_parquet(folder / f"{name}.parquet")

    sample, catalog, training = read("segment_sample"), read("feature_catalog"), read("training_frame")
    halves = read("segment_replicates").drop(columns="half")
    began, processor = time.perf_counter(), time.process_time()
    newest = training[training["origin_date"] == training["origin_date"].max()]
    fit = fit_personas(sample, catalog, SETTINGS, halves, newest if len(newest) else None)
    fitted = time.perf_counter()
    evaluations = cross_validate(training, catalog, halves, SETTINGS, Study(n_trees=0))
    verdict = judge(fit.status, fit.evidence, evaluations, SETTINGS, fit.reason)
    print(
        f"## {folder.name}: {verdict.model_status}, {fit.k} segments of {len(sample)} customers; {fit.reason}"
    )
    print(f"{verdict.outcome}: {verdict.sentence}")
    if (folder / "truth.parquet").exists():
        truth = fit.labels.merge(read("truth"), on="user_sk")
        truth = truth[truth["group"].notna()]
        print(f"ARI with the truth {adjusted_rand_score(truth['group'], truth['segment_id']):.3f}")
    figures = fit.diagnostics[fit.diagnostics["metric"].isin({*SETTINGS.bars, "month_ago_ari"})]
    figures = figures.pivot(index="k", columns="metric", values="value")
    print(figures.round(3).to_string())
    print(verdict.criteria.round(4).to_string(index=False))
    print(
        f"fit {fitted - began:.0f} s, judged {time.perf_counter() - fitted:.0f} s, "
        f"{time.process_time() - processor:.0f} processor seconds of this process\n",
        flush=True,
    )


def measure_size(n_users: int) -> None:
    """Print time and memory of a fit and its judgement on so many customers in seven groups."""
    chance = np.random.default_rng(0)
    names = [f"feature_{number}" for number in range(36)]
    centres = chance.normal(size=(7, 36))

    def draw(n: int, noise: float = 1.0) -> tuple[pd.DataFrame, np.ndarray]:
        group = np.arange(n) % 7
        values = centres[group] + noise * chance.normal(size=(n, 36))
        return pd.DataFrame(values, columns=names).assign(user_sk=np.arange(1, n + 1)), group

    catalog = pd.DataFrame({"feature": names, "block": "one"})
    halves = pd.concat([draw(20_000, 1.5)[0] for _ in range(2)])
    months = []
    for month in (4, 5, 6):
        frame, group = draw(min(60_000, n_users))
        recency, orders = chance.integers(1, 90, len(frame)), chance.poisson(1.0, len(frame))
        buys = chance.random(len(frame)) < (0.05 + 0.1 * (orders > 1)) * (1 + group / 7)
        months.append(
            frame.assign(
                origin_date=date(2021, month, 1),
                lifecycle_state=np.where(recency < 30, "active", "at_risk"),
                recency_days=recency,
                n_events=chance.integers(20, 200, len(frame)),
                n_orders=orders,
                revenue=orders * 20.0,
                outcome_purchase=buys.astype(int),
                outcome_revenue_ln=np.where(buys, 3.0, 0.0),
                **{f"outcome_habit_{n}": group + chance.normal(size=len(frame)) for n in range(8)},
            )
        )
    training, (sample, _) = pd.concat(months, ignore_index=True), draw(n_users)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    fit = fit_personas(sample, catalog, SETTINGS, halves, months[-1])
    fitted = time.perf_counter()
    evaluations = cross_validate(training, catalog, halves, SETTINGS)
    judged = time.perf_counter()
    verdict = judge(fit.status, fit.evidence, evaluations, SETTINGS, fit.reason)
    own = resource.getrusage(resource.RUSAGE_SELF)
    get_reusable_executor().shutdown(wait=True)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{n_users} customers: {verdict.model_status}, {fit.k} personas; fit {fitted - began:.1f} s, judged "
        f"{judged - fitted:.1f} s; processor seconds {own.ru_utime + own.ru_stime:.1f} of this process, "
        f"{workers.ru_utime + workers.ru_stime:.1f} of its workers; peak {own.ru_maxrss / 1024:.0f} MB, of "
        f"which {before:.0f} MB when the frames stood"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["clouds"]:
        measure_clouds()
    elif sys.argv[1:2] == ["size"]:
        measure_size(int(sys.argv[2]))
    elif sys.argv[1:2] == ["shops"]:
        for shop in sys.argv[2:]:
            measure_shop(Path(shop))
    else:
        sys.exit(__doc__)
