"""Pseudonyms and their keys, and the rights of the people behind them."""
