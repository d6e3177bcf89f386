"""What the shop will sell: daily sales of the whole shop and of its category families."""
