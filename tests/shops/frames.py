"""Build the project on one shop and write what a persona fit reads, with the truth beside it, as Parquet.

    python tests/shops/frames.py ~/frames/clear_habits --shop clear_habits --days 150
    python tests/shops/frames.py ~/frames/real --files folder/with/csv.gz

A fit can then be tried on many shops without a build: each frame is one file, named as its table.
`judged.json` says what the project itself made of the shop.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

# Run as a program, this finds its neighbours by this folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import WITHOUT_TESTS, House

from clientele.learning.fields import part_of
from clientele.personas.scoring import WEIGHT_COLUMNS, score
from shops.mechanisms import SHOPS, write_months

# What a fit, its judge and the value layer read, and what the project says about its own fit.
TABLES = {
    "core": [
        "as_of",
        "calendar",
        "daily_events",
        "events",
        "family_prices",
        "feature_catalog",
        "features_as_of",
        "fit_request",
        "moments",
        "outcomes",
        "persona_threshold",
        "product_taxonomy",
        "persona_fit_fields",
        "segment_models",
        "segment_names",
        "segment_replicates",
        "segment_sample",
        "segment_weights",
        "shop_priors",
        "training_frame",
        "truncated_histories",
        "user_feature_values",
        "user_sessions",
        "users",
    ],
    "monitor": ["segment_diagnostics", "segment_evaluations", "segment_gates"],
    "marts": ["segment_profiles", "segment_summary", "user_segments"],
}


def export(house: House, truth: pd.DataFrame | None, folder: Path) -> None:
    """Write the tables of a built house, and the truth with the customers' keys, into a folder.

    Parameters
    ----------
    house : House
        Built.
    truth : DataFrame or None
        ``user_id`` (integer) and whatever is known of each customer.
    folder : Path
        Made where it is not there; files of the same names are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with house.connection() as connection:
        for schema, names in TABLES.items():
            for name in names:
                connection.table(f"{schema}.{name}").write_parquet(
                    str(folder / f"{name}.parquet"), compression="zstd"
                )
        if truth is not None:
            keyed = connection.execute(
                "select user_keys.user_sk, user_keys.user_key, truth.* from truth "
                "inner join vault.vault.user_keys as user_keys on truth.user_id = user_keys.user_id "
                "order by user_keys.user_sk"
            ).df()
            keyed.to_parquet(folder / "truth.parquet", index=False)


def judgement(folder: Path) -> dict[str, object]:
    """Return what the project made of a shop whose frames lie in `folder`.

    Returns
    -------
    dict
        Of the first fit: ``status``, ``k``, ``gate``, ``decision`` and ``missed``, the criteria below their
        bars. The adjusted Rand index with the planted groups (as of the last day, where habits switch):
        ``ari_published`` of those who carry a persona, ``ari_sample`` of the fitted weights on the sample,
        whether they may score or not; both also with the coarse groups where habits are nested.

    References
    ----------
    Hubert and Arabie (1985), Comparing partitions.
    """

    def read(name: str) -> pd.DataFrame:
        return pd.read_parquet(folder / f"{name}.parquet")

    sample, segments = read("segment_sample"), read("user_segments")
    found: dict[str, object] = {
        "customers": len(segments),
        "in_sample": len(sample),
        "training_rows": len(read("training_frame")),
        "with_persona": int(segments["segment_id"].notna().sum()),
    }
    if len(models := read("segment_models")):
        card = models.sort_values("fit_number").iloc[0]
        names = ("status", "reason", "gate", "decision", "decision_reason")
        found |= {name: None if pd.isna(card[name]) else card[name] for name in names}
        found["k"] = int(card["n_segments"])
        missed = read("segment_gates").query("verdict == 'missed'")
        found["missed"] = [
            f"{row.criterion} {row.compared_with or ''} {row.value:.3f}".replace("  ", " ")
            for row in missed.itertuples()
        ]
    if not (folder / "truth.parquet").exists():
        return found
    truth = read("truth")
    if "group_after" in truth:
        truth["group"] = truth["group_after"].where(truth["group_after"].notna(), truth["group"])
    named = segments[segments["segment_id"].notna()]
    weights = (
        part_of(read("persona_fit_fields"), "weight")
        .query("fit_number == 1")
        .astype({"segment_id": "int64", "feature_position": "int64"})
    )
    labels = score(sample, weights[list(WEIGHT_COLUMNS)]) if len(weights) and len(sample) else None
    for column, suffix in (("group", ""), ("coarse", "_coarse")):
        if column not in truth or truth[column].isna().all():
            continue
        planted = named["user_key"].map(truth.set_index("user_key")[column])
        found[f"ari_published{suffix}"] = agreement(planted, named["segment_id"])
        if labels is not None:
            planted = labels["user_sk"].map(truth.set_index("user_sk")[column])
            found[f"ari_sample{suffix}"] = agreement(planted, labels["segment_id"])
    return found


def agreement(truth: pd.Series, labels: pd.Series) -> float | None:
    """Return the adjusted Rand index over those whose truth is known; None when there is nobody."""
    known = truth.notna().to_numpy()
    if not known.any():
        return None
    return round(float(adjusted_rand_score(truth[known], np.asarray(labels)[known])), 4)


def main() -> None:
    """Read the command line, build, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the frames go")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--shop", choices=sorted(SHOPS))
    source.add_argument("--files", type=Path, help="a folder of event files")
    parser.add_argument("--truth", type=Path, help="with --files: CSV with user_id and group or behaviour")
    parser.add_argument("--users", type=int)
    parser.add_argument("--days", type=int)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.shop or given.files:
        with TemporaryDirectory(prefix="frames-") as scratch:
            build(given, House(Path(scratch), papers=False))
    found = judgement(given.folder)
    (given.folder / "judged.json").write_text(json.dumps(found, indent=1, default=str) + "\n")
    print(json.dumps(found, indent=1, default=str))


def build(given: argparse.Namespace, house: House) -> None:
    """Fill the house's lake, build it and export it."""
    truth = None
    if given.shop:
        drawn = SHOPS[given.shop].draw(given.seed, given.users, given.days)
        write_months(drawn.events, house.lake)
        truth = drawn.truth
    else:
        house.lake = given.files
        if given.truth:
            truth = pd.read_csv(given.truth).rename(columns={"behaviour": "group"})
    started = time.perf_counter()
    house.build(*WITHOUT_TESTS)
    print(f"built in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    export(house, truth, given.folder)


if __name__ == "__main__":
    main()
