"""One model after another: which persona is the same as before, and which is new."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clientele.learning.lineage import LINEAGE_COLUMNS, give_ids, trace
from clientele.personas.scoring import feature_names, score

__all__ = ["LINEAGE_COLUMNS", "give_ids", "label_before", "trace"]


def label_before(sample: pd.DataFrame, weights: pd.DataFrame | None) -> np.ndarray | None:
    """Label users with an earlier model, shape (n_users,); None without one or when its features are gone."""
    if weights is None or weights.empty or sample.empty:
        return None
    if not set(feature_names(weights)) <= set(sample.columns):
        return None
    return score(sample, weights)["segment_id"].to_numpy()
