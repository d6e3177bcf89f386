"""Days on which shops sell otherwise: French and common holidays, the movable ones computed."""

from __future__ import annotations

from datetime import date, timedelta

# Month and day: holidays in France, and days that most shops keep or sell for.
FIXED = {
    "new_year": (1, 1),
    "valentine": (2, 14),
    "labour_day": (5, 1),
    "victory_day": (5, 8),
    "bastille_day": (7, 14),
    "assumption": (8, 15),
    "all_saints": (11, 1),
    "armistice": (11, 11),
    "christmas_eve": (12, 24),
    "christmas": (12, 25),
    "boxing_day": (12, 26),
    "new_years_eve": (12, 31),
}
# Days from Easter Sunday.
MOVABLE = {"good_friday": -2, "easter": 0, "easter_monday": 1, "ascension": 39, "whit_monday": 50}


def easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar.

    References
    ----------
    Meeus (1991), Astronomical algorithms, chapter 8 (the anonymous algorithm of 1876).

    Examples
    --------
    >>> easter(2011), easter(2024)
    (datetime.date(2011, 4, 24), datetime.date(2024, 3, 31))
    """
    golden, century, rest = year % 19, year // 100, year % 100
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def black_friday(year: int) -> date:
    """Return the day after the fourth Thursday of November.

    Examples
    --------
    >>> black_friday(2019)
    datetime.date(2019, 11, 29)
    """
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 22)


def holidays(year: int) -> dict[date, str]:
    """Return the days of a year by name; a day with two names keeps the movable one.

    Examples
    --------
    >>> holidays(2024)[date(2024, 5, 9)]
    'ascension'
    """
    found = {date(year, month, day): name for name, (month, day) in FIXED.items()}
    found |= {easter(year) + timedelta(days=days): name for name, days in MOVABLE.items()}
    return found | {black_friday(year): "black_friday"}
