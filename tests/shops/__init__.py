"""Shops for tests: see `shops.mechanisms`."""
