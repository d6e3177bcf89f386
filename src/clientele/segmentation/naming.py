"""What a segment is like, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clientele.segmentation.preparation import check_catalog, check_table

DICTIONARY_COLUMNS = ("feature", "direction", "part", "phrase_en", "phrase_fr", "priority")
LANGUAGES = ("en", "fr")
DEFAULT = "(default)"


def profile(
    features: pd.DataFrame, labels: pd.DataFrame, catalog: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Describe each segment by its medians against the population's.

    Parameters
    ----------
    features : DataFrame, one row per user
        ``user_sk`` and every feature of the catalog, finite.
    labels : DataFrame, one row per user
        ``user_sk`` and ``segment_id``, for the same users.
    catalog : DataFrame
        As for `clientele.segmentation.fit_personas`.

    Returns
    -------
    profiles : DataFrame, one row per segment and feature
        ``segment_id``, ``feature``, ``block``, ``feature_position``, ``median``, ``population_median``,
        ``robust_z``: the medians' difference over IQR / 1.349, which is the standard deviation of a normal
        distribution; over the standard deviation itself where half of the users share one value.
    summary : DataFrame, one row per segment
        ``segment_id``, ``n_users``, ``user_share`` (0..1).

    Raises
    ------
    ValueError
        A table lacks a column, a value is not finite, or the users differ.
    """
    catalog = check_catalog(catalog)
    names = catalog["feature"].tolist()
    table = check_table(features, names, "features")
    segments = check_table(labels, ["segment_id"], "labels")["segment_id"].astype("int64")
    if len(table) != len(labels) or (table["user_sk"].to_numpy() != np.sort(labels["user_sk"])).any():
        raise ValueError("features and labels hold different users; pass the same ones.")
    values = table[names]
    centre = values.median()
    spread = (values.quantile(0.75) - values.quantile(0.25)) / 1.349
    spread = spread.where(spread > 1e-9, values.std(ddof=0))
    medians = values.groupby(segments).median()
    robust_z = ((medians - centre) / spread.where(spread > 1e-9)).fillna(0.0)
    profiles = pd.DataFrame(
        {
            "segment_id": np.repeat(medians.index.to_numpy(), len(names)),
            "feature": np.tile(names, len(medians)),
            "block": np.tile(catalog["block"], len(medians)),
            "feature_position": np.tile(np.arange(1, len(names) + 1), len(medians)),
            "median": medians.to_numpy().ravel(),
            "population_median": np.tile(centre, len(medians)),
            "robust_z": robust_z.to_numpy().ravel(),
        }
    )
    summary = segments.value_counts().sort_index().rename("n_users").rename_axis("segment_id").reset_index()
    return profiles, summary.assign(user_share=summary["n_users"] / len(segments))


def name_segments(
    profiles: pd.DataFrame,
    dictionary: pd.DataFrame,
    families: Mapping[str, str] | None = None,
    min_z: float = 0.5,
    n_phrases: int = 2,
) -> pd.DataFrame:
    """Name each segment after the features in which it differs most from the population.

    A name is a noun with qualifiers, as in "evening, premium browsers". Qualifiers come from the features
    with the largest absolute robust z (equal to one decimal: the lower priority number), one per block
    while there is a choice. Segments of the same name get their next qualifiers, and a number if these
    run out, so that names are unique in each language.

    Parameters
    ----------
    profiles : DataFrame
        As returned by `profile`.
    dictionary : DataFrame
        ``feature``, ``direction`` (high or low), ``part`` (noun or qualifier), ``phrase_en``,
        ``phrase_fr``, ``priority``. The feature ``(default)`` holds the noun and the qualifier of a
        segment that has no others. ``{family_1}`` stands for a category family.
    families : mapping of str to str, optional
        Family names by placeholder: ``{"family_1": "electronics"}``.
    min_z : float
        Features with a smaller absolute robust z name nothing.
    n_phrases : int
        Qualifiers in a name that is unique with so many.

    Returns
    -------
    DataFrame, one row per segment
        ``segment_id``, ``segment_name_en``, ``segment_name_fr``, ``named_after`` (the qualifiers' features).

    Raises
    ------
    ValueError
        The dictionary lacks a column or a default, or describes something twice.
    """
    phrases = _check_dictionary(dictionary, families or {})
    found = profiles[profiles["robust_z"].abs() >= min_z].copy()
    found["direction"] = np.where(found["robust_z"] > 0, "high", "low")
    found["strength"] = found["robust_z"].abs().round(1)
    found = found.merge(phrases, on=["feature", "direction"]).sort_values(
        ["segment_id", "strength", "priority", "feature_position"], ascending=[True, False, True, True]
    )
    # The features of a block say much the same: the second one is used only when nothing else is left.
    found["is_repeat"] = found.duplicated(["segment_id", "part", "block"])
    found = found.sort_values(["segment_id", "is_repeat"], kind="stable")

    default = phrases[phrases["feature"] == DEFAULT]
    parts: dict[int, dict[str, pd.DataFrame]] = {}
    for segment_id in sorted(profiles["segment_id"].unique()):
        own = found[found["segment_id"] == segment_id]
        for part in ("noun", "qualifier"):
            mine = own[own["part"] == part]
            parts.setdefault(int(segment_id), {})[part] = (
                mine if len(mine) else default[default["part"] == part]
            )
    depth = dict.fromkeys(parts, n_phrases)
    while True:
        names = pd.DataFrame(
            {language: {s: _join(parts[s], depth[s], language) for s in parts} for language in LANGUAGES}
        )
        clashes = names.apply(lambda column: column.duplicated(keep=False)).any(axis=1)
        longer = [s for s in names.index[clashes] if depth[s] < len(parts[s]["qualifier"])]
        if not longer:
            break
        depth.update({s: depth[s] + 1 for s in longer})
    for language in LANGUAGES:
        number = names.groupby(language).cumcount() + 1
        names[language] = names[language].where(number == 1, names[language] + " " + number.astype(str))
    return pd.DataFrame(
        {
            "segment_id": list(parts),
            "segment_name_en": names["en"].to_numpy(),
            "segment_name_fr": names["fr"].to_numpy(),
            "named_after": [", ".join(parts[s]["qualifier"]["feature"][: depth[s]]) for s in parts],
        }
    )


def _join(parts: dict[str, pd.DataFrame], depth: int, language: str) -> str:
    """Qualifiers go before the noun in English and after it in French."""
    qualifiers = ", ".join(parts["qualifier"][f"phrase_{language}"][:depth])
    noun = parts["noun"][f"phrase_{language}"].iloc[0]
    return f"{noun} {qualifiers}" if language == "fr" else f"{qualifiers} {noun}"


def _check_dictionary(dictionary: pd.DataFrame, families: Mapping[str, str]) -> pd.DataFrame:
    """Return the dictionary with family names filled in."""
    missing = set(DICTIONARY_COLUMNS) - set(dictionary.columns)
    if missing:
        raise ValueError(f"The name dictionary lacks the column(s) {sorted(missing)}; add them.")
    if dictionary.duplicated(["feature", "direction", "part"]).any():
        raise ValueError("The name dictionary describes a feature, direction and part twice; keep one row.")
    if set(dictionary.loc[dictionary["feature"] == DEFAULT, "part"]) != {"noun", "qualifier"}:
        raise ValueError(f"The name dictionary needs a {DEFAULT} noun and a {DEFAULT} qualifier; add them.")
    phrases = dictionary[list(DICTIONARY_COLUMNS)].copy()
    for language in LANGUAGES:
        column = phrases[f"phrase_{language}"]
        for placeholder, family in families.items():
            column = column.str.replace(f"{{{placeholder}}}", family, regex=False)
        # A family without a name still reads as one.
        phrases[f"phrase_{language}"] = column.str.replace(r"\{(\w+?)_(\d+)\}", r"\1 \2", regex=True)
    return phrases
