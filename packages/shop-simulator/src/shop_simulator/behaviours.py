"""The planted behaviours, and the customers drawn around them.

A `newcomer` arrives after the first month and is ordinary in everything else: near the average, hence hard to
find from habits alone, and a matter for a lifecycle rule rather than for a cluster of habits. All other
behaviours are found in every month's arrivals.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

FIRST_USER_ID = 500_000_000
_ID_SPACING = 7  # leaves holes between ids, as a real numbering has


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What is typical of one behaviour; every customer varies around it.

    Attributes
    ----------
    name : str
        Name in truth.csv.
    share : float
        Share of the customers of the first month, 0..1.
    sessions : float
        Median sessions a month.
    log_views : float
        Location of the logarithm of views per session (beyond the first view).
    cart, buy, remove : float
        Probability that a view is put in the cart, that a session ends in an order, and that a carted
        product that is not ordered is removed again.
    price : float
        Mean z-score of the logarithm of price within the category of the viewed products.
    favourite : float
        Share of views in the customer's favourite category.
    evening, weekend, promo : float
        Share of sessions in the evening (18-24 h local), on Saturday or Sunday, on promotion days.
    churn : float
        Probability of leaving for good after any month.
    """

    name: str
    share: float
    sessions: float
    log_views: float
    cart: float
    buy: float
    remove: float
    price: float
    favourite: float
    evening: float
    weekend: float
    promo: float
    churn: float


# fmt: off
BEHAVIOURS = (
    # share, sessions, log_views, cart, buy, remove, price, favourite, evening, weekend, promo, churn
    Behaviour("window_shopper",          .18, 1.1, 1.2, .002, .003,  .1,    0, .06, .12, .12, .06,  .3),
    Behaviour("one_off_buyer",           .18,  .4, .35,  .05,  .38,  .1,    0,  .4, .25, .22, .08,  .6),
    Behaviour("bargain_hunter",          .13, 1.7,  .3, .025, .035,  .2, -1.5,  .2, .25, .22,  .5,  .1),
    Behaviour("premium_loyalist",        .12, 1.7,  .3,  .03,  .13, .05,  1.5, .45, .25, .22, .05, .05),
    Behaviour("cart_abandoner",          .12, 1.5,  .3,  .16,  .01, .45,    0,  .2, .25, .22, .08, .12),
    Behaviour("evening_weekend_browser", .13, 1.7,  .3, .006, .012,  .1,    0,  .2, .85,  .8, .05, .12),
    Behaviour("category_specialist",     .14, 1.7,  .3, .012,  .03,  .1,    0, .94, .25, .22, .06, .12),
    Behaviour("newcomer",                  0, 1.3,  .3,  .02,  .05,  .2,    0,  .3, .25, .22,  .1, .15),
)
# fmt: on
NAMES = (*(behaviour.name for behaviour in BEHAVIOURS), "bot")
NEWCOMER = NAMES.index("newcomer")
BOT = NAMES.index("bot")
NEWCOMER_SHARE_OF_ARRIVALS = 0.15

# How far individuals lie from what is typical: standard deviations of the logarithm of rates, of the logit
# of probabilities and of the price z-score.
_SPREAD = {
    "sessions": 0.85,
    "log_views": 0.3,
    "cart": 0.4,
    "buy": 0.4,
    "remove": 0.5,
    "price": 0.30,
    "favourite": 0.45,
    "evening": 0.35,
    "weekend": 0.35,
    "promo": 0.40,
}


@dataclass(slots=True)
class Customers:
    """Customers and their lasting habits, one array entry each, in order of arrival.

    `arrival` and `last` are months counted from the first generated one (0); `last` is the last active month.
    The others are the individual's values of the attributes of `Behaviour`.
    """

    user_id: np.ndarray
    behaviour: np.ndarray
    arrival: np.ndarray
    last: np.ndarray
    favourite_category: np.ndarray
    sessions: np.ndarray
    log_views: np.ndarray
    cart: np.ndarray
    buy: np.ndarray
    remove: np.ndarray
    price: np.ndarray
    favourite: np.ndarray
    evening: np.ndarray
    weekend: np.ndarray
    promo: np.ndarray

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.user_id)

    def where(self, keep: np.ndarray) -> Customers:
        """Return the customers at the given mask or positions."""
        return Customers(*(getattr(self, field.name)[keep] for field in fields(self)))

    def and_then(self, later: Customers) -> Customers:
        """Return these customers followed by later ones."""
        return Customers(
            *(np.concatenate([getattr(self, f.name), getattr(later, f.name)]) for f in fields(self))
        )


def draw_customers(
    rng: np.random.Generator, count: int, *, arrival: int, already: int, category_weights: np.ndarray
) -> Customers:
    """Draw the customers who arrive in one month.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of this cohort's chance alone, so that a cohort does not depend on how many follow.
    count : int
        How many arrive.
    arrival : int
        Month of arrival, 0 for those whom the shop already had.
    already : int
        How many arrived in earlier months; user ids continue from there.
    category_weights : ndarray of shape (n_categories,)
        Popularity of the categories.

    Returns
    -------
    Customers
        `count` customers.
    """
    shares = np.array([behaviour.share for behaviour in BEHAVIOURS])
    if arrival:
        shares *= 1 - NEWCOMER_SHARE_OF_ARRIVALS
        shares[NEWCOMER] = NEWCOMER_SHARE_OF_ARRIVALS
    kind = rng.choice(len(shares), size=count, p=shares / shares.sum()).astype(np.int8)

    def individual(name: str) -> np.ndarray:
        typical = np.array([getattr(behaviour, name) for behaviour in BEHAVIOURS])
        noise = rng.normal(0, _SPREAD[name], count)
        if name in ("log_views", "price"):
            return (typical[kind] + noise).astype(np.float32)
        if name == "sessions":
            return (typical[kind] * np.exp(noise)).astype(np.float32)
        return (1 / (1 + np.exp(-(np.log(typical / (1 - typical))[kind] + noise)))).astype(np.float32)

    churn = np.array([behaviour.churn for behaviour in BEHAVIOURS])
    order = already + np.arange(count, dtype=np.int64)
    flattened = category_weights**0.7
    return Customers(
        user_id=FIRST_USER_ID + _ID_SPACING * order + rng.integers(0, _ID_SPACING, count),
        behaviour=kind,
        arrival=np.full(count, arrival, np.int32),
        last=(arrival + rng.geometric(churn[kind]) - 1).astype(np.int32),
        favourite_category=rng.choice(len(flattened), size=count, p=flattened / flattened.sum()).astype(
            np.int16
        ),
        **{name: individual(name) for name in _SPREAD},
    )
