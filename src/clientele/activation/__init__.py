"""From an audience to another system: what changed since the last export that it acknowledged.

``places`` finds the line of a mistake in an audience's file. ``ledger`` knows who may be at which
destination, and says what has to be sent. ``destinations`` and ``bucket`` send it. ``exports`` puts the two
together.
"""
