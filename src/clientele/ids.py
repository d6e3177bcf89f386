"""One spelling for an id, whatever a tool made of it: the Python twin of macros/intake/ids.sql.

A spreadsheet, a data frame and a form each write the same customer differently: ``700000007``,
``700000007.0``, ``0700000007``. A request of a customer must find the person whose events were loaded, so
both sides read an id by this one rule. Links escape what they carry: ``jane%40shop.example`` is
``jane@shop.example``.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["KINDS", "MAX_TEXT", "SQL_TYPES", "normal_id", "normal_text"]

KINDS = ("integer", "text")
SQL_TYPES = {"integer": "bigint", "text": "varchar(256)"}
MAX_TEXT = 256

# Characters without width, which copying from web pages and spreadsheets leaves in texts, and those that turn
# the direction of what follows them: with one of these a text shows another than it is.
_NO_WIDTH = dict.fromkeys(
    map(
        ord,
        "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\u180e\ufeff\u00ad"
        "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    )
)
_BLANKS = " \t"
# What links write for these characters, the percent sign last: %2540 is the text %40 (macros/intake/ids.sql).
_ESCAPED = "\n\r !'()*+,-./:=@_|~%"
_ESCAPES = re.compile("%(" + "|".join(f"{ord(one):02x}" for one in _ESCAPED) + ")", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]{1,64}(?:[.]0+)?")


def normal_text(text: str) -> str:
    """Return the text in Unicode's form NFKC, without marks of no width or direction and blanks around."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_NO_WIDTH))
    return text.strip(_BLANKS)


def normal_id(text: str | None, kind: str) -> int | str | None:
    """Return an id as the warehouse keeps it, or None when the text is none of this kind.

    Parameters
    ----------
    text : str or None
        The id as it is written in a file or a request.
    kind : str
        `integer`: a whole number of 64 bits; its sign, leading zeros and a fraction of zeros may be written.
        An exponent, separators between digits, hexadecimal digits and the like are no number here.
        `text`: up to 256 characters, in which upper and lower case differ; escapes of links (``%40``) are
        read as the characters that they stand for.
    """
    if kind not in KINDS:
        raise ValueError(f"an id is of the kind {' or '.join(KINDS)}, not {kind!r}")
    if text is None:
        return None
    if kind == "text":
        normal = normal_text(_ESCAPES.sub(lambda found: chr(int(found[1], 16)), text))
        return normal if 0 < len(normal) <= MAX_TEXT else None
    normal = normal_text(text).replace("\u2212", "-")  # the sign that typesetters use
    if not _WHOLE.fullmatch(normal):
        return None
    number = int(normal.split(".")[0])
    return number if -(2**63) <= number < 2**63 else None
