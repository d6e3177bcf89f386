"""The synthetic shop: the format, the planted truth, the traps, and dirt that adds up line by line."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import itertools
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from shop_simulator import Shop, Summary, events_per_customer, generate
from shop_simulator.__main__ import main
from shop_simulator.describe import PUBLISHED, comparison, marginals
from shop_simulator.dirt import FATES, IN_PARQUET
from shop_simulator.writing import COLUMNS, session_uuids


def lines_of(path: Path) -> list[bytes]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return text.splitlines(keepends=True)


def events_of(summary: Summary) -> pd.DataFrame:
    frames = [pd.read_csv(path, dtype={"category_code": str, "brand": str}) for path in summary.files]
    events = pd.concat(frames, ignore_index=True)
    events["at"] = pd.to_datetime(events.event_time, format="%Y-%m-%d %H:%M:%S UTC")
    return events


def truth_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "truth.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    out = tmp_path_factory.mktemp("clean")
    return out, generate(out, users=3000, months=3, seed=5)


@pytest.fixture(scope="module")
def clean_events(clean: tuple[Path, Summary]) -> pd.DataFrame:
    return events_of(clean[1])


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    out = tmp_path_factory.mktemp("dirty")
    return out, generate(out, users=3000, months=3, seed=5, dirt=0.02)


def test_files_have_the_input_format(clean: tuple[Path, Summary], clean_events: pd.DataFrame) -> None:
    out, summary = clean
    assert [path.name for path in summary.files] == ["2019-Oct.csv", "2019-Nov.csv", "2019-Dec.csv"]
    assert sorted(path.name for path in (out / "events").iterdir()) == sorted(summary.lines)
    assert list(clean_events.columns[:9]) == list(COLUMNS)
    assert len(clean_events) == summary.events
    for path in summary.files:
        assert len(lines_of(path)) == summary.lines[path.name]
    assert clean_events.event_time.str.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC").all()
    assert set(clean_events.event_type) == {"view", "cart", "remove_from_cart", "purchase"}
    assert clean_events.user_id.between(500_000_000, 999_999_999).all()
    assert clean_events.product_id.between(1_000_000, 99_999_999).all()
    assert clean_events.category_id.between(10**18, 10**19 - 1).all()
    uuid4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert clean_events.user_session.str.fullmatch(uuid4).all()
    assert not clean_events.duplicated().any()
    # Awkward but legal fields are part of a clean shop.
    assert clean_events.brand.str.contains(",", na=False).any()


def test_each_file_holds_its_month_in_order_of_time(clean_events: pd.DataFrame) -> None:
    assert clean_events["at"].is_monotonic_increasing
    assert set(clean_events["at"].dt.strftime("%Y-%m")) == {"2019-10", "2019-11", "2019-12"}


def test_sessions_are_of_one_user_and_do_not_overlap(clean_events: pd.DataFrame) -> None:
    sessions = clean_events.groupby("user_session").agg(
        user_id=("user_id", "first"), users=("user_id", "nunique"), start=("at", "min"), end=("at", "max")
    )
    assert (sessions.users == 1).all()
    sessions = sessions.sort_values(["user_id", "start"])
    wait = sessions.start - sessions.groupby("user_id").end.shift()
    within_month = sessions.start.dt.month == sessions.groupby("user_id").end.shift().dt.month
    assert within_month.sum() > 1000
    assert (wait[within_month] > pd.Timedelta(minutes=30)).all()
    ordered = clean_events.sort_values(["user_session", "at"], kind="stable")
    gaps = ordered.groupby("user_session")["at"].diff().dropna()
    assert (gaps > pd.Timedelta(minutes=30)).mean() < 1e-4


def test_an_order_follows_its_session(clean_events: pd.DataFrame) -> None:
    rows = clean_events.sort_values("at", kind="stable")
    orders = rows[rows.event_type == "purchase"].groupby("user_session")
    assert (orders["at"].nunique() == 1).all()
    assert (orders.size() > 1).any()
    viewed = set(map(tuple, rows.loc[rows.event_type == "view", ["user_session", "product_id"]].to_numpy()))
    other = rows.loc[rows.event_type != "view", ["user_session", "product_id"]].to_numpy()
    assert viewed.issuperset(map(tuple, other))


def test_truth_names_everybody_and_when_they_come_and_go(
    clean: tuple[Path, Summary], clean_events: pd.DataFrame
) -> None:
    out, summary = clean
    truth = truth_of(out)
    assert len(truth) == summary.users == 3000 + 2 * 1200
    assert truth.user_id.is_unique
    seen = clean_events.groupby("user_id")["at"].agg(["min", "max"])
    known = truth.set_index("user_id").loc[seen.index]
    assert len(seen) == len(truth)
    assert (seen["min"].dt.strftime("%Y-%m") == known.first_seen_month).all()
    gone = known.churned_month != ""
    assert 0.2 < gone.mean() < 0.8
    assert (seen["max"].dt.strftime("%Y-%m")[gone] < known.churned_month[gone]).all()
    newcomer = truth.behaviour == "newcomer"
    assert newcomer.any()
    assert (truth.first_seen_month[newcomer] > "2019-10").all()


def test_habits_are_those_planted(clean: tuple[Path, Summary], clean_events: pd.DataFrame) -> None:
    behaviour = truth_of(clean[0]).set_index("user_id").behaviour
    rows = clean_events.assign(behaviour=clean_events.user_id.map(behaviour).to_numpy())
    rows = rows[rows.price > 0]
    log_price = np.log(rows.price)
    z = (log_price - log_price.groupby(rows.category_id).transform("mean")) / log_price.groupby(
        rows.category_id
    ).transform("std")
    mean = (
        rows.assign(
            z=z,
            evening=rows["at"].dt.hour >= 18,
            weekend=rows["at"].dt.day_of_week >= 5,
            promo=rows["at"].dt.day.isin((11, 12)),
            cart=rows.event_type == "cart",
            buy=rows.event_type == "purchase",
        )
        .groupby("behaviour")[["z", "evening", "weekend", "promo", "cart", "buy"]]
        .mean()
    )
    assert mean.z.idxmin() == mean.promo.idxmax() == "bargain_hunter"
    assert mean.z.idxmax() == "premium_loyalist"
    assert mean.evening.idxmax() == mean.weekend.idxmax() == "evening_weekend_browser"
    assert mean.cart.idxmax() == "cart_abandoner"
    assert mean.buy.idxmax() == "one_off_buyer"
    assert mean.cart.idxmin() == mean.buy.idxmin() == "window_shopper"
    per_category = rows.groupby(["behaviour", "user_id", "category_id"]).size()
    top = per_category.groupby(["behaviour", "user_id"]).agg(["max", "sum"])
    top = top[top["sum"] >= 20]
    assert (top["max"] / top["sum"]).groupby("behaviour").median().idxmax() == "category_specialist"


def test_behaviours_can_be_found_but_are_not_given_away(tmp_path: Path) -> None:
    # If it fails, the planted truth is no yardstick. It is not a test of the project's own method.
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score
    from sklearn.preprocessing import StandardScaler

    events = events_of(generate(tmp_path, users=6000, months=4, seed=2))
    events = events[events.price > 0]
    log_price = np.log(events.price)
    by_category = log_price.groupby(events.category_id)
    events["z"] = (log_price - by_category.transform("mean")) / by_category.transform("std")
    events["evening"] = events["at"].dt.hour >= 18
    events["weekend"] = events["at"].dt.day_of_week >= 5
    events["promo"] = events["at"].dt.day.isin((11, 12))
    for kind in ("cart", "purchase"):
        events[kind] = events.event_type == kind
    users = events.groupby("user_id").agg(
        n=("z", "size"), z=("z", "mean"), cart=("cart", "sum"), s=("user_session", "nunique")
    )
    flags = ["evening", "weekend", "promo", "purchase"]
    sessions = events.groupby(["user_id", "user_session"])[flags].max().groupby("user_id").sum()
    share = events.groupby(["user_id", "category_id"]).size() / users.n

    def logit(x: pd.Series, n: pd.Series, typical: float) -> pd.Series:
        return np.log((x + 4 * typical) / (n - x + 4 * (1 - typical)))

    features = pd.DataFrame(
        {
            "z": users.z,
            "cart": logit(users.cart, users.n, 0.04),
            "entropy": -(share * np.log(share)).groupby("user_id").sum(),
            "top": logit(share.groupby("user_id").max() * users.n, users.n, 0.35),
            **{
                flag: logit(sessions[flag], users.s, typical)
                for flag, typical in zip(flags, (0.3, 0.3, 0.1, 0.06), strict=True)
            },
        }
    )[users.n >= 20]
    planted = truth_of(tmp_path).set_index("user_id").behaviour.loc[features.index]
    assert len(planted) > 2000
    found = KMeans(7, n_init=5, random_state=0).fit_predict(StandardScaler().fit_transform(features))
    assert 0.6 <= adjusted_rand_score(planted, found) < 0.97


def test_marginals_are_near_the_published_ones(tmp_path: Path) -> None:
    summary = generate(tmp_path, users=20_000, months=2, seed=1)
    achieved = marginals(summary.files)
    for name, published in PUBLISHED.items():
        assert achieved[name] == pytest.approx(published, rel=0.25), name
    assert "views per user" in comparison(summary.files)


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "parquet"])
def test_same_seed_same_bytes_and_other_seed_other_bytes(tmp_path: Path, file_format: str) -> None:
    def run(name: str, seed: int) -> dict[str, bytes]:
        generate(tmp_path / name, users=300, months=2, seed=seed, file_format=file_format, dirt=0.02)
        return {path.name: path.read_bytes() for path in sorted((tmp_path / name).rglob("*.*"))}

    first, again, other = run("a", 1), run("b", 1), run("c", 2)
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_more_months_do_not_change_the_first(tmp_path: Path) -> None:
    short = generate(tmp_path / "short", users=500, months=2, seed=3)
    long = generate(tmp_path / "long", users=500, months=4, seed=3)
    for a, b in zip(short.files, long.files, strict=False):
        assert a.read_bytes() == b.read_bytes()


def test_formats_hold_the_same_events(tmp_path: Path) -> None:
    runs = {
        kind: generate(tmp_path / kind, users=300, months=1, file_format=kind)
        for kind in ("csv", "csv.gz", "parquet")
    }
    plain = runs["csv"].files[0]
    assert gzip.decompress(runs["csv.gz"].files[0].read_bytes()) == plain.read_bytes()
    assert runs["csv.gz"].files[0].read_bytes()[4:8] == bytes(4), "a time in the gzip header"
    table = pq.read_table(runs["parquet"].files[0]).to_pandas()
    expected = pd.read_csv(plain)
    expected["event_time"] = pd.to_datetime(expected.event_time, format="%Y-%m-%d %H:%M:%S UTC")
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)


def test_every_dirty_line_is_recorded(dirty: tuple[Path, Summary]) -> None:
    out, summary = dirty
    recorded = defaultdict(dict)
    with (out / "dirt.csv").open(newline="") as source:
        for row in csv.DictReader(source):
            assert int(row["line"]) not in recorded[row["file"]]
            recorded[row["file"]][int(row["line"])] = (row["kind"], row["fate"])
    assert sum(map(len, recorded.values())) == len(summary.faults)
    kinds = Counter(kind for of_file in recorded.values() for kind, _ in of_file.values())
    assert set(kinds) == set(FATES)

    loaded = 0
    good = {fate: 0 for fate in FATES.values()}
    for path in summary.files:
        lines = lines_of(path)
        assert len(lines) == summary.lines[path.name]
        for number, line in enumerate(lines[1:], start=2):
            kind, fate = recorded[path.name].get(number, (None, "loaded"))
            good[fate] += 1
            loaded += fate == "loaded"
            check_line(line, kind)
    # The reconciliation that a reader of these files must reach.
    assert loaded == summary.events
    assert sum(good.values()) + len(summary.files) == sum(summary.lines.values())


def check_line(line: bytes, kind: str | None) -> None:
    """Check that a line is what its record says, and that a line without a record is a good one."""
    if kind == "blank_line":
        assert line == b"\n"
        return
    if kind == "invalid_utf8":
        with pytest.raises(UnicodeDecodeError):
            line.decode()
        return
    assert line.endswith(b"\r\n") == (kind == "crlf")
    assert line.endswith(b"\n") == (kind != "cut_last_line")
    assert (b"\0" in line) == (kind == "nul_byte")
    text = line.decode().rstrip("\r\n")
    assert (text.count('"') % 2 == 1) == (kind == "unterminated_quote")
    if kind in ("unterminated_quote", "nul_byte"):
        return
    fields = next(csv.reader([text]))
    n_fields = {"too_many_fields": 11, "too_few_fields": 7, "wrong_delimiter": 1}.get(kind, 9)
    if kind == "cut_last_line":
        assert len(fields) < 9
        return
    if kind == "wrong_delimiter":
        assert ";view;" in text or ";cart;" in text or ";purchase;" in text or ";remove_from_cart;" in text
        return
    assert len(fields) == n_fields
    time, event_type, product, _, _, _, price = fields[:7]
    assert time.startswith("2019-1") == (kind not in ("future_timestamp", "absurd_timestamp"))
    assert (time == "2019-13-45 25:61:00 UTC") == (kind == "bad_timestamp")
    assert (event_type == "hover") == (kind == "unknown_event_type")
    assert product.isdigit() == (kind != "non_numeric_product")
    assert price.startswith("-") == (kind == "negative_price")
    assert price.replace(".", "").lstrip("-").isdigit() == (kind != "non_numeric_price")
    if len(fields) == 9:
        assert (fields[7] == "") == (kind == "missing_user")
        assert fields[7].isdigit() == (kind not in ("missing_user", "non_numeric_user"))


def test_a_dirty_delivery_holds_the_events_of_a_clean_one(
    clean: tuple[Path, Summary], dirty: tuple[Path, Summary]
) -> None:
    lost = {(fault.file, fault.line) for fault in dirty[1].faults if fault.fate in ("quarantined", "blank")}
    rewritten = {(fault.file, fault.line) for fault in dirty[1].faults if fault.kind == "all_quoted"}
    dirty_lines = []
    for path in dirty[1].files:
        for number, line in enumerate(lines_of(path)[1:], start=2):
            if (path.name, number) in lost:
                continue
            fields = next(csv.reader([line.decode().rstrip("\r\n")]))
            assert (path.name, number) not in rewritten or line.startswith(b'"')
            dirty_lines.append(tuple(fields))
    clean_lines = [
        tuple(fields)
        for path in clean[1].files
        for fields in itertools.islice(csv.reader(path.open(newline="")), 1, None)
    ]
    duplicates = sum(fault.fate == "duplicate" for fault in dirty[1].faults)
    assert len(dirty_lines) == len(clean_lines) + duplicates
    assert set(dirty_lines) == set(clean_lines)


def test_late_rows_come_with_a_later_file(dirty: tuple[Path, Summary]) -> None:
    late = [fault for fault in dirty[1].faults if fault.kind == "late_row"]
    months = {"2019-Nov.csv": "2019-10", "2019-Dec.csv": "2019-11"}
    assert {fault.file for fault in late} == set(months)
    texts = {path.name: lines_of(path) for path in dirty[1].files}
    for fault in late:
        assert texts[fault.file][fault.line - 1].decode().startswith(months[fault.file])


def test_parquet_holds_duplicates_and_late_rows_only(tmp_path: Path) -> None:
    summary = generate(tmp_path, users=500, months=2, file_format="parquet", dirt=0.02)
    assert {fault.kind for fault in summary.faults} == set(IN_PARQUET)
    rows = pd.concat([pq.read_table(path).to_pandas() for path in summary.files])
    duplicates = sum(fault.fate == "duplicate" for fault in summary.faults)
    assert rows.duplicated().sum() == duplicates > 0
    assert len(rows) == summary.events + duplicates


def test_tiny_shops_stay_consistent_under_heavy_dirt(tmp_path: Path) -> None:
    # One customer leaves whole months empty; their late rows must still arrive.
    for users, dirt, kind in ((1, 0.5, "csv"), (1, 0.5, "parquet"), (3, 0.5, "csv.gz"), (20, 0.3, "csv")):
        out = tmp_path / f"{users}-{kind}"
        summary = generate(out, users=users, months=6, arrivals=0.0, dirt=dirt, file_format=kind)
        fates = Counter(fault.fate for fault in summary.faults)
        extra = fates["quarantined"] + fates["blank"] + fates["duplicate"]
        headers = 0 if kind == "parquet" else len(summary.files)
        assert sum(summary.lines.values()) == summary.events + extra + headers
        assert all(path.exists() for path in summary.files)


def test_traps(tmp_path: Path) -> None:
    switch, lost, unpaid = dt.date(2019, 11, 20), dt.date(2019, 11, 6), dt.date(2019, 11, 15)
    summary = generate(
        tmp_path,
        users=3000,
        months=2,
        category_switch=switch,
        lost_day=lost,
        unpaid_day=unpaid,
        capped_price=900.0,
        bot_session=20_000,
        remove_from_cart=False,
    )
    events = events_of(summary)
    day = events["at"].dt.date
    smartphones = (
        events.category_id == events.category_id[events.category_code == "electronics.smartphone"].iloc[0]
    )
    assert set(events.category_code[smartphones & (day < switch)]) == {"electronics.smartphone"}
    assert set(events.category_code[smartphones & (day >= switch)]) == {"construction.tools.light"}
    per_day = events[events.event_type != "bot"].groupby(day).size()
    assert per_day[lost] < 0.2 * per_day[lost + dt.timedelta(days=1)]
    bought = events[events.event_type == "purchase"].groupby(day).size()
    assert unpaid not in bought.index and bought[unpaid + dt.timedelta(days=1)] > 0 and per_day[unpaid] > 100
    assert events.price.max() == 900.0
    assert events.groupby("user_session").size().max() == 20_000
    assert "remove_from_cart" not in set(events.event_type)
    assert (truth_of(tmp_path).behaviour == "bot").sum() == 1


def test_a_poorer_shop(tmp_path: Path, clean_events: pd.DataFrame) -> None:
    kept = events_of(
        generate(tmp_path / "a", users=3000, months=1, fill_rate=0.7, currency_scale=80.0, seed=5)
    )
    october = clean_events[clean_events["at"].dt.month == 10].reset_index(drop=True)
    ratio = kept.brand.notna().mean() / october.brand.notna().mean()
    assert 0.6 < ratio < 0.8
    pd.testing.assert_series_equal(kept.user_session, october.user_session)
    np.testing.assert_allclose(kept.price, 80 * october.price, atol=0.41)
    bare = events_of(generate(tmp_path / "b", users=100, months=1, category_code=False))
    assert bare.category_code.isna().all()


def test_habits_follow_local_time(tmp_path: Path, clean_events: pd.DataFrame) -> None:
    shifted = events_of(generate(tmp_path, users=3000, months=1, timezone_offset=8, seed=5))

    def hours(events: pd.DataFrame) -> np.ndarray:
        return np.bincount(events["at"].dt.hour, minlength=24) / len(events)

    utc = hours(clean_events)
    assert np.abs(np.roll(hours(shifted), 8) - utc).sum() < 0.5 * np.abs(hours(shifted) - utc).sum()


def test_another_calendar(tmp_path: Path) -> None:
    summary = generate(tmp_path, users=50, months=3, start="2023-12", arrivals=0.0)
    assert [path.name for path in summary.files] == ["2023-Dec.csv", "2024-Jan.csv", "2024-Feb.csv"]
    assert summary.users == 50


def test_session_ids_never_repeat() -> None:
    texts = np.concatenate([session_uuids(0, 20_000, salt) for salt in (1, 2)])
    assert len(np.unique(texts, axis=0)) == 40_000
    np.testing.assert_array_equal(session_uuids(100, 5, 1), session_uuids(90, 20, 1)[10:15])


def test_activity_and_wanted_totals() -> None:
    usual = events_per_customer(Shop(months=1))
    assert events_per_customer(Shop(months=1, activity=3.0)) > 1.5 * usual
    assert 10 < usual < 25


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"months": 0}, "months is 0; it must be 1 to 120"),
        ({"users": 0}, "users is 0; it must be at least 1"),
        ({"start": "2019-13"}, "start is '2019-13'; it must be a month such as 2019-10"),
        ({"file_format": "xlsx"}, "file_format is 'xlsx'"),
        ({"dirt": 0.9}, "dirt is 0.9; it must be 0 to 0.5"),
        ({"lost_day": dt.date(2025, 1, 1)}, "lost_day is 2025-01-01, outside of the generated period"),
        ({"users": 60_000_000, "months": 12}, "do not fit into nine-digit user ids"),
    ],
)
def test_settings_are_checked(tmp_path: Path, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        generate(tmp_path, **settings)
    assert not list(tmp_path.iterdir())


def test_files_of_another_run_are_not_mixed_in(tmp_path: Path) -> None:
    generate(tmp_path, users=5, months=2)
    with pytest.raises(FileExistsError, match=r"2019-Nov\.csv.*delete them or choose another"):
        generate(tmp_path, users=5, months=1)
    (tmp_path / "events" / "2019-Oct.csv.part").touch()  # what a killed run leaves
    generate(tmp_path, users=5, months=2, seed=9)
    assert sorted(path.name for path in (tmp_path / "events").iterdir()) == ["2019-Nov.csv", "2019-Oct.csv"]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "a"), "--users", "40", "--months", "1", "--describe", "--dirt", "0.1"]) == 0
    text = capsys.readouterr()
    assert "40 customers in 1 files" in text.out
    assert "published" in text.out
    assert "2019-Oct.csv: done" in text.err
    assert main([str(tmp_path / "b"), "--events", "20000", "--months", "1", "--quiet"]) == 0
    n_events = int(capsys.readouterr().out.split()[0].replace(",", ""))
    assert 15_000 < n_events < 25_000
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "c"), "--months", "0"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: months is 0; it must be 1 to 120\n"
