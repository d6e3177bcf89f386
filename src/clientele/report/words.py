"""Texts of the pages: English in the code, French in a catalog, codes of the tables in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

__all__ = ["ACTIONS", "CODES", "MEANINGS", "translation", "typeset"]

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
    "loaded": "events that count",
    "duplicates": "exact duplicates",
    "quarantined": "lines that are no event",
    "headers": "headers and blank lines",
    "removed": "erased or expired",
    "category_family": "Family",
    "brand": "Brand",
    "prediction_strength": "Other customers give the same groups",
    "half_sample_ari": "Two halves of the customers give the same groups",
    "min_jaccard": "The least stable persona is found again with other customers",
    "min_share": "Share of customers in the smallest persona",
    "month_ago_ari": "The groups of a month ago are the same",
    "auc": "Says who will order, better than a simple rule",
    "volume_r2": "Says how much they will order, better than a simple rule",
    "habit_r2": "Says what their habits will be, better than a simple rule",
    "met": "passed",
    "missed": "failed",
    "hypothesis": "assumed",
    "measured": "measured",
    "value_tiers": "Value tiers",
    "rfm_5x5x5": "Recency, frequency and revenue in fifths",
    "log_rfm_x_rules": "Clusters of recency, frequency and revenue, with lifecycle rules",
    "personas": "Personas alone",
    "personas_x_value_tiers": "Personas with value tiers",
    "personas_x_rfm_5x5x5": "Personas with recency, frequency and revenue in fifths",
    "personas_x_log_rfm_x_rules": "Personas with such clusters and rules",
    "gradient_boosting": "Gradient boosting on every feature: the ceiling",
    "missing_day": "A day without any event",
    "short_day": "A day with fewer than a quarter of the usual events",
    "unpaid_day": "A day with events and no revenue",
    "spike_day": "A day with more than three times the usual revenue",
    "family_moved": "Products are listed under another family",
    "price_cap": "Several products share the highest price: prices are cut off there",
    "bot_session": "Sessions of bots, which are left out",
    "codes_missing": "Events without a category",
    "no_removes": "What is taken out of the cart is not recorded",
    "no_quantity": "No quantity is given: two pieces of a product are two lines",
    "event_gini": "Events: Gini coefficient (zero: all customers alike, one: one has all)",
    "event_top_100": "Events: share of the most active hundredth of customers",
    "event_top_10": "Events: share of the most active tenth of customers",
    "revenue_gini": "Revenue: Gini coefficient among buyers",
    "revenue_top_100": "Revenue: share of the hundredth of buyers who spend most",
    "revenue_top_10": "Revenue: share of the tenth of buyers who spend most",
}


# What a customer did, as the copy of the customer's data says it.
ACTIONS = {
    "view": "Looked at a product",
    "cart": "Put a product into the cart",
    "remove_from_cart": "Took a product out of the cart",
    "purchase": "Bought a product",
}


# What each lifecycle state means; the rules are in macros/customers/lifecycle.sql, the days in report_terms.
MEANINGS = {
    "new_visitor": "has not ordered, and came for the first time in the last {new} days",
    "browser_only": "has not ordered, came first over {new} days ago, and has come in the last {gone} days",
    "lapsed_visitor": "has not ordered, and has not come for more than {gone} days",
    "new_buyer": "has ordered once, in the last {new} days",
    "active": "has ordered, has come in the last {risk} days, and is neither new nor loyal",
    "loyal": "has ordered {orders} times or more, and has come in the last {risk} days",
    "at_risk": "has ordered, and came last between {risk} and {gone} days ago",
    "lapsed_buyer": "has ordered, and has not come for more than {gone} days",
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
    return lambda text: typeset(catalog[text], language)


def typeset(text: str, language: str) -> str:
    r"""Return a text with the apostrophes and the spaces that French print asks for; others as they are.

    Examples
    --------
    >>> typeset("un prix : « bas » ?", "fr")
    'un prix\xa0: «\xa0bas\xa0»\u202f?'
    """
    if language != "fr":
        return text
    text = re.sub(r" ?»", "\u00a0»", re.sub(r"« ?", "«\u00a0", text.replace("'", "\u2019")))
    return re.sub(r" ([;!?%])", "\u202f\\1", text.replace(" :", "\u00a0:"))
