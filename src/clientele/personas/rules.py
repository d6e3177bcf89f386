"""A small tree that imitates the personas, so that each can be told in a few plain rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from clientele.learning.resampling import hash_sample
from clientele.personas.naming import fill_families
from clientele.personas.preparation import check_catalog, check_table
from clientele.personas.wording import from_natural, natural, round_as_said, say_value

SEPARATOR = {"en": ": ", "fr": " : "}  # French puts a space before a colon
BOUNDS = {
    "en": {"above": "more than {lo}", "below": "at most {hi}", "between": "between {lo} and {hi}"},
    "fr": {"above": "plus de {lo}", "below": "au plus {hi}", "between": "entre {lo} et {hi}"},
}


@dataclass(frozen=True)
class Rules:
    """What a surrogate tree says of the personas, and how far it may be believed.

    Attributes
    ----------
    conditions : DataFrame, one row per rule and feature
        ``segment_id``, ``rule_number`` (1 = covers most of the persona), ``feature``, ``above``, ``up_to``:
        bounds in the feature's own units, NaN where there is none.
    words : DataFrame, one row per rule and language
        ``segment_id``, ``rule_number``, ``language``, ``words``, ``coverage``: share of the persona's
        held-out users whom the rule catches; ``precision``: share of those whom it catches who have it.
    fidelity : DataFrame, one row per segment and metric
        ``segment_id`` (0: all), ``metric`` (``precision``, ``recall``; ``accuracy`` and ``n_users`` of all),
        ``value``. Measured on held-out users against the persona model's labels, not against any truth.
    """

    conditions: pd.DataFrame
    words: pd.DataFrame
    fidelity: pd.DataFrame


def fit_rules(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    catalog: pd.DataFrame,
    families: Mapping[str, str] | None = None,
    max_leaves: int = 14,
    max_users: int = 50_000,
    held_out: float = 0.2,
    seed: int = 0,
) -> Rules:
    """Imitate the personas with a tree of few leaves, and measure how well it does.

    Thresholds are rounded to the two digits that the words show before anything is measured: the rules that
    people read are the ones whose fidelity is given. Personas count alike, whatever their size.

    Parameters
    ----------
    features, labels : DataFrame, one row per user
        As for `clientele.personas.profile`.
    catalog : DataFrame
        ``feature``, ``block``; optionally ``scale``, ``unit``, ``label``, ``label_fr`` (see
        `clientele.personas.wording`), without which rules speak in the features' own names and units.
    families : mapping of str to str, optional
        Category families by placeholder.
    max_leaves : int
        Leaves of the tree; a persona has as many rules as it has leaves.
    max_users : int
        More are reduced to a fixed sample.
    held_out : float
        Share of users (0..1) that the tree does not see and is judged by.
    seed : int

    Raises
    ------
    ValueError
        A table lacks a column or holds a value that is not finite.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and regression trees. Craven and Shavlik
    (1995), Extracting tree-structured representations of trained networks, for fidelity.
    """
    described = catalog.drop_duplicates("feature").set_index("feature")
    names = check_catalog(catalog)["feature"].tolist()
    table = check_table(features, names, "features")
    chosen = check_table(labels, ["segment_id"], "labels")["segment_id"].to_numpy(dtype="int64")
    if len(table) != len(labels) or (table["user_sk"].to_numpy() != np.sort(labels["user_sk"])).any():
        raise ValueError("features and labels hold different users; pass the same ones.")
    users = table["user_sk"].to_numpy()
    kept = hash_sample(users, max_users, seed)
    judged = np.zeros(len(kept), dtype=bool)
    judged[hash_sample(users[kept], max(1, round(held_out * len(kept))), seed + 1)] = True
    values, labels_kept = table[names].to_numpy(dtype=np.float32)[kept], chosen[kept]

    tree = DecisionTreeClassifier(
        max_leaf_nodes=max_leaves,
        min_samples_leaf=max(5, len(kept) // 200),
        class_weight="balanced",
        random_state=seed,
    ).fit(values[~judged], labels_kept[~judged])
    _round_thresholds(tree, names, described)
    leaves = tree.apply(values[judged])
    said = tree.classes_[tree.tree_.value[:, 0, :].argmax(axis=1)]
    return _describe(tree, names, described, families or {}, leaves, said, labels_kept[judged])


def _round_thresholds(tree: DecisionTreeClassifier, names: list[str], described: pd.DataFrame) -> None:
    thresholds = tree.tree_.threshold
    for node, position in enumerate(tree.tree_.feature):
        if position >= 0:
            scale, unit = _facts(described, names[position])
            said = round_as_said(float(natural(thresholds[node], scale)), unit)
            rounded = float(from_natural(said, scale))
            if np.isfinite(rounded):
                thresholds[node] = rounded


def _facts(described: pd.DataFrame, feature: str) -> tuple[str, str]:
    row = described.loc[feature]
    scale, unit = row.get("scale"), row.get("unit")
    return ("plain" if pd.isna(scale) else str(scale)), ("number" if pd.isna(unit) else str(unit))


def _describe(
    tree: DecisionTreeClassifier,
    names: list[str],
    described: pd.DataFrame,
    families: Mapping[str, str],
    leaves: np.ndarray,
    said: np.ndarray,
    truth: np.ndarray,
) -> Rules:
    fidelity: list[tuple[int, str, float]] = [
        (0, "accuracy", float((said[leaves] == truth).mean())),
        (0, "n_users", float(len(truth))),
    ]
    conditions, words = [], []
    paths = _paths(tree)
    for segment_id in map(int, tree.classes_):
        members, caught = truth == segment_id, said[leaves] == segment_id
        both = float((members & caught).sum())
        fidelity.append((segment_id, "precision", both / caught.sum() if caught.any() else 0.0))
        fidelity.append((segment_id, "recall", both / members.sum() if members.any() else 0.0))
        own = [leaf for leaf in paths if said[leaf] == segment_id]
        coverage = {leaf: float(((leaves == leaf) & members).sum() / max(members.sum(), 1)) for leaf in own}
        for number, leaf in enumerate(sorted(own, key=lambda leaf: (-coverage[leaf], leaf)), start=1):
            bounds = {names[position]: pair for position, pair in sorted(paths[leaf].items())}
            conditions += [(segment_id, number, feature, lo, hi) for feature, (lo, hi) in bounds.items()]
            n_caught = (leaves == leaf).sum()
            precision = float(((leaves == leaf) & members).sum() / n_caught) if n_caught else 0.0
            words += [
                (
                    segment_id,
                    number,
                    language,
                    _say(bounds, described, families, language),
                    coverage[leaf],
                    precision,
                )
                for language in ("en", "fr")
            ]
    return Rules(
        pd.DataFrame(conditions, columns=["segment_id", "rule_number", "feature", "above", "up_to"]),
        pd.DataFrame(
            words, columns=["segment_id", "rule_number", "language", "words", "coverage", "precision"]
        ),
        pd.DataFrame(fidelity, columns=["segment_id", "metric", "value"]),
    )


def _paths(tree: DecisionTreeClassifier) -> dict[int, dict[int, tuple[float, float]]]:
    """Return for each leaf the bounds (above, up to) of the features on its path; NaN: no bound."""
    left, right, feature, threshold = (
        getattr(tree.tree_, name) for name in ("children_left", "children_right", "feature", "threshold")
    )
    found: dict[int, dict[int, tuple[float, float]]] = {}
    waiting: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while waiting:
        node, bounds = waiting.pop()
        if left[node] == right[node]:
            found[node] = bounds
            continue
        position, at = int(feature[node]), float(threshold[node])
        lo, hi = bounds.get(position, (np.nan, np.nan))
        waiting.append((int(left[node]), bounds | {position: (lo, float(np.fmin(hi, at)))}))
        waiting.append((int(right[node]), bounds | {position: (float(np.fmax(lo, at)), hi)}))
    return found


def _say(
    bounds: Mapping[str, tuple[float, float]],
    described: pd.DataFrame,
    families: Mapping[str, str],
    language: str,
) -> str:
    said = []
    for feature, (lo, hi) in bounds.items():
        scale, unit = _facts(described, feature)
        label = described.loc[feature].get("label" if language == "en" else "label_fr")
        label = feature if pd.isna(label) else fill_families(str(label), families)
        kind = "below" if np.isnan(lo) else "above" if np.isnan(hi) else "between"
        texts = {
            name: say_value(float(natural(bound, scale)), unit, language)
            for name, bound in (("lo", lo), ("hi", hi))
            if not np.isnan(bound)
        }
        said.append(label + SEPARATOR[language] + BOUNDS[language][kind].format(**texts))
    return "; ".join(said) if language == "en" else " ; ".join(said)
