"""What customers do: sessions of a month, and the events in them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from shop_simulator.behaviours import BOT, Customers
from shop_simulator.catalogue import SLOTS, Catalogue

EVENT_TYPES = ("view", "cart", "remove_from_cart", "purchase")
VIEW, CART, REMOVE, PURCHASE = range(4)

_DAY = 86_400
_SPLIT_SECONDS = 31 * 60  # two sessions of a customer are further apart than the usual 30 minutes
_TAIL_SECONDS = 120  # carts, removals and the order may follow the last view by this much
_VIEWS_SPREAD = 1.35
_MAX_VIEWS = 400
_MAX_SECONDS = 3 * 3600
_VIEWS_PER_LOT = 100_000  # at least; small lots stay in the cache
_LOTS = 200  # at most, so that few sessions reach from one lot into the next
_SESSION_CATEGORY_SHARE = 0.6  # of the views outside the favourite category
_REPEATED_VIEW_SHARE = 0.15
_PRICE_SPREAD = 0.65  # of one customer's views, in z-scores within the category
_CARTED_IS_ORDERED = 0.5  # a carted product goes with an order of the same session
_FIRST_IS_ORDERED_TOO = 0.2  # with the last view, in sessions of several views
_ORDER_HAS_CART_ROW = 0.5  # the published files hold many orders without a cart event

_HOUR_WEIGHTS = np.array(
    [1, 1, 2, 4, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 9, 9, 9, 8, 7, 5, 3, 2], dtype=float
)


@dataclass(frozen=True, slots=True)
class Month:
    """One calendar month (UTC) and the shop's local time in it.

    Attributes
    ----------
    first : datetime.date
        First day.
    offset_hours : int
        Local time minus UTC.
    """

    first: dt.date
    offset_hours: int = 0

    @property
    def days(self) -> int:
        """Return the number of days."""
        return (self.next_first - self.first).days

    @property
    def next_first(self) -> dt.date:
        """Return the first day of the next month."""
        return (self.first + dt.timedelta(days=32)).replace(day=1)

    def local_dates(self) -> list[dt.date]:
        """Return the local dates that the month touches: one day more on either side."""
        return [self.first + dt.timedelta(days=day) for day in range(-1, self.days + 1)]

    def local_day(self, second: np.ndarray) -> np.ndarray:
        """Return positions in `local_dates` of seconds since the start of the month."""
        return (second + (self.offset_hours * 3600 + _DAY)) // _DAY


def is_promotion_day(date: dt.date) -> bool:
    """Tell promotion days: the 11th, the 12th and the last Friday of each month."""
    last_friday = date.weekday() == 4 and (date + dt.timedelta(days=7)).month != date.month
    return date.day in (11, 12) or last_friday


@dataclass(slots=True)
class Sessions:
    """Sessions of a month in order of start.

    `user` points into the customers of that month, `start` counts seconds since the month began,
    `seconds` those from the first view to the last.
    """

    user: np.ndarray
    start: np.ndarray
    seconds: np.ndarray
    views: np.ndarray

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self.user)


@dataclass(slots=True)
class Rows:
    """Events, one array entry each: second of the month, type, product, position of the session."""

    second: np.ndarray
    kind: np.ndarray
    product: np.ndarray
    session: np.ndarray

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.second)

    def take(self, index: np.ndarray | slice) -> Rows:
        """Return the events at a mask, slice or positions."""
        return Rows(*(getattr(self, field.name)[index] for field in fields(self)))

    @staticmethod
    def concat(parts: list[Rows]) -> Rows:
        """Return several lots of events as one."""
        return Rows(
            *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Rows))
        )


def _start_seconds(
    rng: np.random.Generator, customers: Customers, user: np.ndarray, month: Month
) -> np.ndarray:
    """Draw when sessions start: promotion day, weekend and evening by habit, then the hour."""
    hours = np.arange(month.days * 24)
    day, local_hour = np.divmod(hours + month.offset_hours + 24, 24)
    dates = month.local_dates()
    promo = np.array([is_promotion_day(date) for date in dates])[day]
    day_class = np.where(promo, 2, np.array([date.weekday() >= 5 for date in dates])[day])
    evening = local_hour >= 18

    n = len(user)
    drawn_class = np.where(rng.random(n) < customers.promo[user], 2, rng.random(n) < customers.weekend[user])
    drawn_evening = rng.random(n) < customers.evening[user]
    place = rng.random(n)
    hour = np.empty(n, np.int64)
    for a in range(3):
        for b in (False, True):
            cells = hours[(day_class == a) & (evening == b)]
            chosen = np.flatnonzero((drawn_class == a) & (drawn_evening == b))
            cdf = np.cumsum(_HOUR_WEIGHTS[local_hour[cells]])
            hour[chosen] = cells[np.searchsorted(cdf, place[chosen] * cdf[-1], side="right")]
    return hour * 3600 + rng.integers(0, 3600, n)


def draw_sessions(
    rng: np.random.Generator,
    customers: Customers,
    month: Month,
    number: int,
    *,
    activity: float = 1.0,
    bot_views: int = 0,
) -> Sessions:
    """Draw the sessions of one month.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of this month's chance alone.
    customers : Customers
        Those active in the month.
    month : Month
        The month.
    number : int
        Months since the first generated one; whoever arrives in it has at least one session.
    activity : float
        Multiplies the number of sessions.
    bot_views : int
        Views in the one session of a customer of the kind `BOT`.

    Returns
    -------
    Sessions
        In order of start. Those of one customer lie more than 30 minutes apart.
    """
    length = month.days * _DAY
    arrives = customers.arrival == number
    many = rng.poisson(customers.sessions.astype(float) * activity) + arrives
    user = np.repeat(np.arange(len(customers), dtype=np.int64), many)
    start = _start_seconds(rng, customers, user, month)
    key = np.sort(user << 22 | start)  # a month has fewer than 2^22 seconds; customers are in order already
    start = key & (1 << 22) - 1

    extra = np.exp(rng.normal(0, _VIEWS_SPREAD, len(user)) + customers.log_views[user])
    views = 1 + np.minimum(extra, _MAX_VIEWS - 1).astype(np.int64)
    pace = np.minimum(np.exp(rng.normal(np.log(38), 0.8, len(user))), 240)
    seconds = np.minimum((views - 1) * pace, _MAX_SECONDS).astype(np.int64)
    seconds = np.maximum(seconds, views - 1)  # views of a session are at least one second apart
    bot = customers.behaviour[user] == BOT
    views[bot] = bot_views
    seconds[bot] = bot_views + bot_views // 5

    # No overlap: each session waits for the one before. With the occupied times summed up, "the later of my
    # start and the previous end, all the way back" is a running maximum per customer.
    occupied = seconds + _TAIL_SECONDS + _SPLIT_SECONDS
    start = np.maximum(np.minimum(start, length - seconds - _TAIL_SECONDS - 1), 0)
    before = np.cumsum(occupied) - occupied
    apart = 1 << 40
    start = np.maximum.accumulate(start - before + user * apart) - user * apart + before
    kept = np.flatnonzero(start + seconds + _TAIL_SECONDS < length)

    order = kept[np.argsort(start[kept], kind="stable")]
    return Sessions(
        user=user[order].astype(np.int32),
        start=start[order].astype(np.int32),
        seconds=seconds[order].astype(np.int32),
        views=views[order].astype(np.int32),
    )


class Shopper:
    """Turns sessions into events for one catalogue.

    Parameters
    ----------
    catalogue : Catalogue
        What is on sale.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        edges = (np.cumsum(catalogue.weights) * 4096).round().astype(int)
        self._popular = (
            np.searchsorted(edges, np.arange(4096), side="right")
            .clip(0, len(catalogue.weights) - 1)
            .astype(np.int32)
        )
        # Price quantile of a z-score: the logistic curve is within 0.01 of the normal one, and cheap.
        z = np.linspace(-4, 4, 1024)
        self._quantile = (SLOTS / (1 + np.exp(-1.702 * z))).astype(np.int32)
        self._slots = catalogue.slots.ravel()

    def rows(
        self, rng: np.random.Generator, customers: Customers, sessions: Sessions, *, removals: bool = True
    ) -> Iterator[Rows]:
        """Yield the events of a month in order of time, a bounded number at once.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of chance.
        customers : Customers
            Whom `sessions.user` points to.
        sessions : Sessions
            In order of start.
        removals : bool
            False leaves out removals from the cart.

        Yields
        ------
        Rows
            Events in order of time, also from one lot to the next.
        """
        until = np.cumsum(sessions.views, dtype=np.int64)
        size = max(_VIEWS_PER_LOT, int(sessions.views.sum()) // _LOTS)
        edges = [0, *(np.flatnonzero(np.diff(until // size)) + 1).tolist(), len(sessions)]
        waiting: list[Rows] = []
        for a, b in itertools.pairwise(edges):
            rows = Rows.concat([*waiting, self._expand(rng, customers, sessions, a, b, removals)])
            key = np.sort(rows.second.astype(np.int64) << 32 | np.arange(len(rows)))
            horizon = int(sessions.start[b]) if b < len(sessions) else 1 << 30
            done = int(np.searchsorted(key, horizon << 32))
            order = key & (1 << 32) - 1
            waiting = [rows.take(order[done:])]
            yield rows.take(order[:done])

    def _expand(
        self,
        rng: np.random.Generator,
        customers: Customers,
        sessions: Sessions,
        a: int,
        b: int,
        removals: bool,
    ) -> Rows:
        views = sessions.views[a:b]
        user = sessions.user[a:b]
        n_sessions, total = b - a, int(views.sum())
        i = np.arange(total, dtype=np.int32)
        last = np.cumsum(views, dtype=np.int64) - 1
        first = last - views + 1
        s = np.repeat(np.arange(n_sessions, dtype=np.int32), views)

        # Gaps between views: exponential, scaled to the session's length, at least one second each.
        gap = rng.standard_exponential(total, dtype=np.float32)
        gap[first] = 0
        clock = np.cumsum(gap, dtype=np.float64)
        spread = clock[last] - clock[first]
        scale = np.divide(
            sessions.seconds[a:b] - (views - 1), spread, out=np.zeros(n_sessions), where=spread > 0
        )
        shift = sessions.start[a:b] - first - clock[first] * scale
        second = i + np.floor(clock * scale[s] + shift[s] + 1e-6).astype(np.int32)

        # One 64-bit draw per view: 24 bits which category source, 12 popular category, 8 repeat, 20 cart.
        bits = rng.bit_generator.random_raw(total)
        source = (bits & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)
        favourite_share = customers.favourite[user]
        session_share = favourite_share + (1 - favourite_share) * np.float32(_SESSION_CATEGORY_SHARE)
        session_category = self._popular[rng.integers(0, 4096, n_sessions)]
        category = self._popular[(bits >> np.uint64(24) & 0xFFF).astype(np.int64)]
        category = np.where(source < session_share[s], session_category[s], category)
        favourite = customers.favourite_category[user].astype(np.int32)
        category = np.where(source < favourite_share[s], favourite[s], category)

        z = rng.standard_normal(total, dtype=np.float32)
        z *= np.float32(_PRICE_SPREAD)
        z += customers.price[user][s]
        place = ((z + 4) * 128).astype(np.int32)
        product = self._slots[category * SLOTS + self._quantile[np.clip(place, 0, 1023, out=place)]]
        repeated = (bits >> np.uint64(36) & 0xFF) < int(256 * _REPEATED_VIEW_SHARE)
        repeated[first] = False
        shown = np.where(repeated, 0, i)
        product = product[np.maximum.accumulate(shown)]

        # Funnel. All purchase rows of an order carry one time, so a product occurs in it once: the format has
        # no quantity, and a second row would be an exact duplicate.
        carted = np.flatnonzero((bits >> np.uint64(44)) < (customers.cart[user] * 2**20).astype(np.uint64)[s])
        buys = rng.random(n_sessions) < customers.buy[user]
        ordered_too = carted[buys[s[carted]] & (rng.random(len(carted)) < _CARTED_IS_ORDERED)]
        with_first = buys & (rng.random(n_sessions) < _FIRST_IS_ORDERED_TOO)
        bought = np.unique(np.concatenate([last[buys], first[with_first], ordered_too]))
        _, once = np.unique(s[bought].astype(np.int64) << 32 | product[bought], return_index=True)
        bought = bought[once]
        cart = np.union1d(carted, last[buys & (rng.random(n_sessions) < _ORDER_HAS_CART_ROW)])
        removed = carted[rng.random(len(carted)) < customers.remove[user][s[carted]]]
        removed = np.setdiff1d(removed, bought) if removals else removed[:0]

        # Delays are per session, so that two carts of one product never fall on the same second.
        cart_delay = rng.integers(2, 10, n_sessions, dtype=np.int32)
        remove_delay = rng.integers(12, 60, n_sessions, dtype=np.int32)
        order_time = second[last] + rng.integers(30, 100, n_sessions, dtype=np.int32)
        index = np.concatenate([i, cart, removed, bought])
        return Rows(
            second=np.concatenate(
                [
                    second,
                    second[cart] + cart_delay[s[cart]],
                    second[removed] + remove_delay[s[removed]],
                    order_time[s[bought]],
                ]
            ),
            kind=np.repeat(
                np.array([VIEW, CART, REMOVE, PURCHASE], np.int8),
                [total, len(cart), len(removed), len(bought)],
            ),
            product=product[index],
            session=s[index] + np.int32(a),
        )
