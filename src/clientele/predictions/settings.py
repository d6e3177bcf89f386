"""What the heads about next orders have in common: horizons, the cells that they have to beat, refusals."""

from __future__ import annotations

HORIZONS = (7, 14, 30, 60, 90)
PUBLISHED = (7, 30, 90)
SPEND_HORIZONS = (30, 90)
# Columns of the cells and how many along each; SQL numbers a cell by its place along each.
CELL_BINS = {"recency_ln": 5, "orders_ln": 4, "events_30d_ln": 3}
CELL_BASE = 8
FIRST_DAYS = 30
MIN_TRAINING, MIN_TEST = 100, 50
MODEL, CELLS, LAST_SPEND, REFUSED = "model", "cells", "last_spend", "refused"


def refusal(horizon: int, n_days: int) -> str:
    """Say why a horizon cannot be predicted with so many days of history, or nothing.

    Examples
    --------
    >>> refusal(30, 90)
    ''
    >>> refusal(30, 89)
    'A horizon of 30 days needs 90 days of history; there are 89.'
    """
    needed = FIRST_DAYS + 2 * horizon
    if n_days >= needed:
        return ""
    return f"A horizon of {horizon} days needs {needed} days of history; there are {n_days}."


def few_positives(n_training: int, n_test: int) -> str:
    """Say why there are too few orders to learn from or to test on, or nothing.

    Examples
    --------
    >>> few_positives(100, 50)
    ''
    >>> few_positives(99, 50)
    'At least 100 positives to learn from and 50 to test on are needed; there are 99 and 50.'
    """
    if n_training >= MIN_TRAINING and n_test >= MIN_TEST:
        return ""
    return (
        f"At least {MIN_TRAINING} positives to learn from and {MIN_TEST} to test on are needed; "
        f"there are {n_training} and {n_test}."
    )
