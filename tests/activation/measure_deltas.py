"""How long the deltas of a large audience take: ``python tests/activation/measure_deltas.py``.

Two in five of five million customers are in the audience, and one in ten has withdrawn consent; then three
in a hundred of all leave, as many come, and a thousand are erased. Planning and acknowledging are SQL in
DuckDB files; sending is left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from test_exports import TABLES

from clientele.activation.exports import activate
from clientele.activation.ledger import Export, Ledger
from clientele.runtime.warehouses import Connection


class Nowhere:
    """A destination that acknowledges without looking."""

    name = "crm"

    def send(self, export: Export) -> None:
        pass

    def has_leftovers(self, audience: str, n_members: int) -> bool:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000_000)
    n_customers = parser.parse_args().customers
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(str(Path(folder) / "warehouse.duckdb"))
        connection.execute(TABLES.replace(":memory:", str(Path(folder) / "vault.duckdb")))
        connection.execute(
            "insert into marts.audiences "
            "values ('large', 'L', 'x', 'active', null, '2020-01-01', 1, 'crm', 'mail')"
        )
        keys = "insert into vault.vault.user_keys "
        keys += f"select range, md5(range::varchar), range from range({n_customers})"
        connection.execute(keys)
        connection.execute(
            "insert into core.consent_states "
            "select user_sk, 'mail', if(user_sk % 10 < 9, 'given', 'withdrawn') from vault.vault.user_keys"
        )
        ledger = Ledger(Connection(connection, "vault.vault"))
        members = (
            "insert into marts.audience_members select 'large', user_key from vault.vault.user_keys where"
        )
        connection.execute(f"{members} user_sk % 10 < 9 and user_sk % 100 < 40")
        timed(ledger, "everybody comes")
        connection.execute("delete from marts.audience_members")
        stay = "user_sk % 10 < 9 and user_sk % 100 between 3 and 42"
        connection.execute(f"{members} {stay} and user_sk % 5000 != 10")
        connection.execute("delete from vault.vault.user_keys where user_sk % 5000 = 10")
        timed(ledger, "some come, leave and are erased")
        timed(ledger, "nothing")


def timed(ledger: Ledger, what: str) -> None:
    begun = time.perf_counter()
    (outcome,) = activate(ledger, {"crm": Nowhere()})
    print(f"{time.perf_counter() - begun:5.1f} s  {what}: {outcome.described()}")


if __name__ == "__main__":
    main()
