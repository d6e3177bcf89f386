"""The service as a process of its own: what it answers, whom it refuses, and what happens around it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from clientele.cli import main
from clientele.runtime import lookup, publishing
from clientele.serving import keys
from clientele.serving.app import MOST_BYTES, MOST_KEYS
from serving.services import key_of, publish, running


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def service(folder):
    (folder / "home").mkdir()
    publish(folder / "home", 1)
    with running(folder / "home", folder) as one:
        yield one


@pytest.fixture
def published(folder) -> Path:
    return publish(folder / "home", 1)


def batch(service, numbers, **options) -> httpx.Response:
    return service.client.post("/customers", json={"user_keys": [key_of(n) for n in numbers]}, **options)


def told(response: httpx.Response) -> str:
    return response.json()["detail"]


# --- what it answers


def test_a_customer_and_nobody(service, published):
    answer = service.client.get(f"/customers/{key_of(7)}")
    assert answer.status_code == 200 and answer.json()["persona"]["name_fr"] == "Persona 1, dit « v »"
    assert (answer.json()["user_key"], answer.json()["reasons"]) == (key_of(7), ["buys more"])
    answer = service.client.get(f"/customers/{key_of(999)}")
    assert answer.status_code == 404 and key_of(999) not in answer.text
    for odd in ("7", key_of(7).upper().replace("0", "F"), f"{key_of(7)}0", "%00", "a" * 5000):
        answer = service.client.get(f"/customers/{odd}")
        assert answer.status_code == 422 and odd not in answer.text


def test_a_batch_keeps_the_order_and_names_who_is_unknown(service, published):
    answer = batch(service, [3, 999, 1, 3, 2]).json()
    assert [one["user_key"] for one in answer["customers"]] == [key_of(n) for n in (3, 1, 2)]
    assert answer["unknown"] == [key_of(999)]
    assert answer["publication"]["model_version"] == "m1" and answer["publication"]["name"] == published.name
    assert batch(service, range(MOST_KEYS)).status_code == 200
    for wrong in ([], range(MOST_KEYS + 1)):
        assert batch(service, wrong).status_code == 422
    answer = service.client.post("/customers", json={"user_keys": ["no key"]})
    assert answer.status_code == 422 and "no key" not in answer.text


def test_health_and_the_description_need_no_key(service, published):
    health = httpx.get(f"{service.url}/health", trust_env=False)
    assert health.json()["status"] == "ok" and health.json()["n_customers"] == 50
    described = httpx.get(f"{service.url}/openapi.json", trust_env=False).json()
    assert set(described["paths"]) == {"/customers/{user_key}", "/customers", "/score", "/health", "/alive"}
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert httpx.get(f"{service.url}/docs", trust_env=False).status_code == 404


def test_a_body_that_is_too_large_is_not_read(service):
    body = b"x" * (MOST_BYTES + 1)
    assert service.client.post("/score", content=body).status_code == 413
    assert service.client.post("/score", content=iter([body[:MOST_BYTES], body])).status_code == 413
    for content in (body, iter([body[:MOST_BYTES], body])):
        answer = service.client.post(
            "/customers", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 413 and "is not read" in told(answer)


def test_every_refusal_is_one_sentence_that_says_what_to_do(service, published):
    ask, as_json = service.client, {"content-type": "application/json"}
    wrong = [key_of(1), "no key", key_of(2), "nor this"]
    for answer, status, words in (
        (ask.get("/customers/7"), 422, "32 characters of 0-9 and a-f"),
        (ask.post("/customers", json={"user_keys": wrong}), 422, "place 2 of user_keys, and 1 more"),
        (ask.post("/customers", json={"user_keys": []}), 422, "1 to 1,000 pseudonyms"),
        (ask.post("/customers", json={"keys": wrong}), 422, '{"user_keys": […]}'),
        (ask.post("/customers", content=b"{", headers=as_json), 422, "has to be JSON"),
        (ask.post("/customers", content=b'{"user_keys": []}'), 422, "sent as application/json"),
        (ask.post("/customers", content=b'{"user_keys": ["\xff"]}', headers=as_json), 400, "has to be JSON"),
        (ask.get("/nothing"), 404, "/openapi.json"),
        (ask.delete("/customers"), 405, "/openapi.json"),
    ):
        assert answer.status_code == status and words in told(answer), answer.text
        assert told(answer).endswith(".") and "no key" not in answer.text


def test_a_caller_that_goes_away_is_no_error(service):
    with socket.create_connection(("127.0.0.1", service.port)) as caller:
        caller.sendall(
            b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            b"Authorization: " + service.client.headers["authorization"].encode() + b"\r\n\r\nevent_time"
        )
    for _ in range(50):
        if "POST /score dropped" in service.said.read_text():
            break
        time.sleep(0.1)
    assert "POST /score dropped" in service.said.read_text() and " ERROR " not in service.said.read_text()


# --- whom it refuses


def asked_with(service, key: str | None, path: str = f"/customers/{key_of(7)}") -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.get(service.url + path, headers=headers, trust_env=False)


def seen(seconds: float = 1.1) -> None:
    """Wait until a change of the file of keys is seen."""
    time.sleep(seconds)


def test_keys_scopes_and_ends(service, folder, published):
    path = folder / "service-keys.json"
    scoring = keys.add(path, "scores only", ["score"], days=1)
    ended = keys.add(path, "ended", ["look-up"], days=1e-9)
    short = keys.add(path, "ends soon", ["look-up"], days=1.6 / 86400)
    began = time.monotonic()
    seen()
    for key in (None, "nonsense", scoring[:-1]):
        answer = asked_with(service, key)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert asked_with(service, scoring).status_code == 403 and "look-up" in told(asked_with(service, scoring))
    assert asked_with(service, ended).status_code == 401 and "expired" in told(asked_with(service, ended))
    seen(max(0.0, 2.7 - (time.monotonic() - began)))
    assert "expired" in told(asked_with(service, short))
    assert batch(service, [1]).status_code == 200


def test_a_key_that_is_taken_away_ends_within_a_second(service, folder, published):
    path = folder / "service-keys.json"
    called = CliRunner().invoke(main, ["service-key", "gone", "--keys", str(path)])
    key = called.stdout.strip()
    seen()
    assert asked_with(service, key).status_code == 200
    ran = CliRunner().invoke(main, ["service-key", "gone", "--revoke", "--keys", str(path)])
    assert "1 key(s)" in ran.output
    seen()
    assert asked_with(service, key).status_code == 401 and batch(service, [1]).status_code == 200


def test_more_requests_than_a_key_allows_are_refused(service, folder, published):
    slow = keys.add(folder / "service-keys.json", "slow", ["look-up"], days=1, requests_per_second=3)
    seen()
    answers = [asked_with(service, slow) for _ in range(8)]
    assert [one.status_code for one in answers[:3]] == [200] * 3
    refused = [one for one in answers if one.status_code == 429]
    assert len(refused) >= 2 and refused[0].headers["retry-after"] == "1"
    assert batch(service, [1]).status_code == 200  # another key's requests pass


def test_keys_of_one_name_do_not_fill_each_other_s_bounds(service, folder, published):
    path = folder / "service-keys.json"
    two = [
        keys.add(path, "changing over", ["look-up"], days=1, requests_per_second=rate) for rate in (0.1, 0.2)
    ]
    seen()
    answers = [asked_with(service, key) for _ in range(5) for key in two]
    assert [one.status_code for one in answers] == [200] * 2 + [429] * 8
    assert [one.headers["retry-after"] for one in answers[2:4]] == ["10", "5"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b'{"keys": 1}', b""])
def test_a_broken_file_of_keys_lets_nobody_in_and_is_said_once(service, folder, published, content):
    path = folder / "service-keys.json"
    kept, n_said = path.read_bytes(), service.said.read_text().count("No key holds")
    try:
        path.write_bytes(content)
        seen()
        for _ in range(3):
            assert batch(service, [1]).status_code == 401
            seen()
    finally:
        path.write_bytes(kept)
    seen()
    assert batch(service, [1]).status_code == 200
    assert service.said.read_text().count("No key holds") == n_said + 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--days", "1e12"], "at most 36,500"),
        (["--days", "nan"], "at most 36,500"),
        (["--rate", "nan"], "as a number"),
        (["--rate", "inf"], "as a number"),
        (["--revoke"], "no key of the name 'crm'"),
    ],
)
def test_a_key_that_cannot_be_made_or_taken_away_is_a_sentence(tmp_path, arguments, words):
    path = tmp_path / "keys.json"
    keys.add(path, "other", ["look-up"], days=1)
    before = path.read_bytes()
    called = CliRunner().invoke(main, ["service-key", "crm", "--keys", str(path), *arguments])
    assert called.exit_code == 1 and words in called.output and path.read_bytes() == before
    path.write_bytes(b"\xff")
    called = CliRunner().invoke(main, ["service-key", "crm", "--keys", str(path)])
    assert called.exit_code == 1 and "is no file of keys" in called.output


@pytest.mark.parametrize("name", ["--scorers", "--workers", "--port"])
def test_a_service_of_nothing_is_not_started(tmp_path, name):
    called = CliRunner().invoke(main, ["serve", "--home", str(tmp_path), name, "0"])
    assert called.exit_code == 2 and name in called.output


def test_the_file_of_keys_holds_no_key_and_is_its_owner_s(tmp_path):
    path = tmp_path / "keys.json"
    ran = CliRunner().invoke(main, ["service-key", "crm", "--keys", str(path), "--scope", "score"])
    assert ran.exit_code == 0 and len(ran.stdout.split()) == 1
    assert path.stat().st_mode & 0o777 == 0o600 and ran.stdout.strip() not in path.read_text()
    assert keys.KeyFile(path).caller(ran.stdout.strip()).scopes == {"score"}
    path.chmod(0o644)
    ran = CliRunner().invoke(main, ["serve", "--home", str(tmp_path), "--keys", str(path)])
    assert ran.exit_code == 1 and "chmod 0600" in ran.output
    path.write_text("no json")
    path.chmod(0o600)
    for command in (["serve", "--home", str(tmp_path)], ["service-key", "crm"]):
        ran = CliRunner().invoke(main, [*command, "--keys", str(path)])
        assert ran.exit_code == 1 and "no file of keys" in ran.output
    ran = CliRunner().invoke(main, ["service-key", "crm", "--keys", str(tmp_path / "k"), "--scope", "all"])
    assert ran.exit_code == 1 and "look-up and score" in ran.output and not (tmp_path / "k").exists()
    ran = CliRunner().invoke(main, ["serve", "--home", str(tmp_path), "--keys", str(tmp_path / "none")])
    assert ran.exit_code == 1 and "clientele service-key NAME" in ran.output


def test_logs_name_neither_a_customer_nor_a_key(service, folder, published):
    assert service.client.get(f"/customers/{key_of(11)}").status_code == 200
    assert asked_with(service, "clk_" + "s" * 43).status_code == 401
    service.client.get(f"/nothing/{key_of(11)}?user={key_of(12)}")
    said = service.said.read_text()
    assert "GET /customers/{user_key} 200" in said and ", the test" in said and "GET none 404" in said
    bearer = service.client.headers["authorization"].split()[1]
    for secret in (key_of(11), key_of(12), "clk_", bearer, bearer[:20]):
        assert secret not in said


# --- what happens around it


def test_publications_change_under_load_without_an_error_or_a_mixture(service, folder):
    """Each version has other customers, too: 50 of them, each row of which says the version."""
    home = folder / "home"
    publish(home, 2)
    stop, problems, versions = threading.Event(), [], set()

    def ask() -> None:
        with httpx.Client(base_url=service.url, headers=service.client.headers, trust_env=False) as client:
            while not stop.is_set():
                answer = client.post("/customers", json={"user_keys": [key_of(n) for n in range(70)]})
                if answer.status_code != 200:
                    problems.append(answer.text)
                    continue
                said = answer.json()
                here = {one["model_version"] for one in said["customers"]}
                here.add(said["publication"]["model_version"])
                if len(here) != 1 or len(said["customers"]) != 50:
                    problems.append(here)
                versions.update(here)
                single = client.get(f"/customers/{key_of(20)}")
                if single.status_code != 200:
                    problems.append(single.text)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for version in range(3, 15):
        publish(home, version, range(version - 3, version + 47))
        time.sleep(0.05)
    publishing.rollback(home)
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems and len(versions) > 3
    assert service.client.get("/health").json()["publication"]["model_version"] == "m13"


def test_without_a_publication_it_waits_and_says_so(service, folder, published):
    link = folder / "home" / publishing.LINK
    target = os.readlink(link)
    link.unlink()
    assert service.client.get("/alive").status_code == 200
    for answer in (service.client.get("/health"), batch(service, [1])):
        assert answer.status_code == 503 and lookup.NAME in told(answer) and "retry-after" in answer.headers
    link.symlink_to(target)
    assert service.client.get("/health").status_code == 200
    shutil.rmtree(link.resolve() / "lookup")
    assert batch(service, [1]).status_code == 503


def test_a_publication_that_cannot_be_read_is_said(service, folder, published):
    path = published / lookup.NAME
    for content in (b"no database at all", b"SQLite format 3\0" + bytes(5000)):
        path.unlink()
        path.write_bytes(content)
        answer = service.client.get(f"/customers/{key_of(7)}")
        assert answer.status_code == 503 and "cannot be read" in told(answer)
    path.unlink()
    path.mkdir()
    assert "cannot be read" in told(service.client.get("/health"))
    path.rmdir()
    assert "a build of today makes it" in told(service.client.get("/health"))
    publish(folder / "home", 1)
    assert service.client.get("/health").status_code == 200


def test_two_instances_and_one_that_is_killed(service, folder, published):
    second = folder / "second"
    second.mkdir(exist_ok=True)
    with running(folder / "home", second) as other:
        assert batch(other, [1]).json() == batch(service, [1]).json()
        publish(folder / "home", 2)
        assert {batch(one, [1]).json()["publication"]["model_version"] for one in (service, other)} == {"m2"}
        other.kill()
        assert batch(service, [1]).status_code == 200
    with running(folder / "home", second) as again:
        assert batch(again, [1]).json() == batch(service, [1]).json()
        assert again.stop() in (0, -signal.SIGTERM)  # uvicorn ends by the signal when all is answered


# Everything that is mounted at / is mounted once more, to be read only, and becomes the root of the process.
READ_ONLY = """
set -e
mount --rbind / "$0"
mount -o remount,bind,ro "$0"
exec chroot "$0" "$@"
"""


def test_it_needs_no_place_to_write(published, folder, tmp_path):
    (tmp_path / "root").mkdir()
    unshare = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"]), "sh", "-c"]
    begin = [*unshare, READ_ONLY, str(tmp_path / "root")]
    probe = subprocess.run([*begin, "/bin/sh", "-c", f"! touch {tmp_path}/written"], capture_output=True)
    if shutil.which("unshare") is None or probe.returncode:
        pytest.skip("this system lets nobody mount here")
    with running(folder / "home", tmp_path, begin=begin) as one:
        assert batch(one, [1, 2]).json()["unknown"] == []
        assert one.client.get(f"/customers/{key_of(7)}").status_code == 200
        assert one.client.post("/score", content=b"x").status_code == 503
    assert not (tmp_path / "written").exists()


def test_an_objection_holds_from_the_command_on(built_shop, tmp_path):
    house = built_shop.copy(tmp_path / "shop")
    user_id, user_key = house.rows(
        "select user_id, user_key from vault.vault.user_keys inner join marts.user_segments using (user_key) "
        "order by user_key limit 1"
    )[0]
    with running(house.home, tmp_path) as one:
        assert one.client.get(f"/customers/{user_key}").json()["user_key"] == user_key
        assert house.operation("object_to_profiling", CLIENTELE_SUBJECT=str(user_id)).succeeded
        assert one.client.get(f"/customers/{user_key}").status_code == 404
        for publication in publishing.publications(house.home):
            assert user_key.encode() not in (publication.folder / lookup.NAME).read_bytes()
            assert publication.problem() is None
        assert one.client.get("/health").json()["n_customers"] > 1000


def test_every_customer_is_told_as_the_warehouse_says(built_shop, tmp_path):
    warehouse = built_shop.rows(
        "select user_key, segments.status, segment_id, segment_name, segments.reason_1, value_tier, "
        "lifecycle_state, p_order_30d from marts.user_segments as segments "
        "left join marts.customer_predictions using (user_key) order by user_key"
    )
    assert len(warehouse) >= 10_000
    told = []
    with running(built_shop.home, tmp_path) as one:
        for start in range(0, len(warehouse), MOST_KEYS):
            asked = [row[0] for row in warehouse[start : start + MOST_KEYS]]
            for customer in one.client.post("/customers", json={"user_keys": asked}).json()["customers"]:
                persona, predictions = customer["persona"] or {}, customer["predictions"] or {}
                told.append(
                    (
                        *(customer["user_key"], customer["status"], persona.get("id"), persona.get("name")),
                        *(customer["reasons"][:1] or [None]),
                        *(customer["value_tier"], customer["lifecycle_state"]),
                        predictions.get("p_order_30d"),
                    )
                )
    assert told == warehouse
    assert len({persona for _, _, persona, *_ in told}) > 2


def test_a_caller_s_file_is_json_for_people(tmp_path):
    keys.add(tmp_path / "keys.json", "crm", ["look-up"], days=30)
    (entry,) = json.loads((tmp_path / "keys.json").read_text())["keys"]
    assert set(entry) == {"name", "sha256", "scopes", "expires", "requests_per_second"}
