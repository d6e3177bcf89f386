"""The cohort alarm: a persona most of whose members came within one week is no habit."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

WEEK = 7  # days
# Most of the members, and so many times the share of the other customers.
MIN_COHORT_SHARE, MIN_COHORT_LIFT = 0.5, 3.0
# Said before the name that the habits give, by language.
WORDS = {
    "en": "First seen in the week of {week}: {name}",
    "fr": "Arrivés dans la semaine du {week} : {name}",
}


def cohorts(labels: pd.DataFrame, first_seen: pd.Series, first_day: date) -> dict[int, date]:
    """Return the week, by its first day, within which most members of a segment were first seen.

    A campaign, an import or robots that behave like people come in a wave. Everybody who was there before the
    data begin is first seen in their first week: no window may reach into it.

    Parameters
    ----------
    labels : DataFrame, one row per user
        ``segment_id``; its index is the users.
    first_seen : Series
        The day of each user's first event, by the same index.
    first_day : date
        The first day with data.

    Returns
    -------
    dict of int to date
        Only segments of which more than `MIN_COHORT_SHARE` came within seven days, which has to be
        `MIN_COHORT_LIFT` times the share of all others in these days.

    Examples
    --------
    >>> labels = pd.DataFrame({"segment_id": [1, 1, 2, 2]})
    >>> days = pd.Series(pd.to_datetime(["2021-03-01", "2021-03-04", "2021-02-01", "2021-04-01"]))
    >>> cohorts(labels, days, date(2021, 1, 1))
    {1: datetime.date(2021, 3, 1)}
    """
    start = pd.Timestamp(first_day)
    days = (pd.to_datetime(first_seen).dt.normalize() - start).dt.days.reindex(labels.index).to_numpy()
    segments = labels["segment_id"].to_numpy()
    n_days = int(days.max()) + WEEK + 1 if len(days) else 0
    found = {}
    for segment_id in np.unique(segments):
        own = np.bincount(days[segments == segment_id], minlength=n_days)
        rest = np.bincount(days[segments != segment_id], minlength=n_days)
        sums = np.convolve(own, np.ones(WEEK, dtype=int))[WEEK - 1 :]
        sums[:WEEK] = 0
        # the fullest week that begins with somebody's first day
        first = int(np.argmax(np.where(own > 0, sums, 0)))
        share = sums[first] / own.sum()
        share_of_rest = rest[first : first + WEEK].sum() / max(rest.sum(), 1)
        if share > MIN_COHORT_SHARE and share >= MIN_COHORT_LIFT * share_of_rest:
            found[int(segment_id)] = (start + pd.Timedelta(days=first)).date()
    return found


def name_cohorts(names: pd.DataFrame, weeks: dict[int, date]) -> pd.DataFrame:
    """Return the names, with the week before those of segments that came in one.

    Parameters
    ----------
    names : DataFrame
        Of `clientele.personas.naming.name_segments`.
    weeks : dict of int to date
        Of `cohorts`.
    """
    named = names.copy()
    for row in names.itertuples():
        if row.segment_id not in weeks:
            continue
        for language, words in WORDS.items():
            column = f"segment_name_{language}"
            name = getattr(row, column)
            name = name[:1].lower() + name[1:]
            named.loc[row.Index, column] = words.format(week=f"{weeks[row.segment_id]:%Y-%m-%d}", name=name)
    return named
