"""On Redshift what is asked before the first load, or before somebody's first event, stays asked."""

from __future__ import annotations

import pytest
from support import IS_LONG, MATERIAL, UP_TO_EVENTS, Event, csv_text
from warehouse import Warehouse

from clientele.privacy import keys

pytestmark = pytest.mark.skipif(not IS_LONG, reason="make test-redshift: two builds on the stand-in")
FIRST, LATER = "541312140", "541312177"
ASKED = ("--select", "+reconciliation", "profiling_objections", *UP_TO_EVENTS[2:])


@pytest.fixture
def warehouse(tmp_path, postgres, strict, proxy):
    return Warehouse(tmp_path, postgres, strict, proxy, {"user_id_kind": "text"})


def content(*user_ids: str) -> bytes:
    return csv_text(Event(user_id=one) for one in user_ids)


def test_an_objection_before_the_first_load_of_texts_holds_for_who_comes_then_and_later(warehouse):
    """The register is one of numbers, as nothing says yet that ids are texts."""
    for user_id, operation in ((FIRST, "object_to_profiling"), (LATER, "restrict_subjects")):
        warehouse.name_subjects(user_id)
        noted = warehouse.run("run-operation", operation, variables={"user_id_kind": "integer"})
        assert noted.succeeded and "noted for the first build" in noted.said, noted.said[-3000:]
    assert warehouse.rows("select user_id from vault.objections") == [(int(FIRST),)]

    warehouse.deliver("a.csv", content(FIRST, "x@shop.example"))
    warehouse.build(*ASKED)
    assert warehouse.rows("select user_id from vault.objections") == [(FIRST,)]
    assert warehouse.rows("select user_id from vault.restrictions") == [(LATER,)]
    numbers = [(keys.user_sk(keys.user_key(user_id, MATERIAL)),) for user_id in (FIRST, LATER)]
    assert warehouse.rows("select user_sk from core.profiling_objections") == numbers[:1]

    # the table is not among the models that are built when the other one comes
    warehouse.deliver("b.csv", content(LATER).replace(b"2019-10-01", b"2019-10-02"))
    warehouse.build(*UP_TO_EVENTS)
    assert sorted(warehouse.rows("select user_sk from core.profiling_objections")) == sorted(numbers)
