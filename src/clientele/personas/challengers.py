"""Other models of the same customers before the same judge: what a network would win or lose in this shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from clientele.learning.resampling import hash_sample
from clientele.personas.fit import fit_personas
from clientele.personas.gate import best_base, judge
from clientele.personas.prediction import CHAMPION, PERSONAS, Study, cross_validate, crossed
from clientele.personas.sequences import N_STEPS, ElmanCodes, encode
from clientele.personas.settings import Settings

LINEAR, AUTOENCODER, RECURRENT = "linear", "autoencoder", "recurrent"
CHALLENGER_COLUMNS = (
    "model", "n_users", "n_personas", "standing", "prediction_strength", "half_sample_ari", "min_jaccard",
    "month_ago_ari", "auc_gain", "habit_r2_gain", "habit_r2_gain_low", "habit_r2_over_linear",
    "habit_r2_over_linear_low", "habit_r2_over_linear_high", "outcome", "why",
)  # fmt: skip
# Of the customers, those on whom a recurrent network is learnt; they take no further part.
SHARE_OF_LEARNERS = 1 / 4


@threadpool_limits.wrap(limits=1)
def compare_models(
    frames: Mapping[str, pd.DataFrame], layers: Sequence[int], settings: Settings, study: Study
) -> pd.DataFrame:
    """Fit and judge the linear model, an autoencoder and a recurrent network, each as a challenger is.

    Frames, folds, bars, null and stability are the same for all. The recurrent network is learnt once, from
    customers who take no further part; its code is then a set of features like any other. That favours it: a
    network of its own in each half would differ from half to half as well.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``sample``, ``catalog``, ``replicates``, ``training`` as for `clientele.personas.rows.fit_rows`, and
        ``events`` of the customers of the sample and of the training frame as of their moments: ``user_sk``,
        ``origin_date`` (missing: today) and the columns of `clientele.personas.sequences.encode`.
    layers : sequence of int
        Of the autoencoder.
    settings : Settings
        Without layers.
    study : Study

    Returns
    -------
    DataFrame
        `CHALLENGER_COLUMNS`, a row per model. ``…_gain`` is persona x base against base, by the fair gate;
        ``…_over_linear`` against the linear model's personas x base, which learnt from everybody and is so
        favoured. Missing where there is nothing to measure.
    """
    catalog, training = frames["catalog"], frames["training"]
    replicates = None if frames["replicates"].empty else frames["replicates"].drop(columns="half")
    given = frames["sample"], training, catalog, replicates
    rows, linear = [], None
    for model in (LINEAR, AUTOENCODER, RECURRENT):
        own = replace(settings, layers=tuple(layers)) if model == AUTOENCODER else settings
        sample, months, features, parts = _with_codes(frames, settings) if model == RECURRENT else given
        newest = months["origin_date"] == months["origin_date"].max()
        fit = fit_personas(sample, features, own, parts, months[newest] if len(months) else None)
        found = cross_validate(months, features, parts, own, study, linear if len(months) else None)
        if model == LINEAR and fit.k:
            linear = fit.weights
        rows.append(_row(model, fit, found, own))
    return pd.DataFrame(rows, columns=list(CHALLENGER_COLUMNS))


def _row(model, fit, evaluations: pd.DataFrame, settings: Settings) -> dict[str, object]:
    verdict = judge(fit.status, fit.evidence, evaluations, settings, fit.reason)
    diagnostics = fit.diagnostics
    tried = fit.k or (diagnostics.dropna(subset="passed")["k"].iloc[0] if len(diagnostics) else 0)
    figures = diagnostics[diagnostics["k"] == tried].set_index("metric")["value"]
    base = best_base(evaluations) or "base"
    overall = evaluations[(evaluations["origin"] == "all") & (evaluations["fold"] == 0)]
    overall = overall[overall["model"] == crossed(PERSONAS, base)].set_index(["compared_with", "metric"])

    def of(compared_with: str, metric: str, column: str = "value") -> float:
        key = (compared_with, metric)
        return float(overall.loc[key, column]) if key in overall.index else np.nan

    champion = crossed(CHAMPION, base)
    return {
        "model": model,
        "n_users": int(fit.model_card["n_users"].iloc[0]),
        "n_personas": fit.k,
        "standing": fit.status,
        **{name: figures.get(name, np.nan) for name in CHALLENGER_COLUMNS[4:8]},
        "auc_gain": of(base, "auc"),
        "habit_r2_gain": of(base, "habit_r2"),
        "habit_r2_gain_low": of(base, "habit_r2", "ci_lo"),
        "habit_r2_over_linear": of(champion, "habit_r2"),
        "habit_r2_over_linear_low": of(champion, "habit_r2", "ci_lo"),
        "habit_r2_over_linear_high": of(champion, "habit_r2", "ci_hi"),
        "outcome": verdict.outcome,
        "why": verdict.reason,
    }


def _with_codes(
    frames: Mapping[str, pd.DataFrame], settings: Settings
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Frames whose features are codes of a recurrent network, without those whom it has learnt from."""
    events = frames["events"]
    rows, steps, lengths = encode(events)
    of_row = events.drop_duplicates("row").set_index("row").loc[rows, ["user_sk", "origin_date"]]
    of_row = of_row.reset_index(drop=True)
    users = np.unique(frames["sample"]["user_sk"])
    learners = users[hash_sample(users, int(SHARE_OF_LEARNERS * len(users)), settings.seed + 9)]
    is_today = of_row["origin_date"].isna().to_numpy()
    learns = is_today & of_row["user_sk"].isin(learners).to_numpy()
    network = ElmanCodes(seed=settings.seed).fit(steps[learns], lengths[learns])
    names = [f"code_{unit}" for unit in range(1, network.n_units + 1)]
    tests = ~of_row["user_sk"].isin(learners)
    codes = of_row.join(pd.DataFrame(network.transform(steps, lengths), columns=names))[tests]
    sample = codes[codes["origin_date"].isna()][["user_sk", *names]]
    months = frames["training"].merge(
        codes.dropna(subset="origin_date").astype({"origin_date": frames["training"]["origin_date"].dtype}),
        on=["user_sk", "origin_date"],
    )
    # The earlier and the later half of the steps tell how reliable a code is.
    half, parts = lengths // 2, []
    for begin in (np.zeros_like(half), half):
        place = np.minimum(np.arange(N_STEPS) + begin[:, None], N_STEPS - 1)
        moved, n_moved = steps[np.arange(len(steps))[:, None], place], np.maximum(half, 1)
        part = of_row.join(pd.DataFrame(network.transform(moved, n_moved), columns=names))
        parts.append(part[tests & is_today][["user_sk", *names]])
    return sample, months, pd.DataFrame({"feature": names, "block": "sequence"}), pd.concat(parts)
