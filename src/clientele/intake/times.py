"""Times as people write them: ISO 8601 and its relatives, offsets, named zones, and numbers since 1970.

SQL reads the forms of nearly all files by itself (macros/engine); what is left comes here, text by text. A
date whose day and month could be taken for each other is none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from clientele.ids import normal_text

__all__ = ["fraction_ns", "utc_time"]

_WRITTEN = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"(?: ?(Z|UTC|GMT|[+-]\d\d(?::?[0-5]\d)?)| ([A-Z]\w+(?:/[\w+-]+)+))?",
    re.ASCII | re.IGNORECASE,
)
# Seconds since 1970 by their digits, of the years 1973 to 2286: seconds, and thousandths, and so on of them.
_SINCE_1970 = re.compile(r"(?:(\d{9,10})|(\d{9,10})(\d{3}|\d{6}|\d{9}))(?:[.](\d+))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1)
_LONGEST_OFFSET = timedelta(hours=18)


@lru_cache(maxsize=4096)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name in available_timezones() else None
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None


def utc_time(text: str | None, zone: str = "UTC") -> datetime | None:
    """Return the second in UTC that a text names, or None when it names none.

    Parameters
    ----------
    text : str or None
        As written in a file.
    zone : str
        The zone of times that are written without one. Where clocks are set back an hour occurs twice: the
        first of the two is meant.
    """
    text = normal_text(text or "")
    since = _SINCE_1970.fullmatch(text)
    if since:
        return _EPOCH + timedelta(seconds=int(since[1] or since[2]))
    written = _WRITTEN.fullmatch(text)
    if not written:
        return None
    day, minute, second, _, offset, named = written.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}:{second or '00'}")
        if offset and offset[0] in "+-":
            digits = offset[1:].replace(":", "")
            shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
            if shift > _LONGEST_OFFSET:
                return None
            return moment - shift if offset[0] == "+" else moment + shift
        if offset:
            return moment
        known = _zone(named or zone)
        if known is None:
            return None
        return moment.replace(tzinfo=known).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def fraction_ns(text: str | None) -> int | None:
    """Return the nanoseconds below the second of a text that is a time, or None where it has none."""
    text = normal_text(text or "")
    since = _SINCE_1970.fullmatch(text)
    if since:
        digits = since[3] if since[3] else since[4]
    else:
        written = _WRITTEN.fullmatch(text)
        digits = written[4] if written else None
    return int((digits or "")[:9].ljust(9, "0")) or None
