"""Names of files that look like a person's data: they would go to messages, logs and tables of operators.

Only what is safe on names is looked for. A long number in a name is a time, a part or a size as a rule, so
cards and numbers without a country are not; texts have the whole rule (macros/intake/persons.sql), and the
patterns here are those there. Redshift has the rule for names in SQL (macros/engine/redshift/persons.sql).
"""

from __future__ import annotations

import os
import re
import unicodedata

__all__ = ["WHY", "masked_path", "without_person"]

WHY = (
    "has a name that looks like an e-mail address or a telephone number, and names of files go to messages "
    "and tables outside the vault: rename it"
)
_ENDINGS = re.compile(r"([.](csv|tsv|txt|parquet|gz|zst|bz2|xz|zip))+$", re.IGNORECASE)
_LETTER = r"[^ -@\[-`{-~]"  # of any script
_AT = r"(@|%(25)*40|&(amp;)*(#0*64|#[xX]0*40|commat);?)"
_DOT = r"([.]|%(25)*2[eE]|&(amp;)*(#0*46|#[xX]0*2[eE]|period);?)"
_PLUS = r"([+]|%(25)*2[bB]|&(amp;)*(#0*43|#[xX]0*2[bB]|plus);?)"
_LIKE = {
    "masked: e-mail": re.compile(
        rf"[^@ ] *{_AT} *([^@ ]+{_DOT}{_LETTER}{_LETTER}|[xX][nN]--|\[[0-9a-zA-Z]*[.:][0-9a-fA-F.:]+\])"
    ),
    "masked: phone": re.compile(
        rf"(^|[^0-9a-zA-Z]){_PLUS}[ ()]*[1-9]([^0-9a-zA-Z]{{0,3}}[0-9]){{7,13}}([^0-9]|$)"
    ),
}


def without_person(path: str) -> str:
    """Return a path with `masked: e-mail` or `masked: phone` in place of each part that looks like one.

    Examples
    --------
    >>> without_person("2019/jane@shop.example.csv"), without_person("events_20191001120000.csv.gz")
    ('2019/masked: e-mail.csv', 'events_20191001120000.csv.gz')
    """
    return "/".join(map(_masked, path.split("/")))


def masked_path(path: str, identity: str, number: int) -> tuple[str, str] | None:
    """Return a file's path and identity as they may be told, None where they may be told as they are.

    Parameters
    ----------
    path, identity : str
        The absolute path, and the part of it that the shop's files have of their own
        (`clientele.intake.lake.FileFacts`). The folders above are of whoever runs builds.
    number : int
        What tells such files apart.

    Examples
    --------
    >>> masked_path("/lake/jane@shop.example.csv", "jane@shop.example.csv", 1)
    ('/lake/masked: e-mail.csv (1)', 'masked: e-mail.csv (1)')
    """
    masked = without_person(identity)
    if masked == identity:
        return None
    told = f"{masked} ({number})"
    above = path.removesuffix(identity) if path.endswith(identity) else ""
    return os.path.join(above, told), told


def _masked(name: str) -> str:
    found = _ENDINGS.search(name)
    ending = found.group() if found else ""
    stem = "".join(map(_plain, name.removesuffix(ending)))
    return next((mask + ending for mask, like in _LIKE.items() if like.search(stem)), name)


def _plain(sign: str) -> str:
    """Return our digit or sign for one of another script or width."""
    digit = unicodedata.decimal(sign, None)
    return str(digit) if digit is not None else unicodedata.normalize("NFKC", sign).replace("\u3002", ".")
