"""The numbers that govern a fit, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How personas are fitted; every number that a reader may want to change.

    Parameters
    ----------
    as_of : date
        The day that the features describe. It becomes part of the model version; no clock is read.
    min_users, max_users : int
        Fewer users give no model; more are reduced to a fixed sample of this size.
    clip_quantiles : tuple of float
        Every feature is clipped to these quantiles of the sample.
    min_reliability : float
        Features with a smaller reliability (0..1) are dropped, where reliability is known.
    max_correlation : float
        Of two features with a larger absolute correlation, the later one in the catalog is dropped.
    min_replicate_users : int
        Reliability is not weighed when fewer users have two parts of a history.
    explained_variance, max_components : float, int
        Principal components are kept up to this share of the variance, and no more than so many.
    layers : tuple of int
        Units of an autoencoder's layers up to its code, in which personas are then sought; empty: the space
        is linear.
    min_k, max_k : int
        Smallest number of personas worth publishing, and the largest one tried.
    n_init : int
        k-means++ starts of each fit. With few, a poor optimum passes for an unstable persona.
    study_users, n_repeats : int
        Size of the stability study's sample, and number of its repetitions; three for a number of
        personas that is far from a bar by then.
    silhouette_users : int
        Size of the sample behind silhouette, Calinski-Harabasz and Davies-Bouldin.
    min_prediction_strength, min_half_sample_ari, min_jaccard, min_share : float
        The bars that a number of personas must pass.
    min_month_ago_ari : float
        Agreement with a fit on the features of a month ago that proven personas must reach.
    min_pattern : float
        What prediction strength, adjusted Rand index and Jaccard index must reach to be called a pattern,
        which is exploratory (Hennig, 2007).
    max_axis_share : float
        Of what sets three personas or more apart, the share that may lie along one axis: above it they are
        tiers of that axis.
    null_users, n_nulls : int
        Size and number of the clouds without groups that personas are compared with.
    n_workers : int
        Processes; the results are the same with one.
    order_features : tuple of str
        Personas are numbered by their descending mean over these features.
    seed : int
        Origin of all randomness.
    """

    as_of: date
    min_users: int = 200
    max_users: int = 300_000
    clip_quantiles: tuple[float, float] = (0.01, 0.99)
    min_reliability: float = 0.1
    max_correlation: float = 0.85
    min_replicate_users: int = 100
    explained_variance: float = 0.85
    max_components: int = 15
    layers: tuple[int, ...] = ()
    min_k: int = 2
    max_k: int = 10
    n_init: int = 8
    study_users: int = 10_000
    n_repeats: int = 10
    silhouette_users: int = 4_000
    min_prediction_strength: float = 0.80
    min_half_sample_ari: float = 0.80
    min_jaccard: float = 0.75
    min_share: float = 0.03
    min_month_ago_ari: float = 0.80
    min_pattern: float = 0.60
    max_axis_share: float = 0.90
    null_users: int = 4_000
    n_nulls: int = 19
    n_workers: int = 2
    order_features: tuple[str, ...] = (
        "purchase_rate_logit",
        "ordering_sessions_logit",
        "sessions_per_week_ln",
    )
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other."""
        low, high = self.clip_quantiles
        checks = {
            "as_of must be a date": isinstance(self.as_of, date),
            "clip_quantiles must satisfy 0 <= low < high <= 1": 0 <= low < high <= 1,
            "2 <= min_k <= max_k must hold": 2 <= self.min_k <= self.max_k,
            "layers must be numbers of units": all(n_units >= 1 for n_units in self.layers),
            "n_repeats must be at least 2": self.n_repeats >= 2,
            "min_users must be at least 2 * max_k": self.min_users >= 2 * self.max_k,
        }
        for rule, holds in checks.items():
            if not holds:
                raise ValueError(f"Settings: {rule}; got {self}")

    @property
    def bars(self) -> dict[str, float]:
        """What must be reached to be stable, by metric."""
        return {
            "prediction_strength": self.min_prediction_strength,
            "half_sample_ari": self.min_half_sample_ari,
            "min_jaccard": self.min_jaccard,
            "min_share": self.min_share,
        }

    @property
    def floors(self) -> dict[str, float]:
        """What must be reached to be a pattern at all, by metric."""
        return {name: min(bar, self.min_pattern) for name, bar in self.bars.items()}
