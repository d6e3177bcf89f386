"""Worlds in which experiments are run by the hundred: the project's own SQL over drawn customers."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pandas as pd

ARMS = {"holdout": 0.5, "mail": 0.5}


class World:
    """A database with the tables that the models of the room read.

    Parameters
    ----------
    sql : dict of str to str
        Compiled models by name.
    """

    def __init__(self, sql: dict[str, str]) -> None:
        self.sql = sql
        self.connection = duckdb.connect()
        self.connection.execute(
            "attach ':memory:' as warehouse; attach ':memory:' as vault;"
            "create schema warehouse.core; create schema vault.vault"
        )

    def put(self, name: str, frame: pd.DataFrame, schema: str = "warehouse.core") -> None:
        """Write a table."""
        self.connection.register("frame", frame)
        self.connection.execute(f"create or replace table {schema}.{name} as select * from frame")
        self.connection.unregister("frame")

    def build(self, name: str) -> pd.DataFrame:
        """Run a model over what is there, keep its table, and return it."""
        self.connection.execute(f"create or replace table warehouse.core.{name} as {self.sql[name]}")
        return self.connection.sql(f"select * from warehouse.core.{name}").df()

    def define(self, names: list[str], measure: str = "revenue", arms: dict[str, float] = ARMS) -> None:
        """Write designs, arms and standings of experiments that are over."""
        day = pd.Timestamp("2020-02-29")
        designs = pd.DataFrame({"experiment": names})
        self.put(
            "experiment_designs",
            designs.assign(measure=measure, guardrails="visits", as_of_date=day.date(), horizon_days=28),
        )
        dates = {"assigned_date": date(2020, 1, 31), "ends_date": date(2020, 2, 28)}
        self.put("experiment_standings", designs.assign(status="over", as_of_date=day.date(), **dates))
        self.connection.execute(
            "create or replace table warehouse.core.experiment_exposures "
            "(experiment varchar, user_sk bigint, arm varchar, exposed_at timestamp)"
        )
        self.put("experiment_power", designs.assign(detectable_effect=0.1))
        ends = np.cumsum(list(arms.values()))
        arm_rows = pd.DataFrame(
            {
                "arm": list(arms),
                "share": list(arms.values()),
                "from_place": [0.0, *ends[:-1]],
                "to_place": ends,
                "is_control": [name == next(iter(arms)) for name in arms],
                "is_held_back": [name == "holdout" for name in arms],
                "is_chosen": False,
                "model": pd.array([None] * len(arms), dtype="string"),
            }
        )
        self.put("experiment_arms", designs.merge(arm_rows, how="cross"))

    def draw(self, candidates: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
        """Give each candidate a number and an arm; return the assignments."""
        strata = candidates[["experiment", "stratum"]].drop_duplicates()
        strata["stratum_draw"] = chance.integers(0, 2**60, len(strata))
        draws = candidates[["experiment", "user_sk", "stratum"]].merge(strata, on=["experiment", "stratum"])
        draws["draw"] = chance.integers(0, 2**60, len(draws))
        self.put("experiment_candidates", candidates)
        self.put("experiment_draws", draws.drop(columns="stratum"), "vault.vault")
        return self.build("experiment_assignments")


def customers(n_users: int, chance: np.random.Generator) -> pd.DataFrame:
    """Return customers whose revenue in two periods goes together, is mostly nothing and has a long tail."""
    persona, tier = chance.integers(1, 6, n_users), chance.integers(1, 6, n_users)
    rate = chance.gamma(0.5, 1, n_users) * (0.2 + 0.3 * tier) * np.array([0.5, 1, 1.5, 0.7, 2])[persona - 1]
    spending = {}
    for name in ("x", "y"):
        orders = chance.poisson(rate)
        spending[name] = np.where(orders > 0, orders * chance.lognormal(3, 1, n_users), 0.0).round(2)
    found = pd.DataFrame({"user_sk": np.arange(n_users), "persona": persona, "value_tier": tier} | spending)
    found["user_key"] = found["user_sk"].astype(str)
    found["stratum"] = found["persona"].astype(str) + "-" + found["value_tier"].astype(str)
    return found


def outcomes(assignments: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Return core.experiment_outcomes of people with the columns x and y, which are revenue."""
    found = assignments[["experiment", "user_sk", "arm", "stratum"]].merge(
        people[["experiment", "user_sk", "x", "y", "persona"]], on=["experiment", "user_sk"]
    )
    found["persona"] = found["persona"].astype(str)
    for part in "yx":
        for measure in ("revenue", "orders", "buyers", "visits"):
            found[f"{part}_{measure}"] = found[part] if measure == "revenue" else 0.0
    return found.drop(columns=["x", "y"])
