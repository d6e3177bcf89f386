"""Texts of the pages: English in the code, French in a catalog, codes of the tables in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

__all__ = ["ACTIONS", "CODES", "HEADS", "MEANINGS", "translation", "typeset"]

CODES = {
    "new_visitor": "New visitor",
    "browser_only": "Looks, has never bought",
    "lapsed_visitor": "Gone without buying",
    "new_buyer": "First order just now",
    "active": "Active customer",
    "loyal": "Loyal customer",
    "at_risk": "Buyer at risk",
    "lapsed_buyer": "Lost buyer",
    "newcomer": "Came since then",
    "none": "Not valued yet",
    "loaded": "events that count",
    "duplicates": "exact duplicates",
    "quarantined": "lines that are no event",
    "headers": "headers and blank lines",
    "removed": "erased or expired",
    "refunds": "refunds, kept beside the events",
    "category_family": "Family",
    "brand": "Brand",
    "unclassified": "no family given",
    "prediction_strength": "Other customers give the same groups",
    "half_sample_ari": "Two halves of the customers give the same groups",
    "min_jaccard": "The least stable persona is found again with other customers",
    "min_share": "Share of customers in the smallest persona",
    "month_ago_ari": "The groups of a month ago are the same",
    "auc": "Says who will order, no worse than a simple rule",
    "volume_r2": "Says how much they will order, no worse than a simple rule",
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
    "path:glance": "One look",
    "path:look": "Several looks",
    "path:cart_left": "Something is left in the cart",
    "path:cart_emptied": "The cart is emptied again",
    "path:look_cart_order": "Look, cart, order",
    "path:cart_order": "Cart and order without a look",
    "path:look_order": "Look and order without a cart",
    "path:order": "An order alone",
    "head:order_7d": "An order within a week",
    "head:order_30d": "An order within a month",
    "head:order_90d": "An order within three months",
    "head:spend_30d": "Spend of a month",
    "head:spend_90d": "Spend of three months",
    "head:category": "The family of the next purchase",
    "head:rebuy_product": "A product that is bought again",
    "head:rebuy_brand": "A brand that is bought again",
    "head:rebuy_family": "A family that is bought again",
    "head:session": "A purchase in a visit under way",
    "head:list_again": "Three products to buy again",
    "head:list_new": "Three new products",
    "head:forecast_n_orders": "Orders of a day",
    "head:forecast_n_units": "Units of a day",
    "head:forecast_revenue": "Revenue of a day",
    "source:model": "the model",
    "source:cells": "the rule: the model has not passed every test",
    "source:weekday": "the rule, the usual day of the week: the model is not proven better",
    "source:popular": "the rule, popular products: the model is not proven better",
    "source:neighbours": "the model: what customers alike look at",
    "source:own_history": "what each has bought before, then popular products",
    "measure:auc": "How often who does it has the higher chance (a half: by chance, one: always)",
    "measure:gini": "How well customers are ranked by spend (zero: by chance, one: perfectly)",
    "measure:f1": "Right of what is named and found of what is there, in one figure (one: all)",
    "measure:wape": "How far off, as a share of what was sold (less is better)",
    "measure:hit_rate": "Buyers whose next order held one of the three",
    "experiment:waiting": "waits for its first day",
    "experiment:running": "under way",
    "experiment:over": "over",
    "experiment:no_audience": "nobody is in its audience",
    "experiment:no_past": "too little history to judge it by",
    "experiment:too_small": "too few customers, so nothing is drawn",
    "experiment:changed": "changed after the drawing: a group is missing in its file",
    "result:control": "compared with",
    "result:running": "under way",
    "result:better": "better",
    "result:worse": "worse",
    "result:no_difference_seen": "no difference seen",
    "result:harmed": "does harm: stop and look",
    "result:too_few": "too few customers",
    "result:not_compared": "not compared",
    "result:ratio_alarm": "not to be trusted: the groups have the wrong size",
    "health:feed": "Days of the last week that are not as usual",
    "health:books": "Lines of files that are unaccounted for",
    "health:data_errors": "Newest week and month: those with days that are missing or broken",
    "health:drift": "What has changed, in the newest week and month",
    "health:gates": "Tests that the personas in use miss",
    "health:model_age": "Days since the personas were fitted",
    "health:refit": "New fits that are asked for",
    "state:ok": "well",
    "state:unknown": "not judged yet",
    "state:warn": "look at it",
    "state:error": "act",
    "remedy:feed": "Have the files of these days corrected and deliver them again.",
    "remedy:books": "Publish nothing until it is known why (monitor.reconciliation).",
    "remedy:data_errors": "Deliver the files of the missing or broken days again.",
    "remedy:drift": "Read the table below.",
    "remedy:gates": "Use personas to understand; fit them again once there is more history.",
    "remedy:model_age": "Fit the personas again: they have to pass the tests.",
    "remedy:refit": "Build once more, then read how far to trust the personas.",
    "refit_personas": "personas",
    "refit_value": "value tiers",
    "refit_heads": "predictions",
    "grain:week": "week",
    "grain:month": "month",
    "drift:data_error": "the data is faulty: days lost, cut or with wrong prices",
    "drift:sudden": "from one period to the next",
    "drift:progressive": "bit by bit",
    "drift:recurring": "as at this time of earlier years",
    "shift:covariate": "other customers come, who order as such customers always did",
    "shift:prior": "the same customers come, and more or fewer of them order",
    "shift:relation": "who orders has changed",
    "severity:none": "as known",
    "severity:warn": "noticeable",
    "severity:error": "large",
    "act:data_error": "Have the files corrected and deliver them again.",
    "act:sudden": "Ask what happened then: a campaign, a new range, another tracking.",
    "act:progressive": "Watch it; expect the models to be fitted again.",
    "act:recurring": "Plan for it: it comes every year.",
    "series:customers": "Number of customers",
    "series:events": "Number of events",
    "series:orders": "Share of customers who order",
    "series:event_kinds": "How far customers get: look, cart, order",
    "series:visits": "Visits of a customer",
    "series:visit_size": "Events of a visit",
    "series:visit_length": "Length of visits",
    "series:daypart": "Time of day",
    "series:returning": "Customers who were there within a month before",
    "series:families": "Families that are looked at",
    "series:price_level": "Price level that is looked at",
    "series:prices": "Prices of the same products",
    "series:new_brands": "Share of brands never seen before",
    "series:new_categories": "Share of categories never seen before",
    "series:moved_products": "Products under another category than before",
    "series:bots": "Share of visits of bots",
    "series:feed": "Days of the files",
    "series:personas": "Sizes of the personas",
    "series:persona_stays": "Customers who keep their persona",
    "series:margin": "How clearly customers belong to a persona",
    "series:confidence": "How sure the model says it is",
    "series:persona_auc": "How well personas tell who will order",
    "series:persona_habits": "How well personas tell later habits",
    "series:value_orders": "Orders that came for each that the value tiers expected",
    "series:head_orders": "Orders that came for each that was foreseen",
    "series:visits_orders": "Who orders, by number of visits",
    "series:visit_size_orders": "Who orders, by events of a visit",
    "series:visit_length_orders": "Who orders, by length of visits",
    "series:returning_orders": "Who orders, of new and returning customers",
    "series:families_orders": "Who orders, by family",
    "series:price_level_orders": "Who orders, by price level",
}


# The order in which the page tells of what is foreseen.
HEADS = [code.removeprefix("head:") for code in CODES if code.startswith("head:")]

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
