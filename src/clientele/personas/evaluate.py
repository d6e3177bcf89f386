"""Write what is known of the personas of a built warehouse: ``clientele evaluate``.

Reads the warehouse, changes nothing in it. ``evaluation/evaluation.md`` and ``evaluation/comparators.csv`` in
the warehouse's folder hold the gate, the figures behind it, and how other ways to cluster compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd

from clientele import markdown
from clientele.errors import ClienteleError
from clientele.personas import Settings
from clientele.personas.comparators import compare
from clientele.personas.sequences import KINDS, N_STEPS


class EvaluationError(ClienteleError):
    """There is nothing to evaluate; the message says why."""


def evaluate(home: Path, max_users: int = 10_000, layers: Sequence[int] = ()) -> tuple[Path, Path]:
    """Compare ways to cluster, and write what came of it.

    With `layers` an autoencoder and a recurrent network are judged, too (``challengers.csv``); it takes some
    minutes, and needs the frames of a build that has fitted: the one before, or ``--vars 'refit: true'``.

    Parameters
    ----------
    home : Path
        Folder of the warehouse.
    max_users : int
        Users who are clustered, at most.
    layers : sequence of int
        Units of an autoencoder's layers; empty: no network is judged.

    Returns
    -------
    tuple of Path
        The page and the table that were written.

    Raises
    ------
    EvaluationError
        There is no warehouse, a build is at work in it, another version built it, or it has no personas.
    """
    warehouse = home / "warehouse.duckdb"
    if not warehouse.exists():
        raise EvaluationError(f"{warehouse} is not there: run dbt build first, or name another folder.")
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            frames = _read(connection) | (_read_histories(connection) if layers else {})
    except duckdb.IOException as error:
        raise EvaluationError(
            f"{warehouse} cannot be read, as while a build runs: {str(error).splitlines()[0]}"
        ) from None
    except duckdb.CatalogException as error:
        raise EvaluationError(
            f"{warehouse} was built by another version: {str(error).splitlines()[0]}"
        ) from None
    model = frames["model"]
    if model.empty or not model["n_segments"].item():
        raise EvaluationError("There is no persona model to compare with; core.segment_models says why.")

    comparators = compare(
        frames["sample"],
        frames["catalog"],
        None if frames["replicates"].empty else frames["replicates"].drop(columns="half"),
        int(model["n_segments"].item()),
        Settings(as_of=pd.Timestamp(model["as_of_at"].item()).date()),
        max_users,
    )
    folder = home / "evaluation"
    folder.mkdir(exist_ok=True)
    if layers:
        from clientele.personas.challengers import compare_models
        from clientele.personas.prediction import Study

        settings = Settings(as_of=pd.Timestamp(model["as_of_at"].item()).date())
        frames["challengers"] = compare_models(frames, layers, settings, Study(n_trees=0))
        frames["challengers"].to_csv(folder / "challengers.csv", index=False, float_format="%.4f")
    comparators.to_csv(folder / "comparators.csv", index=False, float_format="%.4f")
    (folder / "evaluation.md").write_text(_page(frames, comparators))
    return folder / "evaluation.md", folder / "comparators.csv"


def _read(connection: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame]:
    newest = "fit_number = (select max(fit_number) from core.segment_models where n_segments > 0)"
    frames = {
        name: connection.table(f"core.{table}").df()
        for name, table in {
            "sample": "segment_sample",
            "catalog": "feature_catalog",
            "replicates": "segment_replicates",
        }.items()
    }
    frames["model"] = connection.sql(
        "select model_version, n_segments, gate, decision, decision_reason, as_of_at "
        f"from core.segment_models cross join core.as_of where {newest}"
    ).df()
    frames["gate"] = connection.sql(
        "select criterion, compared_with, bar, value, ci_lo, verdict from monitor.segment_gates "
        f"where {newest} order by criterion_position"
    ).df()
    frames["figures"] = connection.sql(
        "select model, compared_with, metric, value, ci_lo, ci_hi, n_users from monitor.segment_evaluations "
        f"where origin = 'all' and fold = 0 and {newest} order by metric, compared_with, model"
    ).df()
    frames["early"] = connection.sql(
        "select n_events, classifier, kappa, kappa_low, kappa_high, n_users "
        f"from monitor.early_classifiers where {newest} order by n_events, kappa desc, classifier"
    ).df()
    return frames


def _read_histories(connection: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame]:
    """Read what is known at each origin, and the last events of every history as of its moment."""
    if not connection.sql("select count(*) from core.segment_replicates").fetchall()[0][0]:
        raise EvaluationError("The last build has fitted nothing: build once more with --vars 'refit: true'.")
    events = f"""
        with histories as (
            select user_sk, cast(null as date) as origin_date from core.segment_sample
            union all
            select user_sk, origin_date from core.training_frame
        ),

        numbered as (
            select row_number() over (order by user_sk, origin_date nulls last) as row, * from histories
        )

        select numbered.row, numbered.user_sk, numbered.origin_date, events.event_type, events.session_sk,
            events.product_id, events.event_at
        from numbered
        inner join core.events as events
            on numbered.user_sk = events.user_sk
                and (numbered.origin_date is null or events.event_at < numbered.origin_date)
        where events.event_type in ({", ".join(f"'{kind}'" for kind in KINDS)})
        qualify row_number() over (
            partition by numbered.row
            order by
                events.event_at desc, events.session_sk desc, events.product_id desc, events.event_type desc
        ) <= {N_STEPS}
        order by numbered.row, events.event_at, events.session_sk, events.product_id, events.event_type
    """
    return {"training": connection.table("core.training_frame").df(), "events": connection.sql(events).df()}


def _page(frames: dict[str, pd.DataFrame], comparators: pd.DataFrame) -> str:
    model = frames["model"].iloc[0]
    early = (
        _markdown(frames["early"])
        if len(frames["early"])
        else "Not measured. A build with `--vars 'compare_early: true'` measures them with this model."
    )
    parts = [
        "# Evaluation of the persona model",
        f"Model {model['model_version']}, {int(model['n_segments'])} personas, {model['decision']}: "
        f"{model['decision_reason']}",
        "## The gate",
        _markdown(frames["gate"]),
        "## Figures, all months and folds",
        _markdown(frames["figures"]),
        "## Other ways to cluster, for the record",
        "On the same embedding, with as many clusters (HDBSCAN finds its own number).",
        _markdown(comparators),
        *(
            [
                "## Networks before the same judge",
                "What each adds to the best base, and to what the linear model adds.",
                _markdown(frames["challengers"]),
            ]
            if "challengers" in frames
            else []
        ),
        "## Other classifiers of short histories, for the record",
        f"Cohen's kappa with the persona of the whole history, for users not learnt from.\n\n{early}",
    ]
    return "\n\n".join(parts) + "\n"


def _markdown(frame: pd.DataFrame) -> str:
    known = frame.astype(object).where(frame.notna(), None)
    return markdown.table(list(frame.columns), list(known.itertuples(index=False, name=None)))
