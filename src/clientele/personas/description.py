"""What a fit says of its personas in words: names, and the rules of a surrogate tree, as rows."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from clientele.personas.cohorts import COHORT, cohorts, name_cohorts
from clientele.personas.naming import LANGUAGES, name_segments, profile
from clientele.personas.rules import fit_rules


def description_rows(
    labels: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    earlier: pd.DataFrame | None = None,
    before: str | None = None,
) -> list[dict[str, object]]:
    """Return the rows of ``segment_fits`` that describe a fit's personas.

    Parameters
    ----------
    labels : DataFrame, one row per user of the fit
        ``user_sk``, ``segment_id``.
    frames : mapping of str to DataFrame
        ``sample``, ``catalog``, ``names``, ``families``, ``as_of``; see `clientele.personas.rows.fit_rows`.
    earlier : DataFrame or None
        The rows of ``segment_fits`` so far, from which names are kept.
    before : str or None
        ``model_version`` of the model whose ids the labels carry; the newest that has names unless given.

    Returns
    -------
    list of dict
        Row kinds ``name`` (item: a language, ``named_after``, or ``(cohort)`` with the week within which
        most of a persona's members were first seen), ``rule`` (item: a feature; above
        ``clip_lo``, up to ``clip_hi``), ``rule_words`` (item: a language; ``value``: coverage,
        ``feature_mean``: precision) and ``rule_fidelity`` (item: a metric). ``item_position`` of a rule is
        its number.
    """
    families = _families(frames["families"])
    sample = frames["sample"][frames["sample"]["user_sk"].isin(labels["user_sk"])]
    profiles, summary = profile(sample, labels, frames["catalog"])
    names = name_segments(
        profiles, frames["names"], families, summary, earlier=_names_so_far(earlier, before)
    )
    weeks = {}
    if "first_event_date" in sample.columns and len(sample):
        by_user = labels.set_index("user_sk")[["segment_id"]]
        first_day = pd.Timestamp(frames["as_of"]["first_date"].iloc[0]).date()
        weeks = cohorts(by_user, sample.set_index("user_sk")["first_event_date"], first_day)
        names = name_cohorts(names, weeks)
    rows: list[dict[str, object]] = [
        {"row_kind": "name", "segment_id": segment_id, "item": COHORT, "text": f"{week:%Y-%m-%d}"}
        for segment_id, week in weeks.items()
    ]
    rows += [
        {"row_kind": "name", "segment_id": name["segment_id"], "item": item, "text": name[column]}
        for name in names.to_dict("records")
        for item, column in [
            *((language, f"segment_name_{language}") for language in LANGUAGES),
            ("named_after", "named_after"),
        ]
    ]
    rules = fit_rules(sample, labels, frames["catalog"], families)
    rows += (
        rules.conditions.rename(
            columns={
                "feature": "item",
                "rule_number": "item_position",
                "above": "clip_lo",
                "up_to": "clip_hi",
            }
        )
        .assign(row_kind="rule")
        .to_dict("records")
    )
    rows += (
        rules.words.rename(
            columns={
                "language": "item",
                "rule_number": "item_position",
                "words": "text",
                "coverage": "value",
                "precision": "feature_mean",
            }
        )
        .assign(row_kind="rule_words")
        .to_dict("records")
    )
    rows += (
        rules.fidelity.rename(columns={"metric": "item"}).assign(row_kind="rule_fidelity").to_dict("records")
    )
    return rows


def _families(ranked: pd.DataFrame) -> dict[str, str]:
    return {
        f"family_{rank}": str(family).replace("_", " ")
        for rank, family in zip(ranked["family_rank"], ranked["category_family"], strict=True)
    }


def _names_so_far(earlier: pd.DataFrame | None, before: str | None) -> dict[int, str]:
    """Return the reasons of the names that a model's segments have, by segment id."""
    if earlier is None or earlier.empty:
        return {}
    found = earlier[(earlier["row_kind"] == "name") & (earlier["item"] == "named_after")]
    if found.empty:
        return {}
    newest = found["fit_number"] == found["fit_number"].max()
    found = found[newest if before is None else found["model_version"] == before]
    return dict(zip(found["segment_id"].astype(int), found["text"].astype(str), strict=True))
