"""The generator: settings in, monthly files of events and the planted truth out."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from shop_simulator.activity import PURCHASE, Month, Rows, Sessions, Shopper, draw_sessions
from shop_simulator.behaviours import BOT, NAMES, Customers, draw_customers
from shop_simulator.catalogue import Catalogue, make_catalogue
from shop_simulator.dirt import Dirt, Fault, write_faults
from shop_simulator.writing import FORMATS, EventFile, EventText

_CATALOGUE, _COHORT, _BOT, _SESSIONS, _EVENTS, _IDS, _LOST, _DIRT = range(8)  # independent streams of chance
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LOST_SHARE = 0.9
_PILOT_CUSTOMERS = 20_000
_MAX_CUSTOMERS = 70_000_000  # user ids have nine digits


@dataclass(frozen=True, slots=True)
class Shop:
    """Settings of a synthetic shop.

    Attributes
    ----------
    users : int
        Customers of the first month. All of them have events in it.
    months : int
        Months, one file each. More months do not change the earlier ones (but see `dirt`).
    start : str
        First month, 'YYYY-MM'.
    seed : int
        Same settings and seed, same bytes.
    file_format : str
        'csv', 'csv.gz' or 'parquet' (typed columns; event_time is a UTC timestamp without a zone).
    arrivals : float
        New customers of each later month, as a share of `users`.
    activity : float
        Multiplies the number of sessions; 1 is near the published figures.
    currency_scale : float
        Multiplies all prices.
    timezone_offset : int
        The shop's local time minus UTC in hours, -12..14. Habits are in local time, files in UTC.
    fill_rate : float
        Share of filled category codes and brands that stay filled, 0..1.
    dirt : float
        Faults per line, 0..0.5; see `shop_simulator.dirt`. A run's last month has no late rows, since no
        file follows; there it differs from the same month of a longer run.
    category_switch : datetime.date, optional
        From that day on smartphones are filed under construction instead of electronics.
    lost_day : datetime.date, optional
        That day (UTC) loses 90 % of its events.
    unpaid_day : datetime.date, optional
        That day (UTC) has no purchase.
    capped_price : float, optional
        Highest price, in the scaled currency.
    bot_session : int
        Views in one session of a bot in the first month; 0 for none.
    remove_from_cart, category_code : bool
        False: the shop never logs removals, or category codes.
    """

    users: int = 10_000
    months: int = 4
    start: str = "2019-10"
    seed: int = 0
    file_format: str = "csv"
    arrivals: float = 0.4
    activity: float = 1.0
    currency_scale: float = 1.0
    timezone_offset: int = 0
    fill_rate: float = 1.0
    dirt: float = 0.0
    category_switch: dt.date | None = None
    lost_day: dt.date | None = None
    unpaid_day: dt.date | None = None
    capped_price: float | None = None
    bot_session: int = 0
    remove_from_cart: bool = True
    category_code: bool = True

    def __post_init__(self) -> None:
        """Check every setting.

        Raises
        ------
        ValueError
            With the setting, its value and what it may be.
        """
        checks = (
            ("users", self.users >= 1, "at least 1"),
            ("months", 1 <= self.months <= 120, "1 to 120"),
            (
                "start",
                bool(re.fullmatch(r"(19[7-9]\d|20\d\d)-(0[1-9]|1[0-2])", self.start)),
                "a month such as 2019-10",
            ),
            ("seed", self.seed >= 0, "0 or more"),
            ("file_format", self.file_format in FORMATS, " or ".join(FORMATS)),
            ("arrivals", 0 <= self.arrivals <= 10, "0 to 10"),
            ("activity", 0 < self.activity <= 100, "above 0, at most 100"),
            ("currency_scale", 1e-3 <= self.currency_scale <= 1e9, "0.001 to 1,000,000,000"),
            ("timezone_offset", -12 <= self.timezone_offset <= 14, "-12 to 14 hours"),
            ("fill_rate", 0 <= self.fill_rate <= 1, "0 to 1"),
            ("dirt", 0 <= self.dirt <= 0.5, "0 to 0.5"),
            ("capped_price", self.capped_price is None or self.capped_price > 0, "above 0"),
            ("bot_session", 0 <= self.bot_session <= 500_000, "0 (none) to 500,000 views"),
        )
        for name, good, wanted in checks:
            if not good:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be {wanted}")
        total = self.users * (1 + self.arrivals * (self.months - 1))
        if total > _MAX_CUSTOMERS:
            raise ValueError(
                f"{total:,.0f} customers do not fit into nine-digit user ids; "
                f"users, arrivals and months may make {_MAX_CUSTOMERS:,}"
            )
        for name in ("category_switch", "lost_day", "unpaid_day"):
            day = getattr(self, name)
            if day is not None and not self.calendar[0].first <= day < self.calendar[-1].next_first:
                raise ValueError(
                    f"{name} is {day}, outside of the generated period "
                    f"{self.calendar[0].first} to {self.calendar[-1].next_first - dt.timedelta(days=1)}"
                )

    @property
    def calendar(self) -> list[Month]:
        """Return the months."""
        months = [Month(dt.date.fromisoformat(self.start + "-01"), self.timezone_offset)]
        while len(months) < self.months:
            months.append(replace(months[-1], first=months[-1].next_first))
        return months

    def rng(self, stream: int, number: int = 0) -> np.random.Generator:
        """Return the source of chance of one stream and month; none shifts when another is drawn from."""
        return np.random.default_rng([self.seed, stream, number])

    def catalogue(self) -> Catalogue:
        """Return what is on sale."""
        return make_catalogue(
            self.rng(_CATALOGUE),
            currency_scale=self.currency_scale,
            capped_price=self.capped_price,
            fill_rate=self.fill_rate,
            category_code=self.category_code,
        )

    def cohort(self, number: int, category_weights: np.ndarray) -> Customers:
        """Return the customers who arrive in a month, the bot among those of the first."""
        arriving = round(self.users * self.arrivals)
        already = self.users + 1 + arriving * (number - 1) if number else 0
        customers = draw_customers(
            self.rng(_COHORT, number),
            arriving if number else self.users,
            arrival=number,
            already=already,
            category_weights=category_weights,
        )
        if number == 0 and self.bot_session:
            bot = draw_customers(
                self.rng(_BOT), 1, arrival=0, already=self.users, category_weights=category_weights
            )
            bot.behaviour[:], bot.last[:] = BOT, 0
            bot.sessions[:] = bot.cart[:] = bot.buy[:] = 0
            customers = customers.and_then(bot)
        return customers


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written.

    Attributes
    ----------
    files : tuple of Path
        Event files, in order of month.
    lines : dict of str to int
        Physical lines of each file by name, header included (Parquet: rows).
    events : int
        Clean events; those of a late row's file count where they happened.
    users : int
        Customers in the truth file.
    seconds : float
        Time taken.
    faults : tuple of Fault
        Injected dirt.
    """

    files: tuple[Path, ...]
    lines: dict[str, int]
    events: int
    users: int
    seconds: float
    faults: tuple[Fault, ...]


class _TruthFile:
    """The planted truth, written cohort by cohort."""

    def __init__(self, path: Path, calendar: list[Month]) -> None:
        self.customers = 0
        months = [f"{month.first:%Y-%m}" for month in calendar]
        self._months = pa.array([*months, ""])
        self._sink = path.open("wb")
        self._sink.write(b"user_id,behaviour,first_seen_month,churned_month\n")

    def __enter__(self) -> _TruthFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._sink.close()

    def add(self, cohort: Customers) -> None:
        """Append customers."""
        self.customers += len(cohort)
        churned = np.minimum(cohort.last + 1, len(self._months) - 1)
        table = pa.table(
            {
                "user_id": cohort.user_id,
                "behaviour": pa.array(NAMES).take(pa.array(cohort.behaviour)),
                "first_seen_month": self._months.take(pa.array(cohort.arrival)),
                "churned_month": self._months.take(pa.array(churned)),
            }
        )
        pa_csv.write_csv(table, self._sink, pa_csv.WriteOptions(include_header=False, quoting_style="none"))


def _simulate(
    shop: Shop, catalogue: Catalogue, on_cohort: Callable[[Customers], None] = lambda cohort: None
) -> Iterator[tuple[int, Month, Customers, Sessions, Iterator[Rows]]]:
    """Yield month by month: its number, calendar, active customers, sessions and the events, lot by lot."""
    shopper = Shopper(catalogue)
    active: Customers | None = None
    for number, month in enumerate(shop.calendar):
        cohort = shop.cohort(number, catalogue.weights)
        on_cohort(cohort)
        active = cohort if active is None else active.where(active.last >= number).and_then(cohort)
        sessions = draw_sessions(
            shop.rng(_SESSIONS, number),
            active,
            month,
            number,
            activity=shop.activity,
            bot_views=shop.bot_session,
        )
        rows = shopper.rows(shop.rng(_EVENTS, number), active, sessions, removals=shop.remove_from_cart)
        yield number, month, active, sessions, rows


def events_per_customer(shop: Shop) -> float:
    """Return how many events such a shop has per customer of the first month, over all its months.

    Measured on a shop with 20,000 customers; `users = events / events_per_customer` reaches a wanted total
    within a few percent.
    """
    pilot = replace(shop, users=_PILOT_CUSTOMERS, bot_session=0)
    total = sum(len(rows) for *_, lots in _simulate(pilot, pilot.catalogue()) for rows in lots)
    return total / _PILOT_CUSTOMERS


def generate(
    out: Path | str, *, progress: Callable[[str], None] | None = None, **settings: object
) -> Summary:
    """Write the event files, truth and dirt record of a synthetic shop.

    Files: `out/events/2019-Oct.csv` and so on, `out/truth.csv` (user_id, behaviour, first_seen_month,
    churned_month: the first month without the customer, empty if it lies after the last) and `out/dirt.csv`
    (file, line, kind, fate; only the header when `dirt` is 0). The behaviour of a bot is 'bot'. Memory is
    bounded by the sessions of a month.

    Parameters
    ----------
    out : Path or str
        Folder; made where absent.
    progress : callable, optional
        Gets a line of text now and then.
    **settings
        Attributes of `Shop`.

    Returns
    -------
    Summary
        What was written.

    Raises
    ------
    ValueError
        For a setting out of range.
    FileExistsError
        When `out/events` holds files of another run that this one would leave between its own.
    """
    shop = Shop(**settings)
    began = time.perf_counter()
    out = Path(out)
    folder = out / "events"
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{m.first.year}-{_MONTH_NAMES[m.first.month - 1]}.{shop.file_format}" for m in shop.calendar]
    strangers = sorted(path.name for path in folder.iterdir() if path.name.removesuffix(".part") not in names)
    if strangers:
        raise FileExistsError(
            f"{folder} holds files that are not of this run ({', '.join(strangers[:5])}); "
            "delete them or choose another output folder"
        )

    catalogue = shop.catalogue()
    text = EventText(catalogue, shop.category_switch)
    dirt = Dirt(shop.dirt, shop.rng(_DIRT), is_text=shop.file_format != "parquet") if shop.dirt else None
    lines: dict[str, int] = {}
    n_events = 0

    with _TruthFile(out / "truth.csv", shop.calendar) as truth:
        for number, month, active, sessions, lots in _simulate(shop, catalogue, truth.add):
            name = names[number]
            salt = int(shop.rng(_IDS, number).integers(1 << 63))
            chance = shop.rng(_LOST)
            told = time.perf_counter()
            if dirt:
                dirt.start_file(is_last=number == len(names) - 1)
            with EventFile(folder / name) as file:
                for rows in lots:
                    if shop.lost_day and month.first <= shop.lost_day < month.next_first:
                        hit = rows.second // 86_400 == (shop.lost_day - month.first).days
                        rows = rows.take(~hit | (chance.random(len(rows)) >= _LOST_SHARE))
                    if shop.unpaid_day and month.first <= shop.unpaid_day < month.next_first:
                        hit = rows.second // 86_400 == (shop.unpaid_day - month.first).days
                        rows = rows.take(~(hit & (rows.kind == PURCHASE)))
                    n_events += len(rows)
                    render = text.table if shop.file_format == "parquet" else text.lines
                    lot = render(rows, active, sessions, month, salt)
                    file.write(dirt.spoil(lot, name, file.lines) if dirt else lot)
                    if progress and len(rows) and time.perf_counter() - told > 2:
                        told = time.perf_counter()
                        rate = n_events / (told - began) / 1e6
                        day = int(rows.second[-1]) // 86_400 + 1
                        progress(
                            f"{name}: day {day} of {month.days}, {n_events:,} events so far, {rate:.2f} M/s"
                        )
                if dirt and (cut := dirt.end_file(name, file.lines)):
                    file.write_bytes(cut, 1)
            lines[name] = file.lines
            if progress:
                rate = n_events / (time.perf_counter() - began) / 1e6
                progress(f"{name}: done, {n_events:,} events so far, {rate:.2f} M/s")

    faults = tuple(dirt.faults) if dirt else ()
    write_faults(out / "dirt.csv", list(faults))
    return Summary(
        files=tuple(folder / name for name in names),
        lines=lines,
        events=n_events,
        users=truth.customers,
        seconds=time.perf_counter() - began,
        faults=faults,
    )
