"""Destinations against real files and a real server that fails, repeats, is slow and answers nonsense."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf, nan
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from test_exports import CUSTOMERS, Shop

from clientele.activation.destinations import Folder, Unusable, Webhook, configured, signature
from clientele.activation.exports import activate
from clientele.contents import sha256_of

SECRET = "for tests only, no secret"


class Service(ThreadingHTTPServer):
    """A service that keeps audiences as sets; `plan` says how it takes the next requests, then it is well."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: list[str] = []
        self.held: dict[str, set[str]] = {}
        self.seen: list[tuple[float, str, dict]] = []
        self.forged = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/audiences"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["X-Clientele-Signature"] != signature(
            SECRET, self.headers["X-Clientele-Timestamp"], body
        ):
            self.server.forged += 1
        request = json.loads(body)
        way = self.server.plan.pop(0) if self.server.plan else "well"
        self.server.seen.append((time.monotonic(), way, request))
        if way == "down":
            self.close_connection = True  # no answer at all
            return
        if way.isdecimal():
            self.answer(int(way), b"not now", {"Retry-After": "0"})
            return
        if way == "tomorrow":
            self.answer(503, b"not now", {"Retry-After": "86400"})
            return
        held = self.server.held.setdefault(request["audience"], set())
        keys = set(request["keys"])
        self.server.held[request["audience"]] = held | keys if request["action"] == "add" else held - keys
        batch = f"{request['export']}-{request['batch']}"
        assert self.headers["Idempotency-Key"] == batch
        if way == "slow":
            time.sleep(0.6)
        if way in ("drips", "endless", "cut"):
            self.go_on(way, batch)
            return
        answers = {
            "nonsense": b"<html>Please log in</html>",
            "list": b"[1, 2]",
            "brackets": b"[" * 60_000,
            "other": json.dumps({"acknowledged": "0-0"}).encode(),
            "redirect": b"",
        }
        status, headers = (307, {"Location": "/elsewhere"}) if way == "redirect" else (200, {})
        self.answer(status, answers.get(way, json.dumps({"acknowledged": batch}).encode()), headers)

    def go_on(self, way: str, batch: str) -> None:
        """Answer a byte at a time, without an end, or with an end that is too early."""
        content = json.dumps({"acknowledged": batch}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(10**9 if way == "endless" else len(content)))
            self.end_headers()
            for place in range(0 if way == "cut" else len(content) if way == "drips" else 10**6):
                self.wfile.write(content[place : place + 1] if way == "drips" else b" " * 1000)
                self.wfile.flush()
                time.sleep(0.1 if way == "drips" else 0)
            self.close_connection = True
        except OSError:
            pass

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # who asked has gone

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Service]:
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


def webhook(service: Service, **settings: object) -> Webhook:
    usual = {
        "batch_keys": 3,
        "requests_per_minute": 60_000,
        "retries": 2,
        "wait_seconds": 0,
        "timeout_seconds": 0.3,
    }
    return Webhook("crm", service.url, SECRET, **(usual | settings))


def send(shop: Shop, crm: Webhook) -> list:
    return list(activate(shop.ledger, {"crm": crm}))


def test_members_come_and_leave_in_signed_batches(service):
    shop, crm = Shop(), webhook(service)
    shop.build(set(CUSTOMERS[:7]))
    send(shop, crm)
    assert service.held == {"loyal": set(CUSTOMERS[:7])} and service.forged == 0
    assert [len(request["keys"]) for _, _, request in service.seen] == [3, 3, 1]
    shop.build(set(CUSTOMERS[1:9]))
    service.seen.clear()
    (outcome,) = send(shop, crm)
    assert outcome.is_well and service.held == {"loyal": set(CUSTOMERS[1:9])}
    assert [request["action"] for _, _, request in service.seen] == ["remove", "add"]
    assert service.seen[0][2] | {"keys": []} == {
        "audience": "loyal",
        "label": "Loyal",
        "purpose": "a mail",
        "destination": "crm",
        "as_of": "2020-01-01",
        "export": 2,
        "batch": 1,
        "batches": 2,
        "action": "remove",
        "keys": [],
    }


@pytest.mark.parametrize("way", ["down", "429", "500", "503", "slow"])
def test_a_request_that_fails_once_is_repeated(service, way):
    shop = Shop()
    shop.build(set(CUSTOMERS[:4]))
    service.plan = ["well", way]
    (outcome,) = send(shop, webhook(service))
    assert outcome.is_well and service.held["loyal"] == set(CUSTOMERS[:4])
    assert [request["batch"] for _, _, request in service.seen] == [1, 2, 2]


def test_a_service_that_says_tomorrow_is_asked_again_today(service, monkeypatch):
    monkeypatch.setattr("clientele.activation.destinations._LONGEST_WAIT", 0.2)
    shop = Shop()
    shop.build(set(CUSTOMERS[:3]))
    service.plan = ["tomorrow"]
    begun = time.monotonic()
    (outcome,) = send(shop, webhook(service))
    assert outcome.is_well and 0.2 <= time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("down", "crm gave no answer to batch 2 of 3"),
        ("slow", "crm gave no answer"),
        ("503", "crm answered 503 to batch 2 of 3"),
        ("401", "crm answered 401 to batch 2 of 3"),
        ("redirect", "crm answered 307 to batch 2 of 3"),
        ("nonsense", "crm answered 200 to batch 2 of 3, and no acknowledgement with it"),
        ("list", "no acknowledgement with it"),
        ("brackets", "no acknowledgement with it"),
        ("drips", "crm gave no end of its answer to batch 2 of 3"),
        ("endless", "crm gave no end of its answer to batch 2 of 3"),
        ("cut", "crm gave no answer to batch 2 of 3"),
        ("other", "crm acknowledged something else than batch 2 of 3"),
    ],
)
def test_what_is_not_acknowledged_is_a_sentence_and_the_next_run_mends_it(service, way, sentence):
    shop, crm = Shop(), webhook(service)
    shop.build(set(CUSTOMERS[:7]))
    service.plan = ["well", *[way] * 3]
    (outcome,) = send(shop, crm)
    assert not outcome.is_well and sentence in outcome.reason and "the next run mends it" in outcome.reason
    assert not any(key in outcome.described() for key in CUSTOMERS)
    assert set(shop.standings().values()) == {"adding"}
    service.plan = []
    shop.build(set(CUSTOMERS[2:8]))
    shop.erase(CUSTOMERS[5])
    (mended,) = send(shop, crm)
    assert mended.is_well and service.held["loyal"] == set(CUSTOMERS[2:8]) - {CUSTOMERS[5]}


def test_requests_keep_to_the_rate(service):
    shop = Shop()
    shop.build(set(CUSTOMERS[:9]))
    begun = time.monotonic()
    send(shop, webhook(service, requests_per_minute=300))
    assert len(service.seen) == 3 and time.monotonic() - begun >= 2 * 60 / 300


def test_a_signature_is_the_documented_one():
    """Computed with openssl: printf '1580428800.{}' | openssl dgst -sha256 -hmac 'an agreed secret'."""
    assert signature("an agreed secret", "1580428800", b"{}") == (
        "sha256=242224d6016d1ee71cfa8d7398ae237446351e366c3d214a064f80f1369aed11"
    )


# --- the folder


def test_a_folder_has_members_and_what_changed(tmp_path):
    shop, folder = Shop(places="folder"), Folder("folder", tmp_path / "audiences")
    shop.build(set(CUSTOMERS[:4]))
    (first,) = activate(shop.ledger, {"folder": folder})
    place = tmp_path / "audiences" / "loyal"
    assert first.is_well and column(place, "members") == CUSTOMERS[:4] == column(place, "added")
    shop.build(set(CUSTOMERS[1:6]))
    shop.erase(CUSTOMERS[3])
    list(activate(shop.ledger, {"folder": folder}))
    manifest = json.loads((place / "manifest.json").read_text())
    assert column(place, "members") == [key for key in CUSTOMERS[1:6] if key != CUSTOMERS[3]]
    assert (
        column(place, "removed") == [CUSTOMERS[0], CUSTOMERS[3]] and column(place, "added") == CUSTOMERS[4:6]
    )
    assert manifest["export"] == 2 and manifest["purpose"] == "a mail"
    for name, facts in manifest["files"].items():
        assert sha256_of(place / name) == facts["sha256"], name
    assert len(list((tmp_path / "audiences" / ".exports").iterdir())) == 1


def test_who_objects_is_read_as_a_member_no_more_and_the_next_export_tells_it(tmp_path):
    shop, folder = Shop(places="folder"), Folder("folder", tmp_path)
    folder.withdraw(CUSTOMERS[:1])  # nothing was exported yet
    shop.build(set(CUSTOMERS[:4]))
    list(activate(shop.ledger, {"folder": folder}))
    place = tmp_path / "loyal"
    for _ in range(2):  # once more changes nothing
        folder.withdraw(CUSTOMERS[1:2])
        assert column(place, "members") == column(place, "added") == [CUSTOMERS[0], *CUSTOMERS[2:4]]
        assert {path.name for path in place.iterdir()} == {
            "manifest.json",
            *(f"{part}.{form}" for part in ("members", "added", "removed") for form in ("csv", "parquet")),
        }
        for name, facts in json.loads((place / "manifest.json").read_text())["files"].items():
            assert sha256_of(place / name) == facts["sha256"], name
            assert name.startswith("removed") or facts["rows"] == 3
    shop.object(CUSTOMERS[1])
    list(activate(shop.ledger, {"folder": folder}))
    assert column(place, "removed") == CUSTOMERS[1:2]
    assert column(place, "members") == [CUSTOMERS[0], *CUSTOMERS[2:4]]


def test_what_a_kill_left_of_an_export_or_a_request_holds_nobody_and_stops_nothing(tmp_path):
    """Half of an export has no manifest, and in its files a pseudonym may be cut; a request leaves drafts."""
    shop, folder = Shop(places="folder"), Folder("folder", tmp_path)
    shop.build(set(CUSTOMERS[:4]))
    list(activate(shop.ledger, {"folder": folder}))
    place = tmp_path / "loyal"
    half = tmp_path / ".exports" / "loyal-000002"
    half.mkdir()
    (half / "members.csv").write_text(f"user_key\n{CUSTOMERS[0]}\n{CUSTOMERS[1][:-1]}")
    (half / "members.parquet").write_bytes(f"PAR1{CUSTOMERS[1]}".encode())
    draft = place.resolve() / ".draft"
    draft.mkdir()
    (draft / "added.csv").write_text(f"user_key\n{CUSTOMERS[1]}\n")
    folder.withdraw(CUSTOMERS[1:2])
    assert column(place, "members") == column(place, "added") == [CUSTOMERS[0], *CUSTOMERS[2:4]]
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) == 7, left
    assert not any(CUSTOMERS[1].encode() in path.read_bytes() for path in left)


@pytest.mark.parametrize("step", range(5))
def test_a_request_that_was_killed_is_done_by_what_the_files_still_tell(tmp_path, step):
    shop, folder = Shop(places="folder"), Folder("folder", tmp_path)
    shop.build(set(CUSTOMERS[:4]))
    list(activate(shop.ledger, {"folder": folder}))
    with pytest.MonkeyPatch.context() as patched:
        moves = iter(range(step))

        def replace(*names: Path, moved=os.replace) -> None:
            if next(moves, None) is None:
                raise KeyboardInterrupt
            moved(*names)

        patched.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            folder.withdraw(CUSTOMERS[1:2])
    folder.withdraw(sorted(folder.told() - {*CUSTOMERS[:1], *CUSTOMERS[2:4]}))
    place = tmp_path / "loyal"
    assert column(place, "members") == column(place, "added") == [CUSTOMERS[0], *CUSTOMERS[2:4]]
    for name, facts in json.loads((place / "manifest.json").read_text())["files"].items():
        assert sha256_of(place / name) == facts["sha256"], name


def test_who_could_read_an_export_can_read_it_after_somebody_was_taken_out(tmp_path):
    """An erasure makes files for their owner alone; a reader who may not open them keeps the old copy."""
    shop, folder = Shop(places="folder"), Folder("folder", tmp_path)
    shop.build(set(CUSTOMERS[:4]))
    list(activate(shop.ledger, {"folder": folder}))
    files = list((tmp_path / "loyal").iterdir())
    for path in files:
        path.chmod(0o644)
    mask = os.umask(0o077)
    try:
        folder.withdraw(CUSTOMERS[:1])
    finally:
        os.umask(mask)
    assert column(tmp_path / "loyal", "members") == CUSTOMERS[1:4]
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files} == {
        path.name: "0o644" for path in files
    }


def test_the_next_export_forgets_who_was_removed(tmp_path):
    shop, folder = Shop(places="folder"), Folder("folder", tmp_path)
    shop.build(set(CUSTOMERS[:4]))
    list(activate(shop.ledger, {"folder": folder}))
    shop.erase(CUSTOMERS[0])
    list(activate(shop.ledger, {"folder": folder}))
    assert column(tmp_path / "loyal", "removed") == CUSTOMERS[:1]
    (cleared,) = activate(shop.ledger, {"folder": folder})
    assert cleared.status == "acknowledged"
    for path in tmp_path.rglob("*.csv"):
        assert CUSTOMERS[0] not in path.read_text()
    assert [outcome.status for outcome in activate(shop.ledger, {"folder": folder})] == ["nothing"]


def test_a_folder_of_an_audience_that_is_gone_forgets_who_was_removed(tmp_path):
    shop, folder = Shop(places="folder"), Folder("folder", tmp_path)
    shop.build(set(CUSTOMERS[:4]))
    list(activate(shop.ledger, {"folder": folder}))
    shop.build(set())
    shop.connection.execute("delete from marts.audiences")
    (left,) = activate(shop.ledger, {"folder": folder})
    assert left.counts.n_removed == 4 and column(tmp_path / "loyal", "removed") == CUSTOMERS[:4]
    assert list(activate(shop.ledger, {})) == []
    (cleared,) = activate(shop.ledger, {"folder": folder})
    assert cleared.status == "acknowledged" and column(tmp_path / "loyal", "removed") == []
    assert list(activate(shop.ledger, {"folder": folder})) == []


def test_a_folder_that_was_moved_or_put_back_is_written_again(tmp_path):
    shop, first, second = Shop(places="folder"), tmp_path / "first", tmp_path / "second"
    shop.build(set(CUSTOMERS[:4]))
    list(activate(shop.ledger, {"folder": Folder("folder", first)}))
    earlier = tmp_path / "earlier"
    shutil.copytree(first, earlier, symlinks=True)
    (moved,) = activate(shop.ledger, {"folder": Folder("folder", second)})
    assert moved.status == "acknowledged" and column(second / "loyal", "members") == CUSTOMERS[:4]
    shop.build(set(CUSTOMERS[:6]))
    list(activate(shop.ledger, {"folder": Folder("folder", second)}))
    (mended,) = activate(shop.ledger, {"folder": Folder("folder", earlier)})
    assert mended.status == "acknowledged" and column(earlier / "loyal", "members") == CUSTOMERS[:6]
    assert [one.status for one in activate(shop.ledger, {"folder": Folder("folder", earlier)})] == ["nothing"]


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    shop = Shop(places="folder")
    shop.build(set(CUSTOMERS[:4]))
    (tmp_path / "file").write_text("in the way")
    (outcome,) = activate(shop.ledger, {"folder": Folder("folder", tmp_path / "file")})
    assert not outcome.is_well and "the next run mends it" in outcome.reason
    (mended,) = activate(shop.ledger, {"folder": Folder("folder", tmp_path / "other")})
    assert mended.is_well and column(tmp_path / "other" / "loyal", "members") == CUSTOMERS[:4]


@pytest.mark.parametrize("content", ["", "[]", '{"files": []}', '{"files": {}}', "{"])
def test_a_manifest_that_cannot_be_read_is_written_again(tmp_path, content):
    shop, folder = Shop(places="folder"), Folder("folder", tmp_path)
    shop.build(set(CUSTOMERS[:3]))
    list(activate(shop.ledger, {"folder": folder}))
    (tmp_path / "loyal" / "manifest.json").write_text(content)
    (mended,) = activate(shop.ledger, {"folder": folder})
    assert mended.status == "acknowledged" and column(tmp_path / "loyal", "members") == CUSTOMERS[:3]


def column(place: Path, part: str) -> list[str]:
    table = pq.read_table(place / f"{part}.parquet")["user_key"].to_pylist()
    assert (place / f"{part}.csv").read_text().split() == ["user_key", *table]
    return table


# --- settings


def exposures(**settings: object) -> dict:
    return {
        "exposures": {
            "crm": {
                "name": "crm",
                "original_file_path": "audiences/crm.yml",
                "config": {"meta": {"destination": settings}},
            }
        }
    }


@pytest.mark.parametrize(
    ("settings", "secret", "sentence"),
    [
        ({"kind": "mail"}, SECRET, "audiences/crm.yml, crm: destination needs kind"),
        ({"kind": "webhook", "url": "http://crm.example"}, SECRET, "https://"),
        ({"kind": "webhook", "url": "https://me:word@crm.example"}, SECRET, "holds a password"),
        ({"kind": "webhook", "url": "https://crm.example"}, "", "CLIENTELE_SECRET_CRM"),
        ({"kind": "webhook", "url": "https://crm.example", "retries": "many"}, SECRET, "retries is 'many'"),
        ({"kind": "webhook", "url": "https://crm.example", "colour": "red"}, SECRET, "colour"),
        ({"kind": "webhook", "url": "https://crm.example", "batch_keys": inf}, SECRET, "batch_keys is 'inf'"),
        ({"kind": "webhook", "url": "https://crm.example", "retries": nan}, SECRET, "retries is 'nan'"),
        ({"kind": "webhook", "url": "https://[crm.example"}, SECRET, "Invalid IPv6 URL"),
        ({"kind": "s3", "url": "s3://crm/in", "retries": inf}, SECRET, "retries is 'inf'"),
        ({"kind": "folder"}, SECRET, "path"),
    ],
)
def test_a_destination_that_is_not_set_up_is_named_and_keeps_no_other_waiting(
    tmp_path, settings, secret, sentence
):
    found = configured(exposures(**settings), tmp_path, {"CLIENTELE_SECRET_CRM": secret})
    assert isinstance(found["crm"], Unusable) and isinstance(found["folder"], Folder)
    assert sentence in found["crm"].problem and "audiences/crm.yml, crm" in found["crm"].problem
    shop = Shop(places="crm folder")
    shop.build(set(CUSTOMERS[:3]))
    first, second = activate(shop.ledger, found)
    assert first.status == "failed" and sentence in first.described(), first.described()
    assert second.is_well and second.counts.n_members == 3
    # nobody is said to be where nothing was sent
    assert [place for _, place in shop.ledger.pairs()] == ["folder"]


def test_destinations_are_those_of_the_project_and_the_folder(tmp_path):
    found = configured(
        exposures(kind="webhook", url="https://crm.example/in"), tmp_path, {"CLIENTELE_SECRET_CRM": SECRET}
    )
    assert found.keys() == {"folder", "crm"} and found["folder"].path == tmp_path / "audiences"


@pytest.mark.parametrize(
    ("settings", "other", "refused"),
    [
        ({"kind": "folder", "path": "{tmp}/crm"}, {"kind": "folder", "path": "{tmp}/x/../crm/"}, "crm mail"),
        ({"kind": "folder", "path": "{tmp}/audiences"}, {"kind": "folder", "path": "{tmp}/crm"}, "crm"),
        ({"kind": "folder", "path": "{tmp}/link"}, {"kind": "folder", "path": "{tmp}/crm"}, "crm mail"),
        ({"kind": "s3", "url": "s3://b/in"}, {"kind": "s3", "url": "s3://b/in/"}, "crm mail"),
        ({"kind": "s3", "url": "s3://b/in"}, {"kind": "s3", "url": "s3://b/out"}, ""),
        ({"kind": "folder", "path": "{tmp}/crm"}, {"kind": "s3", "url": "s3://b/in"}, ""),
    ],
)
def test_two_destinations_in_one_place_are_refused(tmp_path, settings, other, refused):
    """Each would take the other's export away."""
    (tmp_path / "crm").mkdir()
    (tmp_path / "link").symlink_to("crm")
    told = exposures()
    for name, one in (("crm", settings), ("mail", other)):
        filled = {key: value.format(tmp=tmp_path) for key, value in one.items()}
        told["exposures"][name] = exposures(**filled)["exposures"]["crm"] | {"name": name}
    found = configured(told, tmp_path, {})
    assert {name for name, one in found.items() if isinstance(one, Unusable)} == set(refused.split())
    assert all("the same place as" in found[name].problem for name in refused.split())
    assert isinstance(found["folder"], Folder)
