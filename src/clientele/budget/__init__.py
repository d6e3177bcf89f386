"""What spending by segment and channel comes to, and how it may be moved."""
