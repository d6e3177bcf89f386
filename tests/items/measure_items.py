"""Groups of stores, families of products: ``measure_items.py FOLDER``, a folder with rossmann and store."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import numpy as np
from stores import store_tables

from clientele.items.coviews import Coviews, masked_trial
from clientele.items.groups import ItemGroups, choose, gower_tree, r_squared_later, stability


def measure_stores(folder: Path, n_groups: int = 4) -> dict[str, float]:
    """Groups learnt from one year, held against the next; the smallest group, and halves of the stores."""
    numbers, words, later = store_tables(folder)
    # a number that nearly all stores share is no part of the groups, nor of what they have to tell
    model = ItemGroups(n_groups).fit(numbers, words)
    later = later[[name for name in later if name in model.kept_]]
    tree = gower_tree(numbers[model.kept_], words, n_groups)
    return {
        "r_squared_next_year": r_squared_later(model.labels_, later),
        "half_ari": stability(numbers, words, n_groups),
        "min_share": float(np.bincount(model.labels_).min() / len(numbers)),
        "gower_r_squared": r_squared_later(tree, later),
        "gower_min_share": float(np.bincount(tree).min() / len(numbers)),
        "type_r_squared": r_squared_later(words["storetype"].to_numpy(), later),
    }


def measure_store(folder: Path, n_repeats: int = 10) -> dict[str, float]:
    """Hide the family of a third of the real store's products, again and again."""
    lines = f"read_csv('{folder}/store/*.csv.gz', all_varchar = true)"
    product = "cast(product_id as bigint) as product_id"
    seen = duckdb.sql(f"select distinct user_session as visit, {product} from {lines}").df()
    family = "mode(split_part(nullif(category_code, ''), '.', 1))"
    known = duckdb.sql(f"select {product}, {family} as family from {lines} group by 1").df()
    return masked_trial(Coviews(seen, known.dropna().set_index("product_id")["family"]), n_repeats)


if __name__ == "__main__":
    given = Path(sys.argv[1])
    print("stores", {name: round(value, 4) for name, value in measure_stores(given).items()})
    print("store", {name: round(value, 4) for name, value in measure_store(given).items()})
    numbers, words, _ = store_tables(given)
    print(choose(numbers, words).round(3).to_string(index=False))
