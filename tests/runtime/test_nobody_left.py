"""An empty publication never takes the place of a full one, and a sentence says why nobody is left."""

from __future__ import annotations

from support import UP_TO_FEATURES, Event, House

PAPERS = False
SHOP = [
    Event(
        event_time=f"2019-10-{day:02} 12:00:{second:02} UTC", user_id=str(700 + day), user_session=f"s{day}"
    )
    for day in range(1, 8)
    for second in range(0, 36, 3)
]
WHY = ("compile", "--inline", "{{ clientele.why_nobody_is_left() if execute }}")


def why(house: House) -> str:
    (said,) = house.build(command=WHY).compiled.values()
    return said.strip()


def test_the_sentence_has_counts_the_cause_and_the_setting(house):
    house.deliver("a.csv", SHOP)
    house.build(*UP_TO_FEATURES)
    assert why(house) == "None"

    house.variables["bot_session_events"] = 10
    house.build(*UP_TO_FEATURES)
    assert house.value("select count(*) from marts.user_features") == 0
    assert why(house).startswith(
        "no customer is left: of 85 lines 84 are events, 0 are quarantined, 0 have exp"
    )
    assert "all 7 sessions count as those of bots (the vars bot_session_events" in why(house)

    del house.variables["bot_session_events"]
    house.variables["as_of"] = "2030-01-01"
    house.build(*UP_TO_FEATURES)
    assert "84 have expired (the vars events_retention_months and as_of)" in why(house)
