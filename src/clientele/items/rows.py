"""Groups of items and families from company as the rows of a fit: what the dbt Python model calls."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clientele.learning.fields import digest_of, next_number, part_of, to_fields, with_settings

KINDS = {"brand": "brands", "category": "categories"}
ATTRIBUTES = {"category_family": "category family", "brand": "brand"}
WORDS = ("main_family", "price_tier")
KEYS = ("item_kind", "item", "period", "n_customers")
# What is found again less often is a guess: to draw it says nothing of the product.
MIN_RIGHT = 0.5
# A brand of fewer products is not told apart.
MIN_OF_NAME = 5
MAX_NAMES = 30
GROUPS, MODEL, REFUSED = "groups", "model", "refused"


def item_fit_rows(frames: Mapping[str, pd.DataFrame], earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Group items, and learn families from company, if that is due; return the new rows.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request``, ``features``, ``words`` and ``company``: the dbt models item_request, item_features and
        coview_frame, and the seed item_group_words.
    earlier : DataFrame or None
        The rows of ``item_fit_fields`` so far; None when there is no table.

    Returns
    -------
    DataFrame
        Columns of `clientele.learning.fields.SCHEMA`; empty when nothing is due. Parts: ``card``, ``head``
        (what there is of each subject, and why), ``group``, ``label`` (an item's group), ``profile``,
        ``evaluation`` and ``family_draw`` (a row of weights).

    Examples
    --------
    >>> len(item_fit_rows({"request": pd.DataFrame({"is_due": [False]})}, None))
    0
    """
    request = frames["request"].iloc[0]
    if not request["is_due"]:
        return to_fields({})
    parts: dict[str, list[pd.DataFrame]] = {}
    for kind in KINDS if request["items"] == "on" else ():
        for part, rows in _groups_of(kind, frames, earlier).items():
            parts.setdefault(part, []).append(rows)
    for attribute in ATTRIBUTES if request["imputation"] == "on" else ():
        for part, rows in _families_of(attribute, frames["company"]).items():
            parts.setdefault(part, []).append(rows)
    as_of = pd.Timestamp(request["as_of_date"])
    whole = {part: pd.concat(rows, ignore_index=True) for part, rows in parts.items()}
    heads = whole.get("head", pd.DataFrame({"scored_by": []}))
    card = {"origin_date": f"{as_of:%Y-%m-%d}", "scores": bool((heads["scored_by"] != REFUSED).any())}
    whole = {"card": with_settings(pd.DataFrame([card]), request)} | whole
    # what was learnt, and the reasons where nothing was
    learnt = [whole[part] for part in ("head", "label", "family_draw") if part in whole]
    return to_fields(whole, next_number(earlier), f"{as_of:%Y%m%d}-{digest_of(learnt)[:8]}")


def _groups_of(
    kind: str, frames: Mapping[str, pd.DataFrame], earlier: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """Return the parts of one kind of items."""
    # scikit-learn takes a second; most builds fit nothing
    from clientele.items import groups

    table = frames["features"]
    table = table[table["item_kind"] == kind].sort_values(["period", "item"], ignore_index=True)
    own = table[table["period"] == "all"].reset_index(drop=True)
    names = [name for name in table if name not in (*KEYS, *WORDS)]
    subject = {"subject": f"{kind} groups"}
    if reason := groups.refusal(len(own), KINDS[kind]):
        return {"head": pd.DataFrame([subject | {"scored_by": REFUSED, "reason": reason}])}
    early, late = (
        table[table["period"] == period].set_index("item")[names].astype(float)
        for period in ("early", "late")
    )
    both = early.index.intersection(late.index)
    known = groups.reliable(early.loc[both], late.loc[both]) if len(both) >= groups.MIN_ITEMS else None
    # Without two halves of the time nothing says which number is a habit: all are read.
    kept = names if known is None else [name for name in names if known[name] >= groups.MIN_RELIABILITY]
    evaluations = (
        [] if known is None else [_figure(kind, name, 0, "reliability", known[name]) for name in names]
    )
    if not kept:
        return {
            "head": pd.DataFrame([subject | {"scored_by": REFUSED, "reason": _no_habit(kind)}]),
            "evaluation": pd.DataFrame(evaluations),
        }
    numbers, words = own[kept].astype(float), own[list(WORDS)].fillna("").astype(str)
    tried = groups.choose(numbers, words)
    for _, row in tried.iterrows():
        for metric in ("half_ari", "min_share"):
            evaluations.append(_figure(kind, "groups", int(row["n_groups"]), metric, row[metric]))
    if not tried["is_chosen"].any():
        reason = (
            f"No number of groups is found again in halves of the {KINDS[kind]} (ARI {groups.MIN_ARI}) with "
            f"{groups.MIN_SHARE:.0%} in each; the best ARI is {tried['half_ari'].max():.2f}."
        )
        return {
            "head": pd.DataFrame([subject | {"scored_by": REFUSED, "reason": reason}]),
            "evaluation": pd.DataFrame(evaluations),
        }
    n_groups = int(tried.loc[tried["is_chosen"], "n_groups"].iloc[0])
    model = groups.ItemGroups(n_groups).fit(numbers, words)
    tree = groups.gower_tree(numbers, words, n_groups)
    bar = groups.null_bar(numbers, n_groups)
    evaluations.append(_figure(kind, "without groups", n_groups, "half_ari", bar))
    places = own["item"].isin(both).to_numpy()
    if places.sum() >= groups.MIN_ITEMS:
        later = late.loc[own.loc[places, "item"], kept].reset_index(drop=True)
        of_early = early.loc[own.loc[places, "item"], kept].reset_index(drop=True)
        met = words[places].reset_index(drop=True)
        before = groups.ItemGroups(n_groups).fit(of_early, met).labels_
        for method, labels in {
            "groups": before,
            "gower": groups.gower_tree(of_early, met, n_groups),
            "main_family": met["main_family"].to_numpy(),
        }.items():
            told = groups.r_squared_later(labels, later)
            evaluations.append(_figure(kind, method, n_groups, "r_squared_later", told))
    smallest = pd.Series(tree).value_counts(normalize=True).min()
    evaluations.append(_figure(kind, "gower", n_groups, "min_share", smallest))
    ids, change = _ids(kind, own["item"], model.labels_, model.points(numbers, words), earlier)
    profiles = groups.profile(model.labels_, numbers, ids)
    ari = float(tried.loc[tried["is_chosen"], "half_ari"].iloc[0])
    reason = (
        f"{n_groups} groups: the most that halves of the {KINDS[kind]} agree about (ARI {ari:.2f}; "
        f"without any groups {bar:.2f})."
    )
    distance = model.distances(numbers, words)
    distance.sort(axis=1)
    labels = own[["item_kind", "item", "n_customers"]].assign(
        group_id=ids[model.labels_], margin=distance[:, 1] - distance[:, 0]
    )
    return {
        "head": pd.DataFrame([subject | {"scored_by": GROUPS, "reason": reason}]),
        "group": _named(kind, profiles, labels, change, frames["words"], earlier),
        "label": labels,
        "profile": profiles.assign(item_kind=kind),
        "evaluation": pd.DataFrame(evaluations),
    }


def _no_habit(kind: str) -> str:
    return (
        f"No number of the {KINDS[kind]} is alike in both halves of the time: there is no habit to group by."
    )


def _figure(kind: str, method: str, n_groups: int, metric: str, value: float) -> dict[str, object]:
    subject = f"{kind} groups" if kind in KINDS else kind
    return {
        "subject": subject,
        "method": method,
        "n_groups": n_groups,
        "metric": metric,
        "value": float(value),
    }


def _ids(
    kind: str, items: pd.Series, labels: np.ndarray, points: np.ndarray, earlier: pd.DataFrame | None
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the id of each label, and what became of the groups of the newest fit that had some."""
    from clientele.learning.lineage import give_ids, trace

    known = pd.DataFrame() if earlier is None else part_of(earlier, "label")
    known = known[known["item_kind"] == kind] if len(known) else known
    if known.empty:
        ids = np.arange(1, labels.max() + 2)
        return ids, trace(None, ids[labels])
    highest = int(known["group_id"].max())
    newest = known[known["fit_number"] == known["fit_number"].max()].set_index("item")["group_id"]
    shared = items.isin(newest.index).to_numpy()
    if not shared.any() or len(np.unique(labels[shared])) <= labels.max():
        # A group of new items alone cannot be anybody's successor.
        ids = highest + np.arange(1, labels.max() + 2)
        return ids, trace(None, ids[labels])
    before = newest.loc[items[shared]].to_numpy().astype(int)
    ids = give_ids(before, labels[shared], points[shared], highest)
    return ids, trace(before, ids[labels[shared]])


def _named(
    kind: str,
    profiles: pd.DataFrame,
    labels: pd.DataFrame,
    change: pd.DataFrame,
    words: pd.DataFrame,
    earlier: pd.DataFrame | None,
) -> pd.DataFrame:
    from clientele.items.naming import names

    known = pd.DataFrame() if earlier is None else part_of(earlier, "group")
    known = known[known["item_kind"] == kind] if len(known) else None
    known = None if known is None else known.drop_duplicates("group_id", keep="last")
    found = names(profiles, words, known)
    sizes = labels.groupby("group_id").agg(n_items=("item", "size"), n_customers=("n_customers", "min"))
    found = found.merge(sizes.reset_index(), on="group_id").assign(item_kind=kind)
    change = change.rename(columns={"segment_id": "group_id", "from_segment_id": "from_group_id"})
    return found.merge(change[["group_id", "change", "from_group_id", "jaccard"]], on="group_id", how="left")


def _families_of(attribute: str, company: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the parts of one attribute of products that may be missing."""
    from clientele.items import coviews

    company = company.sort_values(["visit", "product_id"], ignore_index=True)
    subject, called = f"{attribute} imputation", ATTRIBUTES[attribute]
    known = (
        company.dropna(subset=[attribute]).drop_duplicates("product_id").set_index("product_id")[attribute]
    )
    # of names that are as frequent the first in the alphabet: rows come in any order
    sizes = known.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    often = sizes[sizes >= MIN_OF_NAME].head(MAX_NAMES).index
    known = known[known.isin(often)].sort_index()
    if reason := coviews.refusal(len(known), known.nunique(), called):
        return {"head": pd.DataFrame([{"subject": subject, "scored_by": REFUSED, "reason": reason}])}
    table = coviews.Coviews(company, known)
    trial = coviews.masked_trial(table, n_repeats=3)
    evaluations = [_figure(subject, "company", len(table.names), metric, trial[metric]) for metric in trial]
    right, guess = trial["right_share"], trial["right_share_largest"]
    if not (right >= MIN_RIGHT and right > guess):
        reason = (
            f"Company finds the {called} of {right:.0%} of the products whose own was hidden, the largest "
            f"one that of {guess:.0%}; {MIN_RIGHT:.0%} and more are asked for."
        )
        head = {"subject": subject, "scored_by": REFUSED, "reason": reason}
        return {"head": pd.DataFrame([head]), "evaluation": pd.DataFrame(evaluations)}
    everything = coviews.draws_of(table, table.n_visits > 0)
    reason = (
        f"Company finds the {called} of {right:.0%} of the products whose own was hidden "
        f"(the largest one: {guess:.0%})."
    )
    return {
        "head": pd.DataFrame([{"subject": subject, "scored_by": MODEL, "reason": reason}]),
        "evaluation": pd.DataFrame(evaluations),
        "family_draw": coviews.weight_rows(everything, table.names).assign(attribute=attribute),
    }
