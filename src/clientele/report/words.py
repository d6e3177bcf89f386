"""Texts of the pages: English in the code, French in a catalog, codes of the tables in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

__all__ = ["CODES", "translation"]

CODES = {
    "new_visitor": "New visitor",
    "browser_only": "Looks, has never bought",
    "lapsed_visitor": "Gone without buying",
    "new_buyer": "First order just now",
    "active": "Active customer",
    "loyal": "Loyal customer",
    "at_risk": "Buyer at risk",
    "lapsed_buyer": "Lost buyer",
    "none": "Not valued yet",
    "loaded": "events",
    "duplicates": "exact duplicates",
    "quarantined": "lines that are no event",
    "headers": "headers and blank lines",
    "removed": "erased or expired",
    "category_family": "Family",
    "brand": "Brand",
    "prediction_strength": "Customers who are together are together again in a fit on others",
    "half_sample_ari": "Two fits on halves of the customers agree",
    "min_jaccard": "The least stable persona is found again",
    "min_share": "The smallest persona has a share of customers",
    "month_ago_ari": "A fit a month ago agrees",
    "auc": "Foresees who orders, more than a simple rule",
    "volume_r2": "Foresees how much, more than a simple rule",
    "habit_r2": "Foresees habits, more than a simple rule",
    "met": "reached",
    "missed": "missed",
    "not measured": "not measured",
    "hypothesis": "hypothesis",
    "measured": "measured",
}


@cache
def _catalog(language: str) -> dict[str, str]:
    with Path(__file__).with_name(f"{language}.po").open("rb") as file:
        return {message.id: message.string for message in read_po(file, locale=language) if message.id}


def translation(language: str) -> Callable[[str], str]:
    """Return what gives a text in a language; a text that the catalog lacks is a fault of ours."""
    if language == "en":
        return lambda text: text
    catalog = _catalog(language)
    return lambda text: catalog[text]
