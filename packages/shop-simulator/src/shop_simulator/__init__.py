"""A synthetic shop: monthly files of events with planted behaviours, known traps and counted dirt."""

from shop_simulator.shop import Shop, Summary, events_per_customer, generate

__all__ = ["Shop", "Summary", "events_per_customer", "generate"]
