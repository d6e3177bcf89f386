"""Customer value: how often somebody comes, whether still, how often it ends in an order, and of what worth.

`ValueModel` fits the three models together and scores customers; each of them stands in a module of its own
and knows nothing of the others. `rows` writes a fit as rows, with which SQL gives the same scores.
"""
