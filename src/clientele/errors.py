"""The base of the errors that a person can do something about."""


class ClienteleError(Exception):
    """A problem whose message is a sentence for whoever runs a command: what is wrong, and what to do."""
