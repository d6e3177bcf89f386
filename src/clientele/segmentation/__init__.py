"""Personas: from a feature table to named customer segments, as rows that SQL can score.

`fit_personas` learns, `score` and `reasons` apply, `profile` and `name_segments` describe. Nothing here knows
dbt or a database.
"""

from clientele.segmentation.fit import PersonaFit, fit_personas
from clientele.segmentation.naming import name_segments, profile
from clientele.segmentation.scoring import reasons, score
from clientele.segmentation.settings import Settings
from clientele.segmentation.stability import ChoiceOfK, choose_k

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
