"""Segment names: readable, unique, and from a dictionary that covers every feature."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clientele.segmentation import name_segments, profile

DICTIONARY = pd.read_csv(Path(__file__).parents[2] / "seeds" / "segment_names.csv")
BLOCKS = {
    "sessions_per_week_ln": "intensity",
    "session_seconds_ln": "intensity",
    "purchase_rate_logit": "funnel",
    "abandoned_carts_logit": "funnel",
    "price_level_z": "price",
    "family_1_logit": "breadth",
    "evening_logit": "timing",
}


def profiles(*segments: dict[str, float]) -> pd.DataFrame:
    """Profiles of segments 1, 2, … with the robust z given and 0 elsewhere."""
    return pd.DataFrame(
        [
            (number, feature, block, position, segment.get(feature, 0.0))
            for number, segment in enumerate(segments, start=1)
            for position, (feature, block) in enumerate(BLOCKS.items(), start=1)
        ],
        columns=["segment_id", "feature", "block", "feature_position", "robust_z"],
    )


def names(*segments: dict[str, float], language: str = "en", **options) -> list[str]:
    return name_segments(profiles(*segments), DICTIONARY, **options)[f"segment_name_{language}"].tolist()


EVENING = {"evening_logit": 1.2, "price_level_z": 0.8, "purchase_rate_logit": -1.0, "session_seconds_ln": 0.4}


def test_a_name_says_what_stands_out():
    assert names(EVENING) == ["evening, premium browsers"]
    assert names(EVENING, language="fr") == ["visiteurs du soir, haut de gamme"]
    assert (
        name_segments(profiles(EVENING), DICTIONARY)["named_after"].item() == "evening_logit, price_level_z"
    )


def test_direction_and_threshold_decide():
    assert names({"price_level_z": -0.5, "evening_logit": 0.49}) == ["budget shoppers"]
    assert names({}) == ["typical shoppers"]
    assert names({"purchase_rate_logit": 0.7}) == ["typical buyers"]


def test_a_block_is_named_once_while_there_is_a_choice():
    busy = {"sessions_per_week_ln": 3.0, "session_seconds_ln": 2.0, "evening_logit": 0.6}
    assert names(busy) == ["frequent, evening shoppers"]
    assert names({"sessions_per_week_ln": 3.0, "session_seconds_ln": 2.0}) == ["frequent, unhurried shoppers"]


def test_near_equal_strengths_go_by_priority():
    # Priority 1 (price) before 2 (evening), although evening is stronger in the second decimal.
    assert names({"evening_logit": 1.04, "price_level_z": 1.0}) == ["premium, evening shoppers"]


def test_names_are_made_unique_by_the_next_phrase_then_by_a_number():
    longer = EVENING | {"sessions_per_week_ln": 0.6}
    assert names(EVENING, longer) == ["evening, premium browsers", "evening, premium, frequent browsers"]
    same = names(EVENING, EVENING, EVENING)
    assert same == ["evening, premium browsers", "evening, premium browsers 2", "evening, premium browsers 3"]


def test_family_names_are_filled_in():
    kitchen = {"family_1_logit": 2.0}
    assert names(kitchen, families={"family_1": "appliances"}) == ["appliances shoppers"]
    assert names(kitchen, families={"family_1": "jardin"}, language="fr") == ["clients jardin"]
    assert names(kitchen) == ["family 1 shoppers"]


def test_the_order_of_rows_does_not_matter():
    rows = profiles(EVENING, {"sessions_per_week_ln": 3.0, "price_level_z": 3.0}, {})
    mixed = name_segments(rows.sample(frac=1, random_state=1), DICTIONARY.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(mixed, name_segments(rows, DICTIONARY))


def test_every_phrase_of_the_dictionary_is_its_own():
    for language in ("en", "fr"):
        phrases = DICTIONARY[f"phrase_{language}"]
        assert phrases.notna().all()
        assert phrases.is_unique
    both = DICTIONARY[~DICTIONARY["feature"].str.startswith(("(default)", "family_"))]
    assert (both.groupby("feature")["direction"].agg(lambda values: set(values) == {"high", "low"})).all()


@pytest.mark.parametrize(
    ("dictionary", "message"),
    [
        (DICTIONARY.drop(columns="priority"), r"lacks the column\(s\) \['priority'\]"),
        (pd.concat([DICTIONARY, DICTIONARY.tail(1)]), "twice"),
        (DICTIONARY[DICTIONARY["feature"] != "(default)"], "needs a"),
    ],
)
def test_the_dictionary_is_checked(dictionary, message):
    with pytest.raises(ValueError, match=message):
        name_segments(profiles(EVENING), dictionary)


def test_a_profile_compares_medians():
    values = np.arange(1.0, 10.0)
    features = pd.DataFrame(
        {"user_sk": range(9, 0, -1), "spread": values[::-1], "rare": [4.0] * 2 + [0.0] * 7}
    )
    labels = pd.DataFrame({"user_sk": range(1, 10), "segment_id": [1] * 6 + [2] * 3})
    catalog = pd.DataFrame({"feature": ["spread", "rare"], "block": ["price", "funnel"]})
    profiles, summary = profile(features, labels, catalog)
    assert summary.values.tolist() == [[1, 6, 6 / 9], [2, 3, 3 / 9]]
    assert profiles["median"].tolist() == [3.5, 0.0, 8.0, 4.0]
    assert profiles["population_median"].tolist() == [5.0, 0.0, 5.0, 0.0]
    # IQR of 1..9 is 4; the IQR of `rare` is 0, hence its standard deviation.
    deviation = np.std([4.0] * 2 + [0.0] * 7)
    np.testing.assert_allclose(profiles["robust_z"], [-1.5 / 4 * 1.349, 0.0, 3 / 4 * 1.349, 4 / deviation])


def test_a_profile_refuses_labels_of_other_users():
    features = pd.DataFrame({"user_sk": [1, 2], "spread": [1.0, 2.0]})
    catalog = pd.DataFrame({"feature": ["spread"], "block": ["price"]})
    with pytest.raises(ValueError, match="different users"):
        profile(features, pd.DataFrame({"user_sk": [1, 3], "segment_id": [1, 2]}), catalog)
