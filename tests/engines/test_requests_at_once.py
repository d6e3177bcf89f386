"""On Redshift two requests that are made at once are each about who was named for it, or refused."""

from __future__ import annotations

import pytest
from support import IS_LONG, NEXT_KEY, UP_TO_EVENTS, Build, Event, csv_text
from warehouse import USER, Warehouse

from clientele.privacy import keys, redshift_key, redshift_subjects

pytestmark = pytest.mark.skipif(not IS_LONG, reason="make test-redshift: two builds on the stand-in")
FIRST, SECOND = "541312140", "541312177"
# A line without a user, in a session that is the first one's alone.
UNNAMED = Event(user_id="", user_session="s-1", brand="nobody's")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory, postgres, strict, proxy):
    settings = {"quarantine_refuse_share": 1}
    return Warehouse(tmp_path_factory.mktemp("requests"), postgres, strict, proxy, settings)


def test_the_first_is_not_carried_out_for_the_seconds_customer(warehouse):
    events = [Event(user_id=FIRST, user_session="s-1"), Event(user_id=SECOND, user_session="s-2"), UNNAMED]
    content = csv_text(events)
    warehouse.deliver("a.csv", content)
    warehouse.build(*UP_TO_EVENTS)
    with warehouse.connection(warehouse.proxy, USER) as connection:
        for user_id, named_as in ((FIRST, "a1"), (SECOND, "b2")):
            environment = {"CLIENTELE_SUBJECT": user_id, "CLIENTELE_NAMED_AS": named_as}
            redshift_subjects.name(connection, environment)
    erased = warehouse.run("run-operation", "erase_subjects", CLIENTELE_NAMED_AS="a1")
    assert erased.succeeded, erased.said[-3000:]
    assert warehouse.rows("select user_id from vault.user_keys") == [(int(SECOND),)]
    refused = warehouse.run("run-operation", "object_to_profiling", CLIENTELE_NAMED_AS="b2")
    assert not refused.succeeded and "has ended meanwhile, ask again" in refused.said
    assert warehouse.rows("select * from vault.objections") == []
    assert warehouse.rows("select * from vault.build_lock") == [], "a refusal keeps nobody out"

    # read again, the file brings the first one back neither by the id nor by the session
    warehouse.deliver("again.csv", content.replace(b"2019-10-01", b"2019-10-02"))
    warehouse.build(*UP_TO_EVENTS)
    assert warehouse.rows("select user_id from vault.user_keys") == [(int(SECOND),)]
    assert warehouse.rows("select file_name from vault.quarantined_lines") == []
    books = "select n_erased, n_unaccounted from monitor.reconciliation where file_name = 'again.csv'"
    assert warehouse.rows(books) == [(2, 0)]


def test_a_rotation_waits_its_turn_and_is_on_record(warehouse):
    def put(sql: str) -> None:
        with warehouse.connection(warehouse.proxy, USER) as connection:
            connection.cursor().execute(sql)
            connection.commit()

    def rotated() -> Build:
        return warehouse.run("run-operation", "rotate_key", CLIENTELE_PSEUDONYM_KEY_NEW=NEXT_KEY)

    with warehouse.connection(warehouse.proxy, USER) as connection:
        redshift_key.store_next(connection, keys.derive(NEXT_KEY))
    old = warehouse.rows("select user_key from vault.user_keys")
    put("insert into vault.build_lock values ('another run', 'build', timestamp '2100-01-01 00:00:00')")
    refused = rotated()
    assert not refused.succeeded and "in use by another run (build, another run)" in refused.said
    put("delete from vault.build_lock")

    # with a key that is not this warehouse's it is refused, and keeps nobody out for six hours
    put("update vault.pseudonym_key set user_outer = reverse(user_outer)")
    assert not rotated().succeeded
    assert warehouse.rows("select * from vault.build_lock") == []
    put("update vault.pseudonym_key set user_outer = reverse(user_outer)")
    assert warehouse.rows("select user_key from vault.user_keys") == old

    # -1 is whoever has done nothing with a family, and nobody's pseudonym
    put("create table core.category_frame (user_sk bigint, days_back integer)")
    put("insert into core.category_frame values (-1, 30)")
    done = rotated()
    assert done.succeeded, done.said[-3000:]
    assert warehouse.rows("select user_sk from core.category_frame") == [(-1,)]
    assert not set(old) & set(warehouse.rows("select user_key from vault.user_keys"))
    last = "select kind, n_customers, finished_at is not null from vault.requests "
    last += "order by request_number desc limit 1"
    assert warehouse.rows(last) == [("rotate", len(old), True)]
    newest = warehouse.rows("select max(request_number) from vault.requests")
    assert warehouse.rows("select n_requests from monitor.requests_done") == newest
    assert warehouse.rows("select * from vault.build_lock") == []
