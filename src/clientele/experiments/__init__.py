"""What an experiment has brought, worked out from sums: no customer's row is read.

``effects`` compares an arm with its control, with tea-tasting. ``shrinkage`` draws the effects of personas
towards each other. ``rows`` is what the dbt Python model calls.
"""
