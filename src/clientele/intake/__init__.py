"""Files of events: what they are, whether they can be read, and how many lines they hold."""
