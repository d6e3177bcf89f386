"""What each customer will do next: chances of an order, days to it, spend and families."""
