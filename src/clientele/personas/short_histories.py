"""After how many events is a customer's persona known, and how sure is it? A study of histories cut short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from clientele.learning.linear_rows import round_significant
from clientele.learning.parallel import in_parallel
from clientele.learning.resampling import salted_hashes
from clientele.personas.scoring import linear_rows, score, segment_ids
from clientele.personas.stability import tabulate_by_margin

KEYS = ("user_sk", "part", "n_events", "mature_events")
CENTROIDS, EARLY = "centroids", "early_classifier"
# With fewer first parts of histories another process takes longer to start than it saves.
WORTH_A_PROCESS = 20_000


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """How short histories are studied.

    Parameters
    ----------
    min_users : int
        A length that fewer users have is not measured.
    max_kappa : float
        Agreement that is enough whatever the ceiling is.
    ceiling_share : float
        Share of the ceiling that is enough.
    min_kappa : float
        Less is never enough: up to 0.2 agreement is slight (Landis and Koch, 1977).
    min_early_events : int
        The early classifier learns from histories of this length or more.
    inverse_penalty : float
        scikit-learn's ``C`` of the early classifier.
    n_folds : int
        Parts into which users are divided: nobody is judged by what was learnt from them.
    n_bootstraps : int
        Resamples of users behind every interval.
    min_bin_users, max_bins : int
        Size of a range of margins, and their number for each length.
    seed : int
        Origin of all randomness.
    n_workers : int
        Processes for the folds, at the most; the study is the same with each number.
    """

    min_users: int = 200
    max_kappa: float = 0.8
    ceiling_share: float = 0.9
    min_kappa: float = 0.2
    min_early_events: int = 5
    inverse_penalty: float = 0.1
    n_folds: int = 5
    n_bootstraps: int = 400
    min_bin_users: int = 60
    max_bins: int = 20
    seed: int = 0
    n_workers: int = 2


@dataclass(frozen=True)
class Study:
    """What the histories of one model's users say, as small tables.

    Attributes
    ----------
    lengths : DataFrame
        One row per length and metric: ``n_events``, ``metric``, ``value``, ``low``, ``high``, ``n_users``.
        Metrics: ``kappa_centroids``, ``kappa_early`` and their difference ``kappa_gain``; of the rule that is
        used at that length ``kappa``, ``ari`` and ``kappa_later`` (against the later half of the history
        alone).
    recalls : DataFrame
        One row per length and persona: ``n_events``, ``segment_id``, ``value`` (share of the persona's users
        who have it at that length already), ``low``, ``high``, ``n_users``.
    ceilings : DataFrame
        ``metric`` (``odd_even``, ``earlier_later``), ``value``, ``low``, ``high``, ``n_users``.
    choice : dict
        ``min_events``, ``basis`` (``measured``: that length reaches the bar; ``bar_missed``: none does
        and this is the longest), ``kappa_bar``, ``mature_events``, ``early_below_events`` (0: never),
        ``n_users``, ``n_mismatches`` (parts of histories whose label by rows differs from scikit-learn's;
        must be 0) and ``calibration_error``.
    early_weights : DataFrame
        Rows of weights as those of a persona model; the score is the negative log-odds.
    confidence : DataFrame
        ``n_events`` (from which on the row holds), ``rule``, ``margin_lo``, ``confidence``.
    calibration : DataFrame
        One row per decile of confidence: ``decile``, ``confidence`` (mean), ``kept`` (share of users who kept
        the persona), ``n_users``, over users that the confidence was not learnt from.
    """

    lengths: pd.DataFrame
    recalls: pd.DataFrame
    ceilings: pd.DataFrame
    choice: dict[str, float | str]
    early_weights: pd.DataFrame
    confidence: pd.DataFrame
    calibration: pd.DataFrame


def choose_min_events(
    kappa_low: Mapping[int, float], ceiling: float, settings: StudySettings
) -> tuple[int, bool, float]:
    """Take the smallest length whose lower bound reaches the bar, else the largest.

    Parameters
    ----------
    kappa_low : mapping of int to float
        Lower 95 % bound of Cohen's kappa with the persona of the whole history, by length; not empty.
    ceiling : float
        Kappa between two halves of a history: nobody can be asked to agree more with the whole.
    settings : StudySettings

    Returns
    -------
    tuple of int, bool, float
        The length, whether it reaches the bar, and the bar.
    """
    bar = max(settings.min_kappa, min(settings.max_kappa, settings.ceiling_share * ceiling))
    reached = [length for length, low in kappa_low.items() if low >= bar]
    return (min(reached), True, bar) if reached else (max(kappa_low), False, bar)


def end_of_early_use(gain_low: Mapping[int, float], mature_events: int, settings: StudySettings) -> int:
    """Say below which number of events the early classifier labels: up to the first length without a gain.

    Parameters
    ----------
    gain_low : mapping of int to float
        Lower 95 % bound of the early classifier's kappa less that of the centroids, by length.
    mature_events : int
        Longer histories are the centroids' own.
    settings : StudySettings

    Returns
    -------
    int
        0 when there is no gain at the shortest length that it learns from.
    """
    lengths = sorted(length for length in gain_low if settings.min_early_events <= length < mature_events)
    end = next((length for length in lengths if not gain_low[length] > 0), mature_events)
    return end if lengths and end > lengths[0] else 0


def calibration_deciles(confidence: np.ndarray, kept: np.ndarray) -> tuple[pd.DataFrame, float]:
    """Compare confidence with what happened, by deciles of confidence.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
    kept : ndarray of bool, shape (n,)

    Returns
    -------
    tuple of DataFrame and float
        ``decile``, ``confidence``, ``kept``, ``n_users``; and the expected calibration error, the mean
        absolute difference over deciles weighted by users (Naeini, Cooper and Hauskrecht, 2015).
    """
    order = np.argsort(confidence, kind="stable")
    rows = [
        (decile, float(confidence[part].mean()), float(kept[part].mean()), len(part))
        for decile, part in enumerate(np.array_split(order, 10), start=1)
        if len(part)
    ]
    table = pd.DataFrame(rows, columns=["decile", "confidence", "kept", "n_users"])
    gaps = (table["confidence"] - table["kept"]).abs()
    return table, float((gaps * table["n_users"]).sum() / table["n_users"].sum())


# One thread, as in fit_personas.
@threadpool_limits.wrap(limits=1)
def study_short_histories(
    histories: pd.DataFrame, weights: pd.DataFrame, settings: StudySettings | None = None
) -> Study | None:
    """Learn from long histories, cut short, after how many events a persona is known.

    Every part of a history is labelled by the model, and its label compared with that of the whole history.
    Beside the model's own rule (the nearest centroid) an early classifier is tried: multinomial logistic
    regression from the features of first parts to the persona of the whole, linear in clipped features as the
    model is. It is judged on users it did not learn from. Confidence is the share of users who kept their
    persona, by length and margin, never falling with the margin.

    Parameters
    ----------
    histories : DataFrame, one row per user and part
        ``user_sk``; ``part``: ``whole``, ``first`` (the first ``n_events`` events), ``odd`` and ``even``
        sessions, ``earlier`` and ``later`` events; ``n_events``; ``mature_events``; further columns are the
        features.
    weights : DataFrame
        Rows of one persona model.
    settings : StudySettings or None

    Returns
    -------
    Study or None
        None when fewer than ``min_users`` users have a long history, or no length can be measured.

    References
    ----------
    Cohen (1960), A coefficient of agreement for nominal scales.
    Efron and Tibshirani (1993), An introduction to the bootstrap.
    Zadrozny and Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates.
    """
    settings = settings or StudySettings()
    frame = _Frame(histories, weights, settings)
    if len(frame.users) < settings.min_users or not frame.lengths:
        return None
    early = _EarlyClassifier.fit(frame, settings)
    draws = _Resamples(len(frame.users), settings)

    later = frame.whole_as(frame.halves["later"])
    measured: dict[int, dict[str, np.ndarray]] = {}
    for length in frame.lengths:
        positions, centroid_labels = frame.positions[length], frame.labels[length]["segment_id"].to_numpy()
        tables = {
            rule: draws.cross_tables(positions, frame.whole[positions], labels, frame.segment_ids)
            for rule, labels in ((CENTROIDS, centroid_labels), (EARLY, early.out_of_fold[length][:, 0]))
        }
        kappas = {rule: _kappa(table) for rule, table in tables.items()}
        measured[length] = {
            "kappa_centroids": kappas[CENTROIDS],
            "kappa_early": kappas[EARLY],
            "kappa_gain": kappas[EARLY] - kappas[CENTROIDS],
        }
    ceilings = {
        f"{one}_{other}": _kappa(draws.between(frame, frame.halves[one], frame.halves[other]))
        for one, other in (("odd", "even"), ("earlier", "later"))
    }
    early_below = end_of_early_use(
        {length: _interval(found["kappa_gain"])[1] for length, found in measured.items()},
        frame.mature_events,
        settings,
    )

    recall_rows, margins, kept = [], {}, {}
    for length, found in measured.items():
        positions = frame.positions[length]
        uses_early = length < early_below
        if uses_early:
            labels, margins[length] = early.out_of_fold[length].T
        else:
            labels = frame.labels[length]["segment_id"].to_numpy()
            margins[length] = frame.labels[length]["margin"].to_numpy()
        kept[length] = labels == frame.whole[positions]
        table = draws.cross_tables(positions, frame.whole[positions], labels, frame.segment_ids)
        found["kappa"] = found["kappa_early" if uses_early else "kappa_centroids"]
        found["ari"] = _adjusted_rand(table)
        known = later[positions] > 0
        found["kappa_later"] = _kappa(
            draws.cross_tables(positions[known], later[positions][known], labels[known], frame.segment_ids)
        )
        recall = np.diagonal(table, axis1=1, axis2=2) / np.maximum(table.sum(axis=2), 1)
        for segment_id, of_segment, n_users in zip(
            frame.segment_ids, recall.T, table[0].sum(axis=1), strict=True
        ):
            recall_rows.append((length, segment_id, *_interval(of_segment), int(n_users)))

    ceiling = max(_interval(found)[0] for found in ceilings.values())
    low = {length: _interval(found["kappa"])[1] for length, found in measured.items()}
    min_events, is_reached, bar = choose_min_events(low, ceiling, settings)
    confidence = _confidence(margins, kept, early_below, settings)
    calibration, error = _calibrate_held_out(frame, margins, kept, early_below, min_events, settings)
    return Study(
        lengths=pd.DataFrame(
            [
                (length, metric, *_interval(values), len(frame.positions[length]))
                for length, metrics in measured.items()
                for metric, values in metrics.items()
            ],
            columns=["n_events", "metric", "value", "low", "high", "n_users"],
        ),
        recalls=pd.DataFrame(
            recall_rows, columns=["n_events", "segment_id", "value", "low", "high", "n_users"]
        ),
        ceilings=pd.DataFrame(
            [(name, *_interval(values), len(frame.users)) for name, values in ceilings.items()],
            columns=["metric", "value", "low", "high", "n_users"],
        ),
        choice={
            "min_events": min_events,
            "basis": "measured" if is_reached else "bar_missed",
            "kappa_bar": bar,
            "mature_events": frame.mature_events,
            "early_below_events": early_below,
            "n_users": len(frame.users),
            "n_mismatches": early.n_mismatches,
            "calibration_error": error,
        },
        early_weights=early.weights,
        confidence=confidence,
        calibration=calibration,
    )


@threadpool_limits.wrap(limits=1)
def compare_early_classifiers(
    histories: pd.DataFrame, weights: pd.DataFrame, settings: StudySettings | None = None
) -> pd.DataFrame:
    """Measure other classifiers at the early classifier's task, for the record; nothing is decided by it.

    The same features, users, folds and lengths as in `study_short_histories`. It takes about a minute.

    Parameters
    ----------
    histories, weights, settings
        As for `study_short_histories`.

    Returns
    -------
    DataFrame
        ``n_events``, ``method``, ``value`` (Cohen's kappa with the persona of the whole history), ``low``,
        ``high``, ``n_users``; empty when too few users have a long history.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import LinearSVC
    from sklearn.tree import DecisionTreeClassifier

    settings = settings or StudySettings()
    frame = _Frame(histories, weights, settings)
    columns = ["n_events", "method", "value", "low", "high", "n_users"]
    if len(frame.users) < settings.min_users or not frame.lengths:
        return pd.DataFrame(columns=columns)
    draws = _Resamples(len(frame.users), settings)
    methods = {
        "logistic_regression": LogisticRegression(
            C=settings.inverse_penalty, max_iter=500, class_weight="balanced"
        ),
        "k_nearest_neighbours": KNeighborsClassifier(25),
        "decision_tree": DecisionTreeClassifier(min_samples_leaf=30, random_state=settings.seed),
        "linear_svm": LinearSVC(C=settings.inverse_penalty, random_state=settings.seed),
        "gradient_boosting": HistGradientBoostingClassifier(max_iter=60, random_state=settings.seed),
    }
    rows = []
    for name, method in methods.items():
        labels = {length: np.zeros(len(frame.positions[length]), dtype="int64") for length in frame.lengths}
        for fold in range(settings.n_folds):
            scaler = _Standardiser.fit(frame, fold)
            method.fit(*frame.examples(scaler, fold, settings))
            for length, held_out in frame.held_out(fold):
                labels[length][held_out] = method.predict(scaler.transform(frame.values[length][held_out]))
        for length, found in labels.items():
            positions = frame.positions[length]
            table = draws.cross_tables(positions, frame.whole[positions], found, frame.segment_ids)
            rows.append((length, name, *_interval(_kappa(table)), len(positions)))
    return pd.DataFrame(rows, columns=columns)


class _Frame:
    """The histories, checked, sorted and labelled by the model."""

    def __init__(self, histories: pd.DataFrame, weights: pd.DataFrame, settings: StudySettings) -> None:
        missing = [column for column in KEYS if column not in histories.columns]
        if missing:
            raise ValueError(f"The histories lack the column(s) {missing}; pass core.truncated_histories.")
        histories = histories.sort_values(["user_sk", "part", "n_events"], kind="stable", ignore_index=True)
        self.features = [column for column in histories.columns if column not in KEYS]
        self.segment_ids = segment_ids(weights)
        parts = dict(tuple(histories.groupby("part", sort=True)))
        whole = parts.get("whole", histories.iloc[:0])
        self.users = whole["user_sk"].to_numpy()
        if not len(self.users):
            self.lengths: list[int] = []
            return
        self.mature_events = int(whole["mature_events"].iloc[0])
        self.whole = score(whole, weights)["segment_id"].to_numpy()
        # A user's fold depends on nothing but the user.
        hashes = salted_hashes(self.users, settings.seed)
        self.folds = (hashes % settings.n_folds).astype(int)
        self.halves = {
            half: score(parts[half], weights) if half in parts else None
            for half in ("odd", "even", "earlier", "later")
        }
        by_length = dict(tuple(parts["first"].groupby("n_events", sort=True))) if "first" in parts else {}
        self.lengths = [int(length) for length, rows in by_length.items() if len(rows) >= settings.min_users]
        self.positions, self.labels, self.values = {}, {}, {}
        for length in self.lengths:
            rows = by_length[length]
            self.positions[length] = np.searchsorted(self.users, rows["user_sk"])
            self.labels[length] = score(rows, weights)
            self.values[length] = rows[self.features].to_numpy(dtype=float)

    def whole_as(self, labels: pd.DataFrame) -> np.ndarray:
        """Labels of some users in the places of all; 0 for the others."""
        found = np.zeros(len(self.users), dtype="int64")
        found[np.searchsorted(self.users, labels["user_sk"])] = labels["segment_id"]
        return found

    def held_out(self, fold: int):
        """Each length, and which of its rows are of the fold's users."""
        for length in self.lengths:
            yield length, self.folds[self.positions[length]] == fold

    def stacked(self, fold: int | None, lengths: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Features and whole-history personas of these lengths without the users of a fold."""
        chosen = [(length, self.folds[self.positions[length]] != fold) for length in lengths]
        values = np.vstack([self.values[length][rows] for length, rows in chosen])
        return values, np.concatenate([self.whole[self.positions[length]][rows] for length, rows in chosen])

    def examples(self, scaler: _Standardiser, fold: int | None, settings: StudySettings):
        """Return what the early classifier learns from."""
        lengths = [length for length in self.lengths if length >= settings.min_early_events]
        values, labels = self.stacked(fold, lengths or self.lengths)
        return scaler.transform(values), labels


@dataclass(frozen=True)
class _Standardiser:
    """Clip and standardise first parts; features that do not vary are left out."""

    kept: np.ndarray
    clip_lo: np.ndarray
    clip_hi: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, frame: _Frame, fold: int | None) -> _Standardiser:
        values, _ = frame.stacked(fold, frame.lengths)
        bounds = np.quantile(values, (0.01, 0.99), axis=0, method="lower")
        clip_lo, clip_hi = round_significant(bounds)
        clipped = np.clip(values, clip_lo, clip_hi)
        mean, scale = round_significant(clipped.mean(axis=0)), clipped.std(axis=0)
        kept = np.flatnonzero(scale > 1e-9 * np.maximum(1.0, np.abs(mean)))
        return cls(kept, clip_lo[kept], clip_hi[kept], mean[kept], scale[kept])

    def transform(self, values: np.ndarray) -> np.ndarray:
        return (np.clip(values[:, self.kept], self.clip_lo, self.clip_hi) - self.mean) / self.scale


@dataclass(frozen=True)
class _EarlyClassifier:
    """The early classifier as rows, and its labels and margins for users that it did not learn from."""

    weights: pd.DataFrame
    out_of_fold: dict[int, np.ndarray]
    n_mismatches: int

    @classmethod
    def fit(cls, frame: _Frame, settings: StudySettings) -> _EarlyClassifier:
        out_of_fold = {length: np.zeros((len(frame.positions[length]), 2)) for length in frame.lengths}
        n_workers = settings.n_workers if sum(map(len, frame.values.values())) >= WORTH_A_PROCESS else 1
        *of_folds, (weights, n_mismatches) = in_parallel(
            n_workers, cls._study, [(frame, fold, settings) for fold in [*range(settings.n_folds), None]]
        )
        for fold, labels in enumerate(of_folds):
            for length, held_out in frame.held_out(fold):
                out_of_fold[length][held_out] = labels[length]
        return cls(weights, out_of_fold, n_mismatches)

    @classmethod
    def _study(cls, frame: _Frame, fold: int | None, settings: StudySettings):
        """Labels of a fold's users by the others; without a fold the rows of all, and how many mismatch."""
        if fold is not None:
            rows, _, _ = cls._learn(frame, fold, settings)
            return {
                length: cls._label(frame, length, rows, held_out) for length, held_out in frame.held_out(fold)
            }
        weights, scaler, model = cls._learn(frame, None, settings)
        n_mismatches = 0
        for length in frame.lengths:
            predicted = model.predict(scaler.transform(frame.values[length]))
            n_mismatches += int((predicted != cls._label(frame, length, weights)[:, 0]).sum())
        return weights, n_mismatches

    @staticmethod
    def _learn(frame: _Frame, fold: int | None, settings: StudySettings):
        scaler = _Standardiser.fit(frame, fold)
        # Each persona counts alike, as it does for centroids: those with long histories have another mix of
        # personas than those whom the classifier labels.
        model = LogisticRegression(C=settings.inverse_penalty, max_iter=500, class_weight="balanced")
        model.fit(*frame.examples(scaler, fold, settings))
        slopes, intercepts = model.coef_, model.intercept_
        if len(model.classes_) == 2:
            slopes, intercepts = np.vstack([0 * slopes, slopes]), np.append(0, intercepts)
        rows = linear_rows(
            [frame.features[position] for position in scaler.kept],
            -slopes / scaler.scale,
            -intercepts + (slopes / scaler.scale) @ scaler.mean,
            model.classes_,
            (scaler.mean, scaler.clip_lo, scaler.clip_hi),
        )
        return rows, scaler, model

    @staticmethod
    def _label(
        frame: _Frame, length: int, rows: pd.DataFrame, asked: np.ndarray | slice = slice(None)
    ) -> np.ndarray:
        table = pd.DataFrame(frame.values[length][asked], columns=frame.features)
        table["user_sk"] = frame.users[frame.positions[length][asked]]
        return score(table, rows)[["segment_id", "margin"]].to_numpy(dtype=float)


class _Resamples:
    """How often each user counts, as they are and in bootstraps: shape (1 + n_bootstraps, n_users)."""

    def __init__(self, n_users: int, settings: StudySettings) -> None:
        generator = np.random.default_rng([settings.seed, 3])
        drawn = generator.integers(n_users, size=(settings.n_bootstraps, n_users))
        counts = [np.bincount(draw, minlength=n_users) for draw in drawn]
        self.counts = np.array([np.ones(n_users, dtype=int), *counts], dtype=np.float64)

    def cross_tables(
        self, positions: np.ndarray, first: np.ndarray, second: np.ndarray, segment_ids: np.ndarray
    ) -> np.ndarray:
        """Users by two labels in every resample, shape (1 + n_bootstraps, k, k)."""
        k = len(segment_ids)
        cells = np.searchsorted(segment_ids, first) * k + np.searchsorted(segment_ids, second)
        members = sparse.csr_matrix(
            (np.ones(len(positions)), (positions, cells)), shape=(self.counts.shape[1], k * k)
        )
        # Sums of whole numbers: exact in any order.
        return (members.T @ self.counts.T).T.reshape(-1, k, k)

    def between(self, frame: _Frame, one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
        """Cross tables of two halves, over users who have both."""
        first, second = frame.whole_as(one), frame.whole_as(other)
        both = np.flatnonzero((first > 0) & (second > 0))
        return self.cross_tables(both, first[both], second[both], frame.segment_ids)


def _kappa(tables: np.ndarray) -> np.ndarray:
    """Return Cohen's kappa of each cross table; 1 where everybody has the same label twice over."""
    total = np.maximum(tables.sum(axis=(1, 2)), 1)
    observed = np.trace(tables, axis1=1, axis2=2) / total
    expected = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / total**2
    return np.where(expected < 1, (observed - expected) / np.where(expected < 1, 1 - expected, 1), 1.0)


def _adjusted_rand(tables: np.ndarray) -> np.ndarray:
    """Return the adjusted Rand index of each cross table (Hubert and Arabie, 1985)."""

    def pairs(counts: np.ndarray) -> np.ndarray:
        return (counts * (counts - 1) / 2).reshape(len(tables), -1).sum(axis=1)

    both, one, other = pairs(tables), pairs(tables.sum(axis=2)), pairs(tables.sum(axis=1))
    expected = one * other / np.maximum(pairs(tables.sum(axis=(1, 2))), 1)
    most = (one + other) / 2
    return np.where(most > expected, (both - expected) / np.where(most > expected, most - expected, 1), 1.0)


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the value and its 95 % percentile interval over the resamples."""
    low, high = np.quantile(values[1:], (0.025, 0.975))
    return float(values[0]), float(min(low, values[0])), float(max(high, values[0]))


def _bins(margins: np.ndarray, kept: np.ndarray, settings: StudySettings) -> pd.DataFrame:
    n_bins = int(np.clip(len(margins) // settings.min_bin_users, 1, settings.max_bins))
    table = tabulate_by_margin(margins, kept.astype(float), n_bins)
    # Nobody is certain: each range is worth one more user, who kept the persona by half (Jeffreys' prior).
    n_users = len(margins) / n_bins
    table["confidence"] = (table["confidence"] * n_users + 0.5) / (n_users + 1)
    return table[table["confidence"] != table["confidence"].shift()]


def _confidence(
    margins: dict[int, np.ndarray], kept: dict[int, np.ndarray], early_below: int, settings: StudySettings
) -> pd.DataFrame:
    tables = [
        _bins(margins[length], kept[length], settings).assign(
            n_events=length, rule=EARLY if length < early_below else CENTROIDS
        )
        for length in sorted(margins)
    ]
    return pd.concat(tables, ignore_index=True)[["n_events", "rule", "margin_lo", "confidence"]]


def _calibrate_held_out(
    frame: _Frame,
    margins: dict[int, np.ndarray],
    kept: dict[int, np.ndarray],
    early_below: int,
    min_events: int,
    settings: StudySettings,
) -> tuple[pd.DataFrame, float]:
    """Deciles and error over the lengths at which people have a persona, each fold judged by the others."""
    found, happened = [], []
    for length in (length for length in margins if length >= min_events):
        folds = frame.folds[frame.positions[length]]
        confidence = np.zeros(len(folds))
        for fold in range(settings.n_folds):
            own = folds == fold
            if own.all() or not own.any():
                continue
            table = _bins(margins[length][~own], kept[length][~own], settings)
            place = np.searchsorted(table["margin_lo"], margins[length][own], side="right") - 1
            confidence[own] = table["confidence"].to_numpy()[place]
        found.append(confidence)
        happened.append(kept[length])
    return calibration_deciles(np.concatenate(found), np.concatenate(happened))
