"""What a segment is like, and what it is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clientele.personas.preparation import check_catalog, check_table
from clientele.personas.wording import natural

DICTIONARY_COLUMNS = (
    "feature",
    "direction",
    "part",
    "phrase_en",
    "phrase_fr",
    "weight",
    "true_from",
    "among",
)
LANGUAGES = ("en", "fr")
BUYING, VALUE, DEFAULT = "(buying)", "(value)", "(default)"
BUYING_LEVELS = ("repeat_buyers", "one_order_buyers", "buyers", "browsers", "shoppers")

# A name that has been given stays while its reasons hold by these looser bars: a share may fall short of its
# bar by so much, and a robust z by so much.
SLACK = 0.25
Z_SLACK = 0.2
# Robust z beyond this says no more: a feature of which half of the users share one value has no scale.
Z_CAP = 3.0
# A word has to be true of the members themselves, not of their median alone: Cliff's delta against the rest.
MIN_EFFECT = 0.15
# Of whom a feature of this basis says something: of users with at least one of these.
_COUNTED = {"buyers": "n_orders", "carters": "n_carts"}
# Weighted strength below which a second qualifier says too little to lengthen a name.
WORTH_SAYING = 0.4


def profile(
    features: pd.DataFrame, labels: pd.DataFrame, catalog: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Describe each segment by its medians against the population's.

    Parameters
    ----------
    features : DataFrame, one row per user
        ``user_sk`` and every feature of the catalog, finite. With ``n_orders`` and ``revenue``, what the
        users have bought is described too; with ``n_carts``, who has used the cart is known.
    labels : DataFrame, one row per user
        ``user_sk`` and ``segment_id``, for the same users.
    catalog : DataFrame
        As for `clientele.personas.fit_personas`. Optional columns: ``scale``, see
        `clientele.personas.wording.natural`; ``basis``: features of the basis ``buyers`` hold a prior
        mean for whoever never bought, so they are compared among users with an order only, those of the
        basis ``carters`` among users with a cart.

    Returns
    -------
    profiles : DataFrame, one row per segment and feature
        ``segment_id``, ``feature``, ``block``, ``feature_position``, ``median``, ``population_median``,
        ``robust_z``: the medians' difference over IQR / 1.349, which is the standard deviation of a normal
        distribution; over the standard deviation itself where half of the users share one value.
        ``natural_median``: the segment's median in natural units. ``effect``: Cliff's delta, the chance that
        a member has more of the feature than one of the rest less the chance of the opposite (-1..1).
    summary : DataFrame, one row per segment
        ``segment_id``, ``n_users``, ``user_share`` (0..1), ``buyer_share`` (users with an order),
        ``repeat_share`` (of those, users with two orders or more), ``population_buyer_share``,
        ``revenue_ratio`` (mean revenue over the population's; single revenues are capped at the population's
        99th percentile, so that one large order makes nobody valuable). NaN where nothing is known.

    Raises
    ------
    ValueError
        A table lacks a column, a value is not finite, or the users differ.
    """
    described = catalog
    catalog = check_catalog(catalog)
    names = catalog["feature"].tolist()
    extra = [column for column in ("n_orders", "n_carts", "revenue") if column in features.columns]
    table = check_table(features, [*names, *extra], "features")
    segments = check_table(labels, ["segment_id"], "labels")["segment_id"].astype("int64")
    if len(table) != len(labels) or (table["user_sk"].to_numpy() != np.sort(labels["user_sk"])).any():
        raise ValueError("features and labels hold different users; pass the same ones.")
    ids = np.sort(segments.unique())
    scales = _lookup(described, "scale")
    bases = _lookup(described, "basis")
    bought = table["n_orders"] > 0 if "n_orders" in extra else None

    columns = []
    for position, (name, block) in enumerate(zip(names, catalog["block"], strict=True), start=1):
        values, members = table[name], segments
        count = _COUNTED.get(bases.get(name))
        if count in extra:
            concerned = table[count] > 0
            values, members = values[concerned], segments[concerned]
        centre = values.median()
        spread = (values.quantile(0.75) - values.quantile(0.25)) / 1.349
        if not spread > 1e-9:
            spread = values.std(ddof=0)
        medians = values.groupby(members).median().reindex(ids)
        robust_z = ((medians - centre) / spread).fillna(0.0) if spread > 1e-9 else medians * 0.0
        columns.append(
            pd.DataFrame(
                {
                    "segment_id": ids,
                    "feature": name,
                    "block": block,
                    "feature_position": position,
                    "median": medians.to_numpy(),
                    "population_median": centre,
                    "robust_z": robust_z.fillna(0.0).to_numpy(),
                    "natural_median": natural(medians.to_numpy(), scales.get(name, "plain")),
                    "effect": _effects(values, members).reindex(ids).fillna(0.0).to_numpy(),
                }
            )
        )
    profiles = pd.concat(columns).sort_values(["segment_id", "feature_position"]).reset_index(drop=True)
    return profiles, _summary(table, segments, bought)


def _effects(values: pd.Series, members: pd.Series) -> pd.Series:
    """Cliff's delta of each segment's members against all others, by segment id."""
    ranks = values.rank().groupby(members)
    n_own = ranks.size()
    n_rest = len(values) - n_own
    wins = ranks.sum() - n_own * (n_own + 1) / 2
    return (2 * wins / (n_own * n_rest).where(n_rest > 0) - 1).fillna(0.0)


def _lookup(catalog: pd.DataFrame, column: str) -> dict[str, str]:
    if column not in catalog.columns:
        return {}
    filled = catalog[catalog[column].notna()]
    return dict(zip(filled["feature"], filled[column], strict=True))


def _summary(table: pd.DataFrame, segments: pd.Series, bought: pd.Series | None) -> pd.DataFrame:
    summary = segments.value_counts().sort_index().rename("n_users").rename_axis("segment_id").reset_index()
    summary["user_share"] = summary["n_users"] / len(segments)
    for column in ("buyer_share", "repeat_share", "population_buyer_share", "revenue_ratio"):
        summary[column] = np.nan
    if bought is not None:
        summary["buyer_share"] = bought.groupby(segments).mean().to_numpy()
        again = (table["n_orders"] > 1)[bought].groupby(segments[bought]).mean()
        summary["repeat_share"] = summary["segment_id"].map(again).to_numpy(dtype=float)
        summary["population_buyer_share"] = bought.mean()
    if "revenue" in table:
        revenue = table["revenue"].clip(upper=table["revenue"].quantile(0.99))
        if revenue.mean() > 0:
            summary["revenue_ratio"] = (revenue.groupby(segments).mean() / revenue.mean()).to_numpy()
    return summary


@dataclass(frozen=True)
class _Entry:
    """One row of the dictionary: what has to hold, and the words."""

    token: str
    part: str
    phrases: Mapping[str, str]
    weight: float
    conditions: tuple[tuple[str, str], ...]
    true_from: float | None
    among: frozenset[str]
    place: int

    def subjects(self) -> set[str]:
        """Return what the entry speaks of: two entries about one thing repeat or contradict each other."""
        spoken = {feature for feature, _ in self.conditions}
        return spoken | {"order_value_ln"} if self.token.startswith(VALUE) else spoken


@dataclass
class _Portrait:
    """What is known of one segment when it is named."""

    z: dict[str, float]
    natural: dict[str, float]
    effect: dict[str, float]
    block: dict[str, str]
    facts: Mapping[str, float]

    def holds(self, entry: _Entry, min_z: float, kept: bool = False) -> bool:
        """Whether the words are true of the segment: it stands out, and they are true by themselves."""
        if entry.token.startswith((BUYING, VALUE)):
            return self._level_holds(entry.token.split(":")[1], SLACK if kept else 0.0)
        if any(feature not in self.z for feature, _ in entry.conditions):
            return False
        bar = min_z - Z_SLACK if kept else min_z
        if any(self.z[feature] * sign(direction) < bar for feature, direction in entry.conditions):
            return False
        if any(
            self.effect[feature] * sign(direction) < MIN_EFFECT for feature, direction in entry.conditions
        ):
            return False
        if kept and entry.among and not any(self._level_holds(level, SLACK) for level in entry.among):
            return False
        if not kept and entry.among and self.buying_level() not in entry.among:
            return False
        if entry.true_from is None:
            return True
        leeway = SLACK * abs(entry.true_from) if kept else 0.0
        return all(
            (self.natural[feature] - entry.true_from) * sign(direction) >= -leeway
            for feature, direction in entry.conditions
        )

    def strength(self, entry: _Entry) -> float:
        """How much the reader learns: the largest capped robust z, weighted by how much a reader cares."""
        z = max((abs(self.z.get(feature, 0.0)) for feature, _ in entry.conditions), default=0.0)
        return round(min(z, Z_CAP) * entry.weight, 1)

    def blocks(self, entry: _Entry) -> set[str]:
        """Return the blocks of the entry's features."""
        return {self.block[feature] for feature, _ in entry.conditions if feature in self.block}

    def buying_level(self) -> str:
        """Return the first level that holds; the last one always does."""
        return next(level for level in BUYING_LEVELS if self._level_holds(level, 0.0))

    def _level_holds(self, level: str, slack: float) -> bool:
        share, again = self.facts.get("buyer_share", np.nan), self.facts.get("repeat_share", np.nan)
        everybody = self.facts.get("population_buyer_share", np.nan)
        less, more = 1 - slack, 1 + slack
        if level == "repeat_buyers":
            return bool(share >= less * 2 / 3 and share * again >= 1 / 2)
        if level == "one_order_buyers":
            return bool(share >= less * 2 / 3 and again <= more / 4)
        if level == "buyers":
            # most of them have to be, also where the name is kept
            return bool(share >= 1 / 2)
        if level == "browsers":
            return bool(share <= more * everybody / 2 and share < more / 2)
        if level == "high":
            return bool(self.facts.get("revenue_ratio", np.nan) >= less * 2 and share >= less / 2)
        # The level that is left: also where nothing is known of purchases.
        return not (share >= more / 2 or share <= less * everybody / 2)


def sign(direction: str) -> int:
    """Return 1 for high and -1 for low."""
    return {"high": 1, "low": -1}[direction]


def name_segments(
    profiles: pd.DataFrame,
    dictionary: pd.DataFrame,
    families: Mapping[str, str] | None = None,
    summary: pd.DataFrame | None = None,
    earlier: Mapping[int, str] | None = None,
    min_z: float = 0.5,
    n_qualifiers: int = 2,
) -> pd.DataFrame:
    """Name each segment after what its users buy and the habits in which they differ most from everybody.

    A name is a noun with qualifiers, as in "High-value premium repeat buyers". The noun says whether they
    buy, unless one of the dictionary's nouns fits ("cart abandoners"). Qualifiers are the value level and
    the features with the largest absolute robust z, weighted by how much a reader cares, at most one per
    block. Words are used only where they are true by themselves, not just by comparison: "weekend" needs
    a persona whose median customer really comes on weekends. Segments of the same name get further
    qualifiers, and a number if these run out, so that names are unique in each language.

    Parameters
    ----------
    profiles : DataFrame
        As returned by `profile`; without ``natural_median`` and ``effect`` nothing is asked of a phrase but
        its z.
    dictionary : DataFrame
        `DICTIONARY_COLUMNS`, as seeds/segment_names.csv and its yml describe them.
    families : mapping of str to str, optional
        Category families by placeholder: ``{"family_1": "electronics"}``.
    summary : DataFrame, optional
        As returned by `profile`. Without it the noun says nothing about buying.
    earlier : mapping of int to str, optional
        ``named_after`` by segment id, from the model whose ids these segments carry. Such a name is kept
        while its reasons hold, by looser bars.
    min_z : float
        Features with a smaller absolute robust z name nothing.
    n_qualifiers : int
        Qualifiers from features in a name that is unique with so many.

    Returns
    -------
    DataFrame, one row per segment
        ``segment_id``, ``segment_name_en``, ``segment_name_fr``, ``named_after``: the reasons, as tokens.

    Raises
    ------
    ValueError
        The dictionary lacks a column, a level or the default, or describes something twice.
    """
    entries = _read_dictionary(dictionary, families or {})
    portraits = _portraits(profiles, summary)
    chosen: dict[int, list[_Entry]] = {}
    spare: dict[int, list[_Entry]] = {}
    kept = set()
    for segment_id, portrait in portraits.items():
        old = [entries.get(token) for token in (earlier or {}).get(segment_id, "").split(", ") if token]
        if old and all(entry and portrait.holds(entry, min_z, kept=True) for entry in old):
            chosen[segment_id] = [entry for entry in old if entry]
            kept.add(segment_id)
        else:
            chosen[segment_id] = _choose(portrait, entries.values(), min_z, n_qualifiers)
        spare[segment_id] = _spare(portrait, entries.values(), chosen[segment_id], min_z)

    order = _block_order(profiles)
    while True:
        names = pd.DataFrame(
            {
                language: {s: _render(chosen[s], portraits[s], order, language) for s in portraits}
                for language in LANGUAGES
            }
        )
        clashes = [
            s for s in names.index if (names.loc[s] == names.drop(index=s)).any(axis=None) and spare[s]
        ]
        # A name that was given before is changed only when no other way is left.
        longer = [s for s in clashes if s not in kept] or clashes
        if not longer:
            break
        for segment_id in longer:
            chosen[segment_id] = [
                entry for entry in chosen[segment_id] if not entry.token.startswith(DEFAULT)
            ]
            chosen[segment_id].append(spare[segment_id].pop(0))
    for language in LANGUAGES:
        number = names.groupby(language).cumcount() + 1
        names[language] = names[language].where(number == 1, names[language] + " " + number.astype(str))
    return pd.DataFrame(
        {
            "segment_id": list(portraits),
            "segment_name_en": names["en"].to_numpy(),
            "segment_name_fr": names["fr"].to_numpy(),
            "named_after": [", ".join(entry.token for entry in chosen[s]) for s in portraits],
        }
    )


def _portraits(profiles: pd.DataFrame, summary: pd.DataFrame | None) -> dict[int, _Portrait]:
    facts = {} if summary is None else summary.set_index("segment_id").to_dict("index")
    found = {}
    for segment_id, rows in profiles.groupby("segment_id", sort=True):
        block = dict(zip(rows["feature"], rows["block"], strict=True))
        z = dict(zip(rows["feature"], rows["robust_z"], strict=True))
        known = dict(zip(rows["feature"], rows.get("natural_median", rows["robust_z"]), strict=True))
        boundless = {feature: value * np.inf if value else 0.0 for feature, value in z.items()}
        if "natural_median" not in rows:
            known = boundless
        effect = dict(zip(rows["feature"], rows["effect"], strict=True)) if "effect" in rows else boundless
        found[int(segment_id)] = _Portrait(z, known, effect, block, facts.get(segment_id, {}))
    return found


def _block_order(profiles: pd.DataFrame) -> dict[str, int]:
    """Blocks in the catalog's order: the value comes first in an English name, the category last."""
    blocks = profiles.sort_values("feature_position")["block"].drop_duplicates().tolist()
    if "breadth" in blocks:
        blocks = [*(block for block in blocks if block != "breadth"), "breadth"]
    return {block: place for place, block in enumerate(blocks)}


def _choose(portrait: _Portrait, entries: Iterable[_Entry], min_z: float, n_qualifiers: int) -> list[_Entry]:
    """Return a segment's noun and qualifiers."""
    entries = list(entries)
    buying = portrait.buying_level()
    nouns = [entry for entry in entries if entry.part == "noun" and portrait.holds(entry, min_z)]
    own = _ranked(portrait, [entry for entry in nouns if entry.conditions], used=set())
    chosen = own[:1] or [entry for entry in nouns if entry.token == f"{BUYING}:{buying}"]
    chosen += [entry for entry in entries if entry.token.startswith(VALUE) and portrait.holds(entry, min_z)]
    # A noun of the dictionary is itself what sets the segment apart: one qualifier fewer is needed.
    for _ in range(n_qualifiers - len(own[:1])):
        used = _blocks(portrait, chosen)
        found = [e for e in _spare(portrait, entries, chosen, min_z) if not portrait.blocks(e) & used]
        found_reason = any(entry.conditions for entry in chosen) or len(chosen) > 1
        if not found or (found_reason and portrait.strength(found[0]) < WORTH_SAYING):
            break
        chosen.append(found[0])
    if chosen == [entry for entry in chosen if entry.token.startswith(BUYING)]:
        chosen += [entry for entry in entries if entry.token.startswith(DEFAULT)]
    return chosen


def _spare(
    portrait: _Portrait, entries: Iterable[_Entry], chosen: list[_Entry], min_z: float
) -> list[_Entry]:
    """Return the other qualifiers that hold, the best first; those of a block that is named come last."""
    said = {subject for entry in chosen for subject in entry.subjects()}
    found = [
        entry
        for entry in entries
        if entry.part == "qualifier"
        and entry.conditions
        and entry.weight > 0
        and not said & entry.subjects()
        and portrait.holds(entry, min_z)
    ]
    return _ranked(portrait, found, _blocks(portrait, chosen))


def _ranked(portrait: _Portrait, entries: list[_Entry], used: set[str]) -> list[_Entry]:
    return sorted(
        entries,
        key=lambda entry: (bool(portrait.blocks(entry) & used), -portrait.strength(entry), entry.place),
    )


def _blocks(portrait: _Portrait, chosen: list[_Entry]) -> set[str]:
    return {block for entry in chosen for block in portrait.blocks(entry)}


def _render(chosen: list[_Entry], portrait: _Portrait, order: Mapping[str, int], language: str) -> str:
    """Put the qualifiers around the noun; each phrase has a ``*`` where the noun goes."""
    name = next(entry.phrases[language] for entry in chosen if entry.part == "noun")
    places = {
        entry.token: min((order.get(block, 0) + 1 for block in portrait.blocks(entry)), default=0)
        for entry in chosen
    }
    # What is said last stands closest to the noun on its left, and furthest from it on its right.
    qualifiers = sorted(
        (entry for entry in chosen if entry.part == "qualifier"),
        key=lambda entry: (places[entry.token], entry.place),
    )
    phrases = [entry.phrases[language] for entry in qualifiers]
    before = [phrase.removesuffix(" *") for phrase in phrases if phrase.endswith("*")]
    after = [phrase.removeprefix("* ") for phrase in phrases if phrase.startswith("*")]
    if language == "fr":
        after.reverse()
    clauses = [phrase for phrase in after if phrase.startswith(("who ", "qui "))]
    plain = [phrase for phrase in after if phrase not in clauses]
    joined = {"en": " and ", "fr": " et "}[language].join(
        [clause if not position else clause.split(" ", 1)[1] for position, clause in enumerate(clauses)]
    )
    name = " ".join([*before, name, *plain, *([joined] if joined else [])])
    return name[:1].upper() + name[1:]


def _read_dictionary(dictionary: pd.DataFrame, families: Mapping[str, str]) -> dict[str, _Entry]:
    """Return the dictionary's entries by token, with family names filled in; check them first."""
    missing = set(DICTIONARY_COLUMNS) - set(dictionary.columns)
    if missing:
        raise ValueError(f"The name dictionary lacks the column(s) {sorted(missing)}; add them.")
    if dictionary.duplicated(["feature", "direction", "part"]).any():
        raise ValueError("The name dictionary describes a feature, direction and part twice; keep one row.")
    levels = set(dictionary.loc[dictionary["feature"] == BUYING, "direction"])
    if levels != set(BUYING_LEVELS):
        raise ValueError(
            f"The name dictionary needs a {BUYING} noun for each of {', '.join(BUYING_LEVELS)}; it has "
            f"{', '.join(sorted(levels)) or 'none'}."
        )
    if DEFAULT not in set(dictionary["feature"]):
        raise ValueError(f"The name dictionary needs a {DEFAULT} qualifier; add it.")
    entries = {}
    for place, row in enumerate(dictionary.sort_values(["feature", "direction", "part"]).to_dict("records")):
        token = f"{row['feature']}:{row['direction']}"
        if row["part"] == "noun" and not token.startswith(BUYING):
            token += ":noun"
        phrases = {
            language: fill_families(str(row[f"phrase_{language}"]), families) for language in LANGUAGES
        }
        for language, phrase in phrases.items():
            if row["part"] == "qualifier" and not (phrase.startswith("* ") or phrase.endswith(" *")):
                raise ValueError(
                    f"The name dictionary's phrase_{language} of {token} is {phrase!r}; put a * before or "
                    "after the words, where the noun goes."
                )
        entries[token] = _Entry(
            token=token,
            part=row["part"],
            phrases=phrases,
            weight=float(row["weight"]),
            conditions=_conditions(row["feature"], row["direction"]),
            true_from=None if pd.isna(row["true_from"]) else float(row["true_from"]),
            among=frozenset() if pd.isna(row["among"]) else frozenset(row["among"].split()),
            place=place,
        )
    return entries


def _conditions(feature: str, direction: str) -> tuple[tuple[str, str], ...]:
    if feature in (BUYING, VALUE, DEFAULT):
        return ()
    features, directions = feature.split("+"), direction.split("_")
    if len(directions) == 1:
        directions *= len(features)
    if len(directions) != len(features) or not set(directions) <= {"high", "low"}:
        raise ValueError(
            f"The name dictionary's direction of {feature} is {direction!r}; write high or low, once for "
            "all its features or once for each, as in low_high."
        )
    return tuple(zip(features, directions, strict=True))


def fill_families(text: str, families: Mapping[str, str]) -> str:
    """Replace ``{family_1}`` by the family's name; a family without one still reads as one."""
    for placeholder, family in families.items():
        text = text.replace(f"{{{placeholder}}}", family)
    return re.sub(r"\{(\w+?)_(\d+)\}", r"\1 \2", text)
