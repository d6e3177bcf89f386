"""Segment names: true, readable, unique, stable, and from a dictionary that covers every feature."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from clientele.personas import name_segments, profile
from clientele.personas.cohorts import cohorts, name_cohorts

ROOT = Path(__file__).parents[2]
DICTIONARY = pd.read_csv(ROOT / "seeds" / "segment_names.csv")
BLOCKS = {
    "sessions_per_week_ln": "intensity",
    "session_seconds_ln": "intensity",
    "products_per_session_ln": "intensity",
    "purchase_rate_logit": "funnel",
    "cart_rate_logit": "funnel",
    "abandoned_carts_logit": "funnel",
    "price_level_z": "price",
    "order_value_ln": "price",
    "top_category_logit": "breadth",
    "family_1_logit": "breadth",
    "evening_logit": "timing",
    "weekend_logit": "timing",
}
BROWSERS = {"buyer_share": 0.02, "repeat_share": 0.0, "population_buyer_share": 0.3, "revenue_ratio": 0.1}
SHOPPERS = BROWSERS | {"buyer_share": 0.3, "revenue_ratio": 0.8}
ONE_ORDER = BROWSERS | {"buyer_share": 0.9, "repeat_share": 0.1, "revenue_ratio": 1.1}
LOYAL = BROWSERS | {"buyer_share": 0.9, "repeat_share": 0.8, "revenue_ratio": 4.0}
EVENING = {"evening_logit": 1.2, "price_level_z": 0.8, "session_seconds_ln": 0.4}


def profiles(*segments: dict[str, float], natural: dict[str, float] | None = None) -> pd.DataFrame:
    """Profiles of segments 1, 2, … with the robust z given and 0 elsewhere."""
    rows = pd.DataFrame(
        [
            (number, feature, block, position, segment.get(feature, 0.0))
            for number, segment in enumerate(segments, start=1)
            for position, (feature, block) in enumerate(BLOCKS.items(), start=1)
        ],
        columns=["segment_id", "feature", "block", "feature_position", "robust_z"],
    )
    return rows if natural is None else rows.assign(natural_median=rows["feature"].map(natural).fillna(0.0))


def summary(*facts: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(facts).assign(segment_id=range(1, len(facts) + 1))


def names(*segments: dict[str, float], language: str = "en", facts=None, **options) -> list[str]:
    named = name_segments(
        profiles(*segments), DICTIONARY, summary=None if facts is None else summary(*facts), **options
    )
    return named[f"segment_name_{language}"].tolist()


def test_a_name_says_what_stands_out():
    assert names(EVENING) == ["Premium evening shoppers"]
    assert names(EVENING, language="fr") == ["Clients du soir haut de gamme"]
    named_after = name_segments(profiles(EVENING), DICTIONARY)["named_after"].item()
    assert named_after == "(buying):shoppers, evening_logit:high, price_level_z:high"


@pytest.mark.parametrize(
    ("facts", "english", "french"),
    [
        (BROWSERS, "Budget browsers", "Visiteurs à petits prix"),
        (SHOPPERS, "Budget shoppers", "Clients à petits prix"),
        (ONE_ORDER, "Budget one-order buyers", "Acheteurs à commande unique à petits prix"),
        (LOYAL, "High-value budget repeat buyers", "Acheteurs récurrents à petits prix à forte valeur"),
        (LOYAL | {"repeat_share": 0.4, "revenue_ratio": 1}, "Budget buyers", "Acheteurs à petits prix"),
    ],
)
def test_the_noun_says_whether_they_buy(facts, english, french):
    budget = {"price_level_z": -1.0}
    assert names(budget, facts=[facts]) == [english]
    assert names(budget, facts=[facts], language="fr") == [french]


def test_a_noun_of_the_dictionary_goes_before_browsers_and_not_before_buyers():
    abandoning = {"cart_rate_logit": 1.8, "abandoned_carts_logit": 2.7}
    assert names(abandoning, facts=[SHOPPERS]) == ["Cart abandoners"]
    assert names(abandoning, facts=[LOYAL]) == ["High-value cart-abandoning repeat buyers"]
    assert names({"cart_rate_logit": 1.8, "abandoned_carts_logit": 0.2}, facts=[SHOPPERS]) == [
        "Cart-filling shoppers"
    ]


def test_high_value_says_enough_about_money():
    assert names({"order_value_ln": -2.0}, facts=[LOYAL]) == ["High-value repeat buyers"]


def test_words_are_used_only_where_they_are_true_by_themselves():
    weekend = {"weekend_logit": 1.5}
    for share, name in ((0.45, "Weekend shoppers"), (0.35, "Shoppers like everybody")):
        rows = profiles(weekend, natural={"weekend_logit": share})
        assert name_segments(rows, DICTIONARY)["segment_name_en"].item() == name
    daytime = profiles({"evening_logit": -1.5}, natural={"evening_logit": 0.3})
    assert name_segments(daytime, DICTIONARY)["segment_name_en"].item() == "Shoppers like everybody"


def test_a_word_is_true_of_the_members_and_not_of_their_median_alone():
    """Cliff's delta decides: a median that stands out and members who do not are no claim."""
    rows = profiles(EVENING, natural={"evening_logit": 0.6, "price_level_z": 0.8})
    for effect, name in ((0.15, "Premium evening shoppers"), (0.149, "Premium shoppers")):
        effects = rows["feature"].map({"evening_logit": effect, "price_level_z": 0.3}).fillna(0.0)
        assert name_segments(rows.assign(effect=effects), DICTIONARY)["segment_name_en"].item() == name
        # The bar holds for names that were given before as well.
        kept = {1: "(buying):shoppers, evening_logit:high, price_level_z:high"}
        named = name_segments(rows.assign(effect=effects), DICTIONARY, earlier=kept)
        assert named["segment_name_en"].item() == name


def test_effects_are_cliff_s_delta_against_the_rest():
    chance = np.random.default_rng(5)
    table = pd.DataFrame({"user_sk": range(60), **{name: chance.integers(0, 6, 60) / 2.0 for name in BLOCKS}})
    labels = pd.DataFrame({"user_sk": range(60), "segment_id": chance.integers(1, 4, 60)})
    catalog = pd.DataFrame({"feature": list(BLOCKS), "block": list(BLOCKS.values())})
    found, _ = profile(table, labels, catalog)
    for row in found.itertuples():
        mine = table.loc[labels.segment_id == row.segment_id, row.feature].to_numpy()
        rest = table.loc[labels.segment_id != row.segment_id, row.feature].to_numpy()
        assert row.effect == pytest.approx(np.sign(mine[:, None] - rest).mean())


def test_direction_and_threshold_decide():
    assert names({"price_level_z": -0.5, "evening_logit": 0.49}) == ["Budget shoppers"]
    assert names({}) == ["Shoppers like everybody"]


def test_a_block_is_named_once():
    busy = {"sessions_per_week_ln": 3.0, "session_seconds_ln": 2.0, "evening_logit": 0.6}
    assert names(busy) == ["Frequent evening shoppers"]
    assert names({"sessions_per_week_ln": 3.0, "session_seconds_ln": 2.0}) == ["Frequent shoppers"]


def test_two_features_may_have_one_phrase():
    assert names({"evening_logit": 1.2, "weekend_logit": 1.0}) == ["Evening and weekend shoppers"]


def test_clauses_are_joined_in_both_languages():
    slow = {"session_seconds_ln": 2.0, "abandoned_carts_logit": 1.0}
    assert names(slow) == ["Cart-abandoning shoppers who take their time"]
    assert names(slow, language="fr") == ["Clients qui abandonnent leur panier et prennent leur temps"]


def test_names_are_made_unique_by_the_next_phrase_then_by_a_number():
    longer = EVENING | {"sessions_per_week_ln": 0.6}
    assert names(EVENING, longer, n_qualifiers=2) == [
        "Premium evening shoppers",
        "Frequent premium evening shoppers",
    ]
    same = names(EVENING, EVENING, EVENING)
    assert same == ["Premium evening shoppers", "Premium evening shoppers 2", "Premium evening shoppers 3"]


def test_family_names_are_filled_in():
    kitchen = {"family_1_logit": 2.0}
    assert names(kitchen, families={"family_1": "appliances"}) == ["Appliances shoppers"]
    assert names(kitchen, families={"family_1": "jardin"}, language="fr") == ["Clients du rayon jardin"]
    assert names(kitchen) == ["Family 1 shoppers"]


# --- names follow ids


def test_a_name_stays_while_its_reasons_hold():
    token = "(buying):shoppers, price_level_z:high"
    moved = {"price_level_z": 0.4, "evening_logit": 2.0}
    assert names(moved) == ["Evening shoppers"]
    assert names(moved, earlier={1: token}) == ["Premium shoppers"]
    assert names(moved | {"price_level_z": 0.2}, earlier={1: token}) == ["Evening shoppers"]


def test_a_name_stays_while_its_noun_is_nearly_true():
    token = "(buying):repeat_buyers, price_level_z:high"
    premium = {"price_level_z": 1.0}
    # Most of the persona have to buy again, also where the name was given before.
    for share, again, name in (
        (0.6, 0.9, "Premium repeat buyers"),
        (0.6, 0.8, "Premium buyers"),
        (0.45, 0.9, "Premium shoppers"),
    ):
        facts = ONE_ORDER | {"buyer_share": share, "repeat_share": again}
        assert names(premium, facts=[facts], earlier={1: token}) == [name]


def test_a_name_given_before_gives_way_to_none():
    again = EVENING | {"sessions_per_week_ln": 0.6}
    token = "(buying):shoppers, evening_logit:high, price_level_z:high"
    assert (
        names(again, again | {"session_seconds_ln": 0.9}, earlier={2: token})[1] == "Premium evening shoppers"
    )


def test_words_that_left_the_dictionary_name_nobody():
    assert names(EVENING, earlier={1: "(buying):shoppers, gone:high"}) == ["Premium evening shoppers"]


def test_the_order_of_rows_does_not_matter():
    rows = profiles(EVENING, {"sessions_per_week_ln": 3.0, "price_level_z": 3.0}, {})
    mixed = name_segments(rows.sample(frac=1, random_state=1), DICTIONARY.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(mixed, name_segments(rows, DICTIONARY))


# --- the dictionary


def test_every_feature_has_its_own_words_and_reasons_in_both_languages():
    listed = yaml.safe_load((ROOT / "models" / "customers" / "user_features.yml").read_text())
    features = {
        column["name"]
        for column in listed["models"][0]["columns"]
        if "feature_block" in column.get("config", {}).get("meta", {})
    }
    single = DICTIONARY[DICTIONARY["feature"].isin(features)]
    assert set(zip(single["feature"], single["direction"], strict=True)) == {
        (feature, direction) for feature in features for direction in ("high", "low")
    }
    for column in ("phrase_en", "phrase_fr", "reason_en", "reason_fr"):
        assert single[column].notna().all() and single[column].is_unique, column
    assert set("+".join(DICTIONARY["feature"]).split("+")) - features == {"(buying)", "(value)", "(default)"}


@pytest.mark.parametrize(
    ("dictionary", "message"),
    [
        (DICTIONARY.drop(columns="weight"), r"lacks the column\(s\) \['weight'\]"),
        (pd.concat([DICTIONARY, DICTIONARY.tail(1)]), "twice"),
        (DICTIONARY[DICTIONARY["feature"] != "(default)"], r"needs a \(default\)"),
        (DICTIONARY[DICTIONARY["direction"] != "browsers"], "each of repeat_buyers"),
        (DICTIONARY.assign(phrase_en=DICTIONARY["phrase_en"].str.replace("*", "")), r"put a \*"),
        (DICTIONARY.assign(direction=DICTIONARY["direction"].str.replace("low", "down")), "high or low"),
    ],
)
def test_the_dictionary_is_checked(dictionary, message):
    with pytest.raises(ValueError, match=message):
        name_segments(profiles(EVENING), dictionary)


# --- profiles


def little_table() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    values = np.arange(1.0, 10.0)
    features = pd.DataFrame(
        {"user_sk": range(9, 0, -1), "spread": values[::-1], "rare": [4.0] * 2 + [0.0] * 7}
    )
    labels = pd.DataFrame({"user_sk": range(1, 10), "segment_id": [1] * 6 + [2] * 3})
    return features, labels, pd.DataFrame({"feature": ["spread", "rare"], "block": ["price", "funnel"]})


def test_a_profile_compares_medians():
    features, labels, catalog = little_table()
    profiles, summary = profile(features, labels, catalog)
    assert summary[["segment_id", "n_users", "user_share"]].values.tolist() == [[1, 6, 6 / 9], [2, 3, 3 / 9]]
    assert profiles["median"].tolist() == [3.5, 0.0, 8.0, 4.0]
    assert profiles["population_median"].tolist() == [5.0, 0.0, 5.0, 0.0]
    iqr = 4.0
    # Half of the users share the value of "rare": the standard deviation stands in.
    expected = [-1.5 * 1.349 / iqr, 0.0, 3.0 * 1.349 / iqr, 4 / features["rare"].std(ddof=0)]
    np.testing.assert_allclose(profiles["robust_z"], expected)


def test_what_only_buyers_have_is_compared_among_buyers():
    features, labels, catalog = little_table()
    catalog = catalog.assign(basis=["buyers", None], scale=["ln", "plain"])
    # Users 9 to 1: those of segment 2 are first. Non-buyers hold a prior far from what buyers do.
    features["n_orders"] = [2, 1, 0, 0, 0, 0, 0, 1, 1]
    features["revenue"] = [90.0, 30.0, 0, 0, 0, 0, 0, 20.0, 10.0]
    profiles, summary = profile(features, labels, catalog)
    spread = profiles[profiles["feature"] == "spread"]
    assert spread["median"].tolist() == [1.5, 8.5]
    assert spread["population_median"].unique().tolist() == [5.0]
    np.testing.assert_allclose(spread["natural_median"], np.exp([1.5, 8.5]))
    np.testing.assert_allclose(summary["buyer_share"], [2 / 6, 2 / 3])
    np.testing.assert_allclose(summary["repeat_share"], [0, 1 / 2])
    np.testing.assert_allclose(summary["population_buyer_share"], 4 / 9)
    assert summary["revenue_ratio"][1] > 2 > summary["revenue_ratio"][0]


def test_one_huge_order_makes_nobody_high_value():
    chance = np.random.default_rng(0)
    features = pd.DataFrame({"user_sk": range(1, 401), "often": chance.normal(size=400)})
    features = features.assign(n_orders=1, revenue=50.0)
    features.loc[0, "revenue"] = 1e6
    labels = pd.DataFrame({"user_sk": range(1, 401), "segment_id": np.repeat([1, 2], 200)})
    _, summary = profile(features, labels, pd.DataFrame({"feature": ["often"], "block": ["intensity"]}))
    np.testing.assert_allclose(summary["revenue_ratio"], [1, 1], atol=0.01)


def test_what_only_carters_have_is_compared_among_carters():
    features, labels, catalog = little_table()
    catalog = catalog.assign(basis=["carters", None])
    features["n_carts"] = [2, 1, 0, 0, 0, 0, 0, 1, 1]
    spread = profile(features, labels, catalog)[0].query("feature == 'spread'")
    assert spread["median"].tolist() == [1.5, 8.5]
    everybody = profile(features.drop(columns="n_carts"), labels, catalog)[0].query("feature == 'spread'")
    assert everybody["median"].tolist() == [3.5, 8.0], "who has used a cart is not known"


def test_a_profile_needs_the_same_users():
    features, labels, catalog = little_table()
    with pytest.raises(ValueError, match="different users"):
        profile(features, labels.head(8), catalog)


# --- personas of one week's newcomers


def arrivals(*segments: tuple[int, int, int]) -> tuple[pd.DataFrame, pd.Series]:
    """Users who come evenly over days: (how many, from day, up to day) for segments 1, 2, …"""
    days = [np.linspace(first, last, count).astype(int) for count, first, last in segments]
    ids = np.repeat(range(1, len(segments) + 1), [count for count, *_ in segments])
    labels = pd.DataFrame({"segment_id": ids}, index=np.arange(len(ids)) * 7 + 3)
    return labels, pd.Series(
        pd.Timestamp("2021-01-01") + pd.to_timedelta(np.concatenate(days), "D"), labels.index
    )


@pytest.mark.parametrize(
    ("segments", "found"),
    [
        ([(100, 0, 80), (50, 40, 46)], {2: date(2021, 2, 10)}),
        # eight days: seven of them hold most
        ([(100, 0, 80), (80, 40, 47)], {2: date(2021, 2, 10)}),
        ([(100, 0, 80), (50, 40, 60)], {}),
        # there when the data begin: nobody knows since when
        ([(100, 0, 80), (50, 0, 6)], {}),
        # everybody came then
        ([(100, 40, 46), (50, 40, 46)], {}),
        ([(100, 40, 46)], {1: date(2021, 2, 10)}),
    ],
)
def test_a_persona_of_one_week_s_newcomers_is_found(segments, found):
    labels, days = arrivals(*segments)
    shuffled = days.sample(frac=1, random_state=1)
    assert cohorts(labels, shuffled, date(2021, 1, 1)) == found


def test_a_persona_of_one_week_is_called_so():
    named = name_segments(profiles(EVENING, {}), DICTIONARY)
    told = name_cohorts(named, {1: date(2021, 2, 10)})
    assert told["segment_name_en"][0] == "First seen in the week of 2021-02-10: premium evening shoppers"
    assert told["segment_name_fr"][0].startswith("Arrivés dans la semaine du 2021-02-10 : ")
    assert told["segment_name_en"][1] == named["segment_name_en"][1]
