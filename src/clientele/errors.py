"""The base of the errors that a person can do something about."""

__all__ = ["ClienteleError", "sentence_of"]


class ClienteleError(Exception):
    """A problem whose message is a sentence for whoever runs a command: what is wrong, and what to do."""


def sentence_of(message: str) -> str:
    """Return a message that begins in the middle of a line as a sentence of its own.

    Examples
    --------
    >>> sentence_of("there is no store: a build on DuckDB makes it")
    'There is no store: a build on DuckDB makes it.'
    """
    return f"{message[:1].upper()}{message[1:]}."
