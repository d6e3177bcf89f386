"""What a fit says of its personas in words: names, and the rules of a surrogate tree, as rows."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from clientele.learning.fields import part_of
from clientele.personas.naming import LANGUAGES, name_segments, profile
from clientele.personas.rules import fit_rules


def description_parts(
    labels: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    known: pd.DataFrame,
    before: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the parts of a fit that describe its personas.

    Parameters
    ----------
    labels : DataFrame, one row per user of the fit
        ``user_sk``, ``segment_id``.
    frames : mapping of str to DataFrame
        ``sample``, ``catalog``, ``names``, ``families``; see `clientele.personas.rows.fit_rows`.
    known : DataFrame
        The fields of earlier fits, from which names are kept; may be empty.
    before : str or None
        ``model_version`` of the model whose ids the labels carry; the newest that has names unless given.

    Returns
    -------
    dict of str to DataFrame
        ``name`` (a row per persona), ``rule`` (a row per rule and feature: above ``above``, up to ``up_to``),
        ``rule_words`` (a row per rule and language) and ``rule_fidelity`` (a row per metric).
    """
    families = _families(frames["families"])
    sample = frames["sample"][frames["sample"]["user_sk"].isin(labels["user_sk"])]
    profiles, summary = profile(sample, labels, frames["catalog"])
    names = name_segments(profiles, frames["names"], families, summary, earlier=_names_so_far(known, before))
    rules = fit_rules(sample, labels, frames["catalog"], families)
    columns = ["segment_id", *(f"segment_name_{language}" for language in LANGUAGES), "named_after"]
    return {
        "name": names[columns],
        "rule": rules.conditions,
        "rule_words": rules.words.rename(columns={"precision": "rule_precision"}),
        "rule_fidelity": rules.fidelity,
    }


def _families(ranked: pd.DataFrame) -> dict[str, str]:
    return {
        f"family_{rank}": str(family).replace("_", " ")
        for rank, family in zip(ranked["family_rank"], ranked["category_family"], strict=True)
    }


def _names_so_far(known: pd.DataFrame, before: str | None) -> dict[int, str]:
    """Return the reasons of the names that a model's segments have, by segment id."""
    found = part_of(known, "name")
    if found.empty:
        return {}
    newest = found["fit_number"] == found["fit_number"].max()
    found = found[newest if before is None else found["model_version"] == before]
    return dict(zip(found["segment_id"].astype(int), found["named_after"].astype(str), strict=True))
