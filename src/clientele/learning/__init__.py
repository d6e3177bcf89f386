"""Learning and judging models of any kind: nothing in here knows what a persona is."""
