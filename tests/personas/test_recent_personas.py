"""Who changes habit is seen within five weeks, and who does not is left in peace: on whole builds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from shops.mechanisms import SHOPS, write_months
from support import IS_LONG, WITHOUT_TESTS, House

pytestmark = pytest.mark.skipif(
    not IS_LONG, reason="CLIENTELE_LONG=1: a shop of 3,000 customers is built for each seed"
)


@pytest.mark.parametrize("seed", [5, 11])
def test_half_of_those_who_changed_are_seen_within_35_days(tmp_path: Path, seed: int) -> None:
    drawn = SHOPS["switching_lately"].draw(seed)
    house = House(tmp_path, papers=False)
    write_months(drawn.events, house.lake)
    house.build(*WITHOUT_TESTS)
    with house.connection() as connection:
        connection.register("truth", drawn.truth)
        found = connection.execute(
            """
            select
                truth.*,
                segments.segment_id,
                segments.recent_persona,
                facts.first_event_at,
                facts.last_event_at
            from marts.user_segments as segments
            inner join core.users as users on segments.user_key = users.user_key
            inner join core.user_feature_values as facts on users.user_sk = facts.user_sk
            inner join vault.vault.user_keys as user_keys on users.user_sk = user_keys.user_sk
            inner join truth on user_keys.user_id = truth.user_id
            where segments.segment_id is not null
            """
        ).df()
    changed = found["switch_at"].notna()
    of_group = pd.crosstab(found.loc[~changed, "group"], found.loc[~changed, "segment_id"]).idxmax(axis=1)
    is_new = found["segment_id"] == found["group_after"].map(of_group)
    is_told = found["recent_persona"].notna()
    came = changed & (found["last_event_at"] > found["switch_at"])
    stayed = ~changed & (found["last_event_at"] - found["first_event_at"] > pd.Timedelta(days=60))
    assert came.sum() >= 200
    assert stayed.sum() >= 200
    assert (is_new | is_told)[came].mean() >= 0.5
    assert (found["recent_persona"] == found["group_after"].map(of_group))[came & is_told].mean() >= 0.8
    assert is_told[stayed].mean() <= 0.04
