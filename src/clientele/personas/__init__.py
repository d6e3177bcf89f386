"""Personas: from a feature table to named customer segments, as rows that SQL can score.

`fit_personas` learns, `score` and `reasons` apply, `profile` and `name_segments` describe. Nothing here knows
dbt or a database.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clientele.personas.fit import PersonaFit, fit_personas
    from clientele.personas.naming import name_segments, profile
    from clientele.personas.scoring import reasons, score
    from clientele.personas.settings import Settings
    from clientele.personas.stability import ChoiceOfK, choose_k

__all__ = [
    "ChoiceOfK",
    "PersonaFit",
    "Settings",
    "choose_k",
    "fit_personas",
    "name_segments",
    "profile",
    "reasons",
    "score",
]

_HOMES = {
    "ChoiceOfK": "stability",
    "PersonaFit": "fit",
    "Settings": "settings",
    "choose_k": "stability",
    "fit_personas": "fit",
    "name_segments": "naming",
    "profile": "naming",
    "reasons": "scoring",
    "score": "scoring",
}


def __getattr__(name: str) -> object:
    """Import what is asked for (PEP 562): a build that fits nothing need not wait for scikit-learn."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
