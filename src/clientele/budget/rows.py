"""A plan of the budget as the rows of a fit: what the dbt Python model calls."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pandas as pd

from clientele.learning.fields import next_number, part_of, to_fields

COLUMNS = ("segment", "channel", "week", "spend", "outcome")
NOTHING = "No spend is declared: deliver a file of segment, channel, week, spend and outcome (channel_spend)."
OFF = "The var prediction_heads does not name budget."


def budget_rows(frames: Mapping[str, pd.DataFrame], earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Plan the budget if what was declared is not what the newest plan is made of.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request`` and ``frame``: the dbt models budget_request and budget_frame.
    earlier : DataFrame or None
        The rows of ``budget_fit_fields`` so far; None when there is no table.

    Returns
    -------
    DataFrame
        Columns of `clientele.learning.fields.SCHEMA`; empty when nothing has changed. Parts: ``card``
        (``declared``: a hash of what it is made of, ``as_of_date``, ``reason``: why there is no plan),
        ``curve`` (a segment and channel) and ``plan`` (that in a scenario).

    Examples
    --------
    >>> request = pd.DataFrame({"is_on": [True], "as_of_date": ["2020-02-29"]})
    >>> frames = {"request": request, "frame": pd.DataFrame(columns=list(COLUMNS))}
    >>> part_of(budget_rows(frames, None), "card")["reason"].iloc[0][:21]
    'No spend is declared:'
    >>> len(budget_rows(frames, budget_rows(frames, None)))
    0
    """
    request = frames["request"].iloc[0]
    spend = frames["frame"][list(COLUMNS)].sort_values(["segment", "channel", "week"], ignore_index=True)
    spend = spend.assign(
        week=pd.to_datetime(spend["week"]).dt.strftime("%Y-%m-%d"),
        spend=spend["spend"].astype(float),
        outcome=spend["outcome"].astype(float),
    )
    text = f"{bool(request['is_on'])}\n" + spend.to_csv(index=False, float_format="%.10g")
    declared = hashlib.sha256(text.encode()).hexdigest()
    known = pd.DataFrame() if earlier is None or earlier.empty else part_of(earlier, "card")
    if len(known) and known["declared"].iloc[-1] == declared:
        return to_fields({})
    as_of = pd.Timestamp(request["as_of_date"])
    card: dict[str, object] = {"declared": declared, "as_of_date": f"{as_of:%Y-%m-%d}"}
    parts = {}
    if not request["is_on"]:
        card["reason"] = OFF
    elif spend.empty:
        card["reason"] = NOTHING
    else:
        # scipy takes a second; most builds plan nothing
        from clientele.budget.curves import curves
        from clientele.budget.plan import plan

        parts = {"curve": curves(spend), "plan": plan(spend)}
    return to_fields(
        {"card": pd.DataFrame([card])} | parts, next_number(earlier), f"{as_of:%Y%m%d}-{declared[:8]}"
    )
