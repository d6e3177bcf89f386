"""Sessions under way: on sessions that are known, in a build and a micro-batch, and in a real shop."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rescoring import linear
from support import WITHOUT_TESTS, House

from clientele.learning.fields import part_of
from clientele.learning.linear_rows import LOGIT, apply_link
from clientele.predictions.grouped import out_of_time
from clientele.predictions.rows import parts_of, session_rows
from clientele.predictions.sessions import (
    CUTS,
    OUTCOME,
    SessionModel,
    fit_sessions,
    lacking,
    session_tests,
)
from clientele.runtime import publishing, signals

REAL = os.environ.get("CLIENTELE_REAL_DATA")
LONG = os.environ.get("CLIENTELE_LONG") == "1"
MOMENT = ["user_sk", "session_sk", "session_part", "n_events"]
MICRO_BATCH = ("--select", "+events", "user_sessions", "session_scores", "open_sessions")


def make_frame(effect: float = 2.0, n_sessions: int = 4000, seed: int = 2) -> pd.DataFrame:
    """Sessions of 42 days; who has looked at dear products buys, which the heuristic does not see."""
    rng = np.random.default_rng(seed)
    price = rng.normal(size=n_sessions)
    in_cart = rng.poisson(0.5, n_sessions).astype(float)
    chance = 1 / (1 + np.exp(-(effect * price + 0.6 * in_cart - 2.0)))
    return pd.DataFrame(
        {
            "user_sk": rng.integers(1, 1500, n_sessions) * 1_000_003,
            "session_sk": np.arange(n_sessions),
            "session_part": 1,
            "n_events": 3,
            "session_date": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 42, n_sessions), unit="D"),
            "in_cart": in_cart,
            "prefix_events_ln": np.log1p(rng.integers(1, 20, n_sessions)),
            "past_orders_ln": np.log1p(rng.integers(0, 2, n_sessions)),
            "view_price_ln": price,
            OUTCOME: (rng.random(n_sessions) < chance).astype(int),
        }
    )


def fitted(frame: pd.DataFrame, n_days: int = 60) -> dict[str, pd.DataFrame]:
    return parts_of(fit_sessions(frame, n_days))


def test_what_the_heuristic_does_not_see_scores():
    parts = fitted(make_frame())
    assert parts["head"]["scored_by"].tolist() == ["model"]
    gain = parts["evaluation"].query("head == 'session' and metric == 'auc' and compared_with == 'cells'")
    assert gain["ci_lo"].item() > 0.06
    carts = parts["evaluation"].query("head == 'session_with_cart' and metric == 'auc' and origin == 'all'")
    assert set(carts["model"]) == {"model", "cells"}
    low, high = parts["parameter"].set_index("feature").loc[["abandon_low", "abandon_high"], "weight"]
    assert 0 < low < high < 1


def test_where_nothing_else_matters_the_heuristic_scores():
    assert fitted(make_frame(effect=0.0))["head"]["scored_by"].tolist() == ["cells"]


def test_days_and_purchases_are_refused_to_the_number():
    frame = make_frame()
    assert "there are 27" in lacking(frame, 27) and lacking(frame, 28) == ""
    nobody = frame.assign(**{OUTCOME: 0})
    assert fitted(nobody)["head"]["scored_by"].tolist() == ["refused"]
    assert "At least 100 positives" in fitted(nobody)["head"]["reason"].item()


def test_a_tested_week_is_not_learnt_from():
    """What came in the newest week changes nothing that is said of it."""
    frame = make_frame()
    newest = frame["session_date"] > frame["session_date"].max() - pd.Timedelta(days=7)
    changed = frame.assign(**{OUTCOME: frame[OUTCOME].where(~newest, 1 - frame[OUTCOME])})
    said = [
        out_of_time(
            one,
            {"model": SessionModel(["in_cart", "view_price_ln"])},
            OUTCOME,
            session_tests(one["session_date"]),
        )
        for one in (frame, changed)
    ]
    np.testing.assert_array_equal(said[0]["model"], said[1]["model"])
    last = said[0]["origin"] == said[0]["origin"].max()
    assert (said[0]["observed"] != said[1]["observed"])[last].all()
    assert (said[0]["observed"] == said[1]["observed"])[~last].all()


def test_a_fit_is_named_after_its_day_and_what_it_says():
    frame = make_frame(n_sessions=1500)
    request = {"is_due": True, "as_of_date": "2020-02-11", "n_days": 42}
    first = session_rows({"request": pd.DataFrame([request]), "frame": frame}, None)
    again = session_rows(
        {"request": pd.DataFrame([request]), "frame": frame.sample(frac=1, random_state=0)}, first
    )
    assert first["model_version"].iloc[0].startswith("20200211-")
    assert (again["model_version"].iloc[0], again["fit_number"].iloc[0]) == (
        first["model_version"].iloc[0],
        2,
    )


# --- in a build


def test_the_fit_of_the_day_has_a_verdict(built_shop):
    verdicts = built_shop.rows("select head, outcome from monitor.session_gates where criterion = 'verdict'")
    assert len(verdicts) == 1 and verdicts[0][0] == "session"
    day = built_shop.value("select replace(cast(as_of_date as varchar), '-', '') from core.session_request")
    assert built_shop.value("select max(model_version) from core.session_fit_fields").startswith(day)


def test_every_moment_has_the_features_that_pandas_works_out(built_shop):
    """From the events up to the moment alone, one by one."""
    with built_shop.connection() as connection:
        frame = connection.sql(
            "from core.session_frame where n_events in (3, 8) order by hash(user_sk, session_sk) limit 150"
        ).df()
        events = connection.sql(
            "select events.*, category_family from core.events "
            "inner join core.product_taxonomy using (product_id) "
            "where user_sk in (select user_sk from frame) order by event_at, product_id, event_type, price"
        ).df()
        sessions = connection.sql(
            "from core.user_sessions where not is_bot and user_sk in (select user_sk from frame)"
        ).df()
    assert len(frame) == 150
    for moment in frame.itertuples():
        own = sessions[sessions["user_sk"] == moment.user_sk]
        session = own[(own["session_sk"] == moment.session_sk) & (own["session_part"] == moment.session_part)]
        start, end = session["started_at"].item(), session["ended_at"].item()
        known = events[(events["user_sk"] == moment.user_sk) & (events["session_sk"] == moment.session_sk)]
        known = known[(known["event_at"] >= start) & (known["event_at"] <= end)].head(moment.n_events)
        carts = (known["event_type"] == "cart").sum() - (known["event_type"] == "remove_from_cart").sum()
        past = own[own["ended_at"] < start]
        assert moment.in_cart == min(max(carts, 0), 5)
        assert moment.prefix_products_ln == pytest.approx(np.log1p(known["product_id"].nunique()))
        assert moment.prefix_families_ln == pytest.approx(np.log1p(known["category_family"].nunique()))
        assert moment.max_price_ln == pytest.approx(np.log1p(float(known["price"].max())))
        seconds = (known["event_at"].iloc[-1] - start).total_seconds()
        assert moment.prefix_seconds_ln == pytest.approx(np.log1p(int(seconds)), abs=1e-9)
        assert moment.past_sessions_ln == pytest.approx(np.log1p(len(past)))
        assert moment.past_orders_ln == pytest.approx(np.log1p((past["n_purchases"] > 0).sum()))


def test_the_future_changes_no_moment(built_shop, tmp_path):
    """Whatever comes after the third event of a session, its first three moments stay what they were."""
    house = built_shop.copy(tmp_path)
    with house.connection(read_only=False) as connection:
        columns = [name for name in connection.sql("from core.session_frame").columns if name != OUTCOME]
        select = f"select {', '.join(columns)} from core.session_frame where n_events <= 3 order by all"
        before = connection.sql(select).df()
        connection.execute(
            "create temp table thirds as select user_sk, session_sk, session_part, ended_at, event_at from ("
            "select s.*, e.event_at, row_number() over (partition by s.user_sk, s.session_sk, s.session_part "
            "order by e.event_at, e.product_id, e.event_type, e.price) as place from core.user_sessions as s "
            "inner join core.events as e on s.user_sk = e.user_sk and s.session_sk = e.session_sk "
            "and e.event_at between s.started_at and s.ended_at) where place = 3"
        )
        n_changed = connection.execute(
            "update core.events set price = price * 7 + 1, "
            "event_type = case event_type when 'view' then 'cart' "
            "else 'view' end from thirds where events.user_sk = thirds.user_sk "
            "and events.session_sk = thirds.session_sk and events.event_at > thirds.event_at "
            "and events.event_at <= thirds.ended_at"
        ).fetchall()[0][0]
    assert n_changed > 1000
    house.build("--select", "session_frame", *WITHOUT_TESTS)
    with house.connection() as connection:
        after = connection.sql(select).df()
        n_moved = connection.sql("select count(*) from core.session_frame where n_events > 3").fetchall()[0][
            0
        ]
    assert n_moved > 100
    pd.testing.assert_frame_equal(before, after)


def test_sql_gives_every_open_session_the_chance_of_python(built_shop):
    with built_shop.connection() as connection:
        scores = connection.sql("from core.session_scores").df()
        weights = connection.sql("from core.session_weights").df()
        shown = connection.sql("from marts.open_sessions").df()
    assert len(scores) == len(shown) > 0
    source = scores["session_source"].iloc[0]
    if source == "model":
        expected = apply_link(linear(weights, ["session"]).score(scores)[:, 0], LOGIT)
    else:
        number = np.zeros(len(scores), dtype=int)
        for column in CUTS:
            cuts = weights[(weights["row_kind"] == "cut") & (weights["feature"] == column)]["weight"]
            number = number * 8 + np.searchsorted(np.sort(cuts), scores[column], side="right")
        cells = weights[weights["row_kind"] == "cell"].set_index("feature_position")["weight"]
        expected = cells.reindex(number).to_numpy()
    np.testing.assert_allclose(scores["p_purchase"], expected, rtol=1e-9, atol=1e-12)
    predicted = shown[shown["status"] == "predicted"]
    assert (predicted["p_abandon"].notna() == (predicted["n_in_cart"] > 0)).all()


def test_a_micro_batch_tells_of_a_session_that_has_just_begun(built_shop, tmp_path):
    house = built_shop.copy(tmp_path)
    house.lake = tmp_path / "lake"
    for path in built_shop.lake.iterdir():
        (house.lake / path.name).symlink_to(path)
    last = built_shop.value("select max(event_at) from core.events") + pd.Timedelta(hours=3)
    with house.connection() as connection:
        product = connection.sql("select product_id from core.product_taxonomy limit 1").fetchall()[0][0]
    rows = ["event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"]
    for minute, kind in enumerate(("view", "view", "cart")):
        at = (last + pd.Timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M:%S")
        rows.append(f"{at} UTC,{kind},{product},,,,9.90,987650001,a-session-of-today")
    house.deliver("running-day.csv", ("\n".join(rows) + "\n").encode())
    n_marts = house.value("select count(*) from marts.customer_facts")
    ran = house.run(*MICRO_BATCH, command=("run",))
    assert ran.succeeded, ran.said[-2000:]
    told = house.rows("select status, n_in_cart, p_purchase, risk_band, as_of from marts.open_sessions")
    assert len(told) == 1 and told[0][:2] == ("predicted", 1) and 0 < told[0][2] < 1
    newest = pd.Timestamp(last) + pd.Timedelta(minutes=2)
    assert told[0][3] in ("low", "middle", "high") and told[0][4] == newest.floor("5min")
    assert house.value("select count(*) from marts.customer_facts") == n_marts
    path, counts = signals.write(house.home)
    assert counts["open"] == 1 and len(pd.read_parquet(path)) == 1
    published = publishing.publications(house.home)[-1]
    assert published.problem() is None and published.manifest["files"][signals.FILE]["rows"] == 1


def test_without_a_build_the_command_says_what_to_do(tmp_path):
    with pytest.raises(signals.SignalError, match="Build first"):
        signals.check(tmp_path)


@pytest.mark.skipif(not (REAL and LONG), reason="CLIENTELE_REAL_DATA and CLIENTELE_LONG are not set")
def test_in_a_real_shop_more_is_known_than_the_cart(tmp_path):
    house = House(tmp_path)
    for path in Path(REAL, "store").iterdir():
        shutil.copy(path, house.lake)
    house.build("--select", "+session_fit_fields", *WITHOUT_TESTS)
    with house.connection() as connection:
        figures = part_of(connection.sql("from core.session_fit_fields").df(), "evaluation")
    figures = figures[(figures["metric"] == "auc") & (figures["origin"] == "all")].fillna(
        {"compared_with": ""}
    )
    area = figures.set_index(["head", "model", "compared_with"])["value"]
    assert area["session", "model", ""] >= 0.785 and area["session", "model", "cells"] >= 0.04
    assert area["session_with_cart", "model", ""] >= 0.66
