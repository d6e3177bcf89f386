"""The products on sale: categories, brands, prices and popularity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SLOTS = 1024  # price quantiles per category; a popular product fills several neighbouring ones
SWITCHED_FAMILY = "electronics.smartphone"
SWITCHED_TO = "construction.tools.light"

# code, weight of its views, median price
_CODED = (
    ("electronics.smartphone", 27.0, 290.0),
    ("electronics.clocks", 3.2, 165.0),
    ("electronics.audio.headphone", 2.4, 70.0),
    ("electronics.video.tv", 2.4, 420.0),
    ("electronics.tablet", 1.1, 190.0),
    ("electronics.telephone", 0.8, 26.0),
    ("electronics.camera.photo", 0.4, 480.0),
    ("electronics.audio.subwoofer", 0.5, 100.0),
    ("computers.notebook", 3.2, 600.0),
    ("computers.desktop", 0.8, 610.0),
    ("computers.peripherals.printer", 0.6, 170.0),
    ("computers.components.memory", 0.4, 60.0),
    ("appliances.kitchen.refrigerators", 1.9, 330.0),
    ("appliances.kitchen.washer", 1.9, 320.0),
    ("appliances.environment.vacuum", 1.8, 120.0),
    ("appliances.environment.air_heater", 0.9, 35.0),
    ("appliances.kitchen.microwave", 0.7, 85.0),
    ("appliances.kitchen.blender", 0.7, 45.0),
    ("appliances.kitchen.oven", 0.6, 250.0),
    ("appliances.personal.hair_cutter", 0.5, 30.0),
    ("appliances.iron", 0.6, 28.0),
    ("furniture.living_room.sofa", 1.1, 520.0),
    ("furniture.living_room.cabinet", 0.9, 270.0),
    ("furniture.bedroom.bed", 0.9, 160.0),
    ("furniture.kitchen.table", 0.5, 130.0),
    ("apparel.shoes", 1.8, 85.0),
    ("apparel.shoes.keds", 1.1, 70.0),
    ("apparel.costume", 0.7, 60.0),
    ("apparel.trousers", 0.5, 45.0),
    ("auto.accessories.player", 1.3, 72.0),
    ("auto.accessories.alarm", 0.8, 130.0),
    ("auto.accessories.videoregister", 0.5, 75.0),
    ("construction.tools.drill", 0.6, 70.0),
    ("construction.tools.saw", 0.4, 110.0),
    ("kids.carriage", 0.6, 180.0),
    ("kids.toys", 0.6, 25.0),
    ("accessories.bag", 0.6, 60.0),
    ("accessories.wallet", 0.2, 30.0),
    ("sport.bicycle", 0.5, 290.0),
    ("sport.trainer", 0.2, 240.0),
    ("stationery.cartrige", 0.2, 12.0),
    ("medicine.tools.tonometer", 0.2, 50.0),
    ("country_yard.lawn_mower", 0.2, 210.0),
)
_UNCODED_CATEGORIES = 40
_UNCODED_SHARE = 0.32
_UNBRANDED_SHARE = 0.14
_BRANDS = 360
_FREE_SHARE = 0.004
# Legal RFC 4180 fields that a naive split on commas gets wrong.
_AWKWARD_BRANDS = ("moss, reed & sons", 'lumo 12" vinyl')
_SYLLABLES = (
    "ar",
    "be",
    "co",
    "dra",
    "el",
    "fi",
    "gor",
    "hu",
    "is",
    "ka",
    "lo",
    "mi",
    "nu",
    "or",
    "pel",
    "ri",
    "sa",
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Products, sorted by category and, within it, by price.

    Attributes
    ----------
    product_id, category_id : ndarray of int64, shape (n_products,)
    code, brand : list of str
        Empty where the shop has not filled the field in.
    price, promo_price : ndarray of float64, shape (n_products,)
        In the shop's currency; the price on promotion days is the lower one.
    category : ndarray of int16, shape (n_products,)
    weights : ndarray of float64, shape (n_categories,)
        Popularity of categories, sums to 1.
    slots : ndarray of int32, shape (n_categories, SLOTS)
        Product at each quantile of price of each category, weighted by popularity.
    """

    product_id: np.ndarray
    category_id: np.ndarray
    code: list[str]
    brand: list[str]
    price: np.ndarray
    promo_price: np.ndarray
    category: np.ndarray
    weights: np.ndarray
    slots: np.ndarray

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.product_id)


def make_catalogue(
    rng: np.random.Generator,
    *,
    currency_scale: float = 1.0,
    capped_price: float | None = None,
    fill_rate: float = 1.0,
    category_code: bool = True,
) -> Catalogue:
    """Make the catalogue of a shop.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    currency_scale : float
        Multiplies every price.
    capped_price : float, optional
        Highest price, in the scaled currency.
    fill_rate : float
        Share of the filled category codes and brands that stay filled, 0..1.
    category_code : bool
        False leaves every category code empty.

    Returns
    -------
    Catalogue
        About 4,000 products in 83 categories.
    """
    uncoded = rng.dirichlet(np.full(_UNCODED_CATEGORIES, 1.5))
    coded = np.array([weight for _, weight, _ in _CODED])
    weights = np.concatenate([coded / coded.sum() * (1 - _UNCODED_SHARE), uncoded * _UNCODED_SHARE])
    medians = np.concatenate(
        [[price for *_, price in _CODED], np.exp(rng.normal(np.log(78), 0.9, _UNCODED_CATEGORIES))]
    )
    codes = [code for code, *_ in _CODED] + [""] * _UNCODED_CATEGORIES

    names = sorted({"".join(rng.choice(_SYLLABLES, size=rng.integers(2, 4))) for _ in range(2 * _BRANDS)})
    names = [str(name) for name in rng.permutation(names)[:_BRANDS]]
    names[-len(_AWKWARD_BRANDS) :] = _AWKWARD_BRANDS

    category, price, brand, slots = [], [], [], []
    n_before = 0
    for number, weight in enumerate(weights):
        count = int(np.clip(4000 * weight, 30, 700))
        own = rng.choice(_BRANDS, size=rng.integers(8, 25), replace=False)
        # Brands have a price level, so that who keeps to a price level keeps to some brands too.
        level = np.linspace(0, 1, count) + rng.normal(0, 0.12, count)
        named = own[np.clip((level * len(own)).astype(int), 0, len(own) - 1)]
        brand += [names[b] for b in named]
        category.append(np.full(count, number, np.int16))
        price.append(np.sort(medians[number] * np.exp(rng.normal(0, 0.7, count))))
        popularity = np.cumsum(rng.pareto(1.6, count) + 0.15)
        middle = (np.arange(SLOTS) + 0.5) / SLOTS * popularity[-1]
        slots.append(n_before + np.searchsorted(popularity, middle))
        n_before += count

    category = np.concatenate(category)
    n = len(category)
    price = np.concatenate(price)
    local = np.arange(n) - np.searchsorted(category, category)
    # Blanks follow what is viewed, not what is on sale: popular products are as often unbranded as others.
    unbranded = rng.random(n) < _UNBRANDED_SHARE
    lost_brand, lost_code = rng.random((2, n)) >= fill_rate
    free = rng.random(n) < _FREE_SHARE
    discount = np.where(rng.random(n) < 0.5, 0.8, 1.0)

    def as_written(amount: np.ndarray) -> np.ndarray:
        scaled = np.maximum(np.round(amount * currency_scale, 2), 0.01)
        return np.where(free, 0.0, scaled if capped_price is None else np.minimum(scaled, capped_price))

    return Catalogue(
        product_id=1_000_000 + category.astype(np.int64) * 600_000 + local * 61,
        category_id=2_053_013_550_000_000_000 + category.astype(np.int64) * 131_072_003,
        code=[
            "" if blank or not category_code else codes[c]
            for c, blank in zip(category.tolist(), lost_code.tolist(), strict=True)
        ],
        brand=[
            "" if blank else name
            for name, blank in zip(brand, (unbranded | lost_brand).tolist(), strict=True)
        ],
        price=as_written(price),
        promo_price=as_written(price * discount),
        category=category,
        weights=weights,
        slots=np.array(slots, np.int32),
    )
