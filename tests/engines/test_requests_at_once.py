"""On Redshift two requests that are made at once are each about who was named for it, or refused."""

from __future__ import annotations

import pytest
from redshift_lint import refusals
from standin import Proxy
from support import HEADER, IS_LONG, UP_TO_EVENTS, Event
from warehouse import USER, Warehouse

from clientele.privacy import redshift_subjects

pytestmark = pytest.mark.skipif(not IS_LONG, reason="make test-redshift: two builds on the stand-in")
FIRST, SECOND = "541312140", "541312177"
# A line without a user, in a session that is the first one's alone.
UNNAMED = Event(user_id="", user_session="s-1", brand="nobody's")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory, postgres, proxy):
    strict = Proxy(postgres.port, lint=lambda sql: [finding.message for finding in refusals(sql)])
    strict.start()
    settings = {"quarantine_refuse_share": 1}
    yield Warehouse(tmp_path_factory.mktemp("requests"), postgres, strict, proxy, settings)
    strict.stop()


def test_the_first_is_not_carried_out_for_the_seconds_customer(warehouse):
    events = [Event(user_id=FIRST, user_session="s-1"), Event(user_id=SECOND, user_session="s-2"), UNNAMED]
    content = "".join(f"{line}\n" for line in [HEADER, *(event.line() for event in events)]).encode()
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
