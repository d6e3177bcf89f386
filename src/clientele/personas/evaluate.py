"""Write what is known of the personas of a built warehouse: ``clientele evaluate``.

Reads the warehouse, changes nothing in it. ``evaluation/evaluation.md`` and ``evaluation/comparators.csv`` in
the warehouse's folder hold the gate, the figures behind it, and how other ways to cluster compare.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from clientele import markdown
from clientele.errors import ClienteleError
from clientele.personas import Settings
from clientele.personas.comparators import compare


class EvaluationError(ClienteleError):
    """There is nothing to evaluate; the message says why."""


def evaluate(home: Path, max_users: int = 10_000) -> tuple[Path, Path]:
    """Compare ways to cluster, and write what came of it.

    Parameters
    ----------
    home : Path
        Folder of the warehouse.
    max_users : int
        Users who are clustered, at most.

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
            frames = _read(connection)
    except duckdb.IOException as error:
        raise EvaluationError(
            f"{warehouse} cannot be read while a build runs: {str(error).splitlines()[0]}"
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
        "## Other classifiers of short histories, for the record",
        f"Cohen's kappa with the persona of the whole history, for users not learnt from.\n\n{early}",
    ]
    return "\n\n".join(parts) + "\n"


def _markdown(frame: pd.DataFrame) -> str:
    known = frame.astype(object).where(frame.notna(), None)
    return markdown.table(list(frame.columns), list(known.itertuples(index=False, name=None)))
