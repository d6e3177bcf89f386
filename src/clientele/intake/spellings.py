"""The whole number that a user field names, in any spelling: wider than what makes an event.

Who is erased or asks for a copy is meant however a tool has spelled the id, so a text is brought into one
normal form, read by one grammar, and what base64 has packed is read by the same two steps. A text is read on
one condition: it is a whole number and nothing beside it. Redshift reads what its SQL can
(macros/engine/redshift/readable_ids.sql).
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from urllib.parse import unquote_to_bytes

from clientele.ids import normal_id

__all__ = ["readable_id", "readable_number"]

_LONGEST = 1024  # characters; a field may be a whole file
# What shows as nothing and is a letter or a sign to Unicode: fillers of Hangul, the empty pattern of Braille.
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800"
_APOSTROPHES = "'\u2018\u2019\u201b\u2032\u02b9\u02bb\u02bc\u00b4`\uff07\uff40"
_QUOTES = '"\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u201a\uff02'
# Arabic has marks of its own. Its decimal mark is never one between thousands, so it keeps a sign of its own.
_MEANT = str.maketrans(
    {
        **dict.fromkeys(_FILLERS),
        **dict.fromkeys(_APOSTROPHES, "'"),
        **dict.fromkeys(_QUOTES, '"'),
        **dict.fromkeys("\u2212\u2010\u2011\u2013", "-"),
        "\u066c": ",",
        "\u060c": ",",
    }
)
_MARK = ".,\u066b"
_DATE = re.compile(r"\d{4}[ _](0?[1-9]|1[0-2])[ _](0?[1-9]|[12]\d|3[01])|\d{1,2}[ _]\d{1,2}[ _]\d{4}")
_HEX = re.compile(r"([+-]?)0x(_?[0-9a-f]+(?:_[0-9a-f]+)*)", re.IGNORECASE)
_POWER = r"(?:e(?P<power>[+-]?0*\d{1,3}))?"
_NUMBER = re.compile(rf"(?P<sign>[+-]?)(?P<whole>\d*)(?:[{_MARK}](?P<fraction>\d*))?{_POWER}", re.IGNORECASE)
# By threes, as in India by a three after twos, or as it comes where only underscores are between digits.
_GROUPS = (
    r"0*\d{1,3}(?:(?P<mark>[.,'])\d{3}(?:(?P=mark)\d{3})*)|0*\d{1,2}(?:,\d{2})+(?P<comma>,)\d{3}|\d+(?:_\d+)+"
)
# 0.250 is a price in another's column, and no customer 250.
_SMALL = re.compile(r"[+-]?0+[.,]\d{3}")
_GROUPED = re.compile(
    rf"(?P<sign>[+-]?)(?P<whole>{_GROUPS})"
    rf"(?:(?!(?P=mark))(?!(?P=comma))[{_MARK}](?P<fraction>\d*))?{_POWER}",
    re.IGNORECASE,
)
_UTF_16 = re.compile(rb"(?P<le>(?:\xff\xfe)?(?:[^\0]\0)+)|(?P<be>(?:\xfe\xff)?(?:\0[^\0])+)", re.DOTALL)
# Two or three letters without an end are a word: NA is what base64 makes of 4.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}|[A-Za-z0-9+/_-]{2}==|[A-Za-z0-9+/_-]{3}=")


def readable_id(text: str | None, kind: str) -> int | str | None:
    """Return the id that a user field names, a number in any spelling: the twin of the macro of this name.

    Parameters
    ----------
    text : str or None
        A user field as its file has it.
    kind : str
        As for `clientele.ids.normal_id`, which raises an error for any other.

    Examples
    --------
    >>> readable_id("1.000", "integer"), readable_id("1,000", "integer"), readable_id("1,000", "text")
    (1, 1000, '1,000')
    """
    found = normal_id(text, kind)
    return readable_number(text) if found is None and kind == "integer" else found


def readable_number(text: str | None) -> int | None:
    """Return the whole number that a text is in some spelling, None if it is none.

    Read are digits of any script, with what has no width, blanks, quotes and Excel's ``="…"`` around or
    inside; a sign, zeros, thousands by comma, point, apostrophe or underscore and as India groups them, a
    fraction of nothing, exponents, all of these in one; hexadecimal digits after ``0x``; the escapes of
    links; and any of these in base64.

    Parameters
    ----------
    text : str or None
        A user field as its file has it.

    Returns
    -------
    int or None
        Of 64 bits. A date, a fraction and a word are none. No text raises an error: it would be quoted.

    Examples
    --------
    >>> readable_number('="541,312,140.0"'), readable_number("NTQxMzEyMTQwCg=="), readable_number("1.5")
    (541312140, 541312140, None)
    """
    if text is None or len(text) > _LONGEST:
        return None
    normal = _normal(text)
    number = _number(normal)
    if number is None and _BASE64.fullmatch(normal):
        number = _number(_normal(_unpacked(normal)))
    return number if number is not None and -(2**63) <= number < 2**63 else None


def _normal(text: str) -> str:
    """Return the text in our digits and signs, without what only surrounds or shows nothing."""
    if "%" in text:
        text = unquote_to_bytes(text.encode(errors="replace")).decode(errors="replace")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_MEANT)).translate(_MEANT)
        text = "".join(_digit(one) for one in text if unicodedata.category(one) not in ("Cf", "Mn", "Me"))
    text = " ".join(text.replace("`", "'").split())
    text = text.lstrip("='\" ").rstrip("'\" ")
    if _DATE.fullmatch(text):
        return ""
    return "".join(one for one in text if unicodedata.category(one)[0] not in "CZ")


def _digit(one: str) -> str:
    value = unicodedata.decimal(one, None)
    return one if value is None else str(value)


def _number(normal: str) -> int | None:
    if found := _HEX.fullmatch(normal):
        return int(found[1] + found[2].replace("_", ""), 16)
    found, grouped = _NUMBER.fullmatch(normal), _GROUPED.fullmatch(normal)
    # 1,234 are thousands; 1.234e3 is what computers write.
    if grouped and not (found and found["power"]) and not _SMALL.fullmatch(normal):
        found = grouped
    if not found or not (found["whole"] or found["fraction"]):
        return None
    sign, whole, fraction, power = (found[name] or "" for name in ("sign", "whole", "fraction", "power"))
    whole = re.sub("[.,'_]", "", whole)
    digits, shift = (whole + fraction).lstrip("0"), int(power or "0") - len(fraction)
    if not digits:
        return 0
    if shift < 0:
        digits, rest = digits[:shift], digits[shift:]
        return None if rest.strip("0") else int(sign + (digits or "0"))
    # More than 19 digits are no number of 64 bits, and an exponent can ask for a thousand.
    return int(sign + digits + "0" * shift) if len(digits) + shift <= 19 else None


def _unpacked(normal: str) -> str:
    """Return the text that base64 has packed; nothing if it is none, as of most codes of four letters.

    Control characters are dropped from a field, but bytes that happen to be some are no text at all: AAA1 is
    no customer 5. Blanks may surround it, an end of line may follow, and UTF-16 has a zero beside each one.
    """
    letters = normal.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        packed = base64.b64decode(letters + "=" * (-len(letters) % 4))
        is_wide = _UTF_16.fullmatch(packed)
        text = packed.decode(f"utf-16-{is_wide.lastgroup}" if is_wide else "utf-8").strip(" \ufeff")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    text = text.rstrip(" \r\n")
    return "" if any(unicodedata.category(one) == "Cc" for one in text) else text
