"""Values of features in the units that people think in, and as words in English and French."""

from __future__ import annotations

import numpy as np

SCALES = ("plain", "ln", "ln1p", "logit", "odds")
UNITS = ("number", "share", "seconds", "days", "money", "deviations", "factor")


def natural(values: np.ndarray | float, scale: str) -> np.ndarray:
    """Take a feature back to natural units.

    Parameters
    ----------
    values : ndarray or float
        In the feature's own units.
    scale : str
        ``plain`` (as it is), ``ln`` and ``odds`` (exp), ``ln1p`` (exp - 1) or ``logit`` (the share, 0..1).

    Raises
    ------
    ValueError
        The scale is none of these.
    """
    if scale not in SCALES:
        raise ValueError(
            f"A feature's meta has the scale {scale!r}; it must be one of {', '.join(SCALES)} "
            "(models/customers/user_features.yml)."
        )
    values = np.asarray(values, dtype=float)
    if scale == "plain":
        return values
    if scale == "logit":
        return 1 / (1 + np.exp(-values))
    return np.expm1(values) if scale == "ln1p" else np.exp(values)


def from_natural(values: np.ndarray | float, scale: str) -> np.ndarray:
    """Undo `natural`; values that no feature can have become infinite or NaN."""
    values = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "logit":
            return np.log(values / (1 - values))
        return {"plain": np.positive, "ln": np.log, "odds": np.log, "ln1p": np.log1p}[scale](values)


def say_value(value: float, unit: str, language: str = "en") -> str:
    """Write a value in natural units, with two significant digits.

    Parameters
    ----------
    value : float
        As `natural` gives it.
    unit : str
        ``number``, ``share`` (0..1), ``seconds``, ``days``, ``money`` (the shop's currency, which nobody told
        us), ``deviations`` (standard deviations) or ``factor``.
    language : str
        ``en`` or ``fr``.

    Raises
    ------
    ValueError
        The unit is none of these.
    """
    number, _, word = _said(value, unit)
    text = _text(number)
    text = f"+{text}" if unit == "deviations" and number > 0 else text
    words = WORDS[language].get(word, word)
    return f"{text.replace('.', ',') if language == 'fr' else text} {words}".rstrip()


def round_as_said(value: float, unit: str) -> float:
    """Return the value that `say_value` writes, so that what is measured is what is said."""
    number, size, _ = _said(value, unit)
    return number * size


WORDS = {
    "en": {"deviations": "standard deviations"},
    "fr": {
        "days": "jours",
        "hours": "heures",
        "seconds": "secondes",
        "deviations": "écarts types",
        "times": "fois",
    },
}
_DURATIONS = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))


def _said(value: float, unit: str) -> tuple[float, float, str]:
    """Return the number that is said, the size of its unit, and the word after it."""
    if unit not in UNITS:
        raise ValueError(
            f"A feature's meta has the unit {unit!r}; it must be one of {', '.join(UNITS)} "
            "(models/customers/user_features.yml)."
        )
    size, word = {
        "share": (0.01, "%"),
        "deviations": (1.0, "deviations"),
        "factor": (1.0, "times"),
    }.get(unit, (1.0, ""))
    if unit in ("seconds", "days"):
        base = 86400.0 if unit == "days" else 1.0
        word, seconds = next((d for d in _DURATIONS if value * base >= 1.5 * d[1]), _DURATIONS[-1])
        size = seconds / base
    return float(f"{value / size:.2g}"), size, word


def _text(number: float) -> str:
    if abs(number) >= 1000:
        return f"{number:,.0f}".replace(",", " ")
    return f"{number:.6f}".rstrip("0").rstrip(".") if number else "0"
