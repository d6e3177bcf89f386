"""What a group of items is called: by the two numbers in which it stands out most."""

from __future__ import annotations

import pandas as pd

LANGUAGES = ("en", "fr")
MIN_Z = 0.5
_MIDDLE = {"en": "middle of the range", "fr": "milieu de gamme"}


def names(profiles: pd.DataFrame, words: pd.DataFrame, earlier: pd.DataFrame | None = None) -> pd.DataFrame:
    """Name each group; a group that had a name keeps it.

    Parameters
    ----------
    profiles : DataFrame
        As of `clientele.items.groups.profile`.
    words : DataFrame
        ``feature``, ``direction`` (high or low), ``phrase_en`` and ``phrase_fr``: the dictionary.
    earlier : DataFrame or None
        ``group_id``, ``group_name`` and ``group_name_fr`` of the groups before.

    Returns
    -------
    DataFrame
        ``group_id``, ``group_name``, ``group_name_fr``; no name is there twice.

    Examples
    --------
    >>> profiles = pd.DataFrame({"group_id": [1, 2], "feature": "price", "feature_position": 1,
    ...                          "robust_z": [2.0, -0.1]})
    >>> words = pd.DataFrame([["price", "high", "dear", "cher"]],
    ...                      columns=["feature", "direction", "phrase_en", "phrase_fr"])
    >>> names(profiles, words)["group_name"].tolist()
    ['Dear', 'Middle of the range']
    """
    phrases = {
        (row["feature"], row["direction"]): [row[f"phrase_{language}"] for language in LANGUAGES]
        for _, row in words.iterrows()
    }
    known = {} if earlier is None else {int(row["group_id"]): row for _, row in earlier.iterrows()}
    given: set[tuple[str, ...]] = set()
    rows = []
    for group, own in profiles.groupby("group_id"):
        if group in known:
            found = known[group]["group_name"], known[group]["group_name_fr"]
        else:
            found = _name(own, phrases, given)
        given.add(found)
        rows.append({"group_id": int(group), "group_name": found[0], "group_name_fr": found[1]})
    return pd.DataFrame(rows)


def _name(
    own: pd.DataFrame, phrases: dict[tuple[str, str], list[str]], given: set[tuple[str, ...]]
) -> tuple[str, ...]:
    strength = own["robust_z"].abs()
    telling = own[strength >= MIN_Z].assign(strength=strength)
    telling = telling.sort_values(["strength", "feature_position"], ascending=[False, True])
    said = []
    for _, row in telling.iterrows():
        direction = "high" if row["robust_z"] > 0 else "low"
        if phrase := phrases.get((row["feature"], direction)):
            said.append(phrase)
    # Two phrases are a name; a third one, and a number, only where the name is taken.
    for length in range(2, max(len(said), 2) + 1):
        parts = said[:length] or [[_MIDDLE[language] for language in LANGUAGES]]
        found = tuple(_capital(", ".join(part[place] for part in parts)) for place in range(len(LANGUAGES)))
        if found not in given:
            return found
    number = 2
    while (numbered := tuple(f"{name} ({number})" for name in found)) in given:
        number += 1
    return numbered


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
