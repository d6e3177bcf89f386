"""A bucket as a destination, against a server that speaks S3's protocol (moto's), behind one that fails."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import logging
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pyarrow.parquet as pq
import pytest
import requests
from moto.server import ThreadedMotoServer
from support import IS_LONG
from test_exports import CUSTOMERS, Killed, Shop

from clientele.activation.bucket import Bucket
from clientele.activation.destinations import Unusable, configured
from clientele.activation.exports import activate

PAPERS = False


class Door(ThreadingHTTPServer):
    """Hands requests on to the server; `plan` says what becomes of the next ones that write."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = port
        self.plan: list[str] = []
        self.seen: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Door
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        way = self.server.plan.pop(0) if self.server.plan and self.command == "PUT" else "well"
        self.server.seen.append((self.command, self.path))
        if way == "down":
            self.close_connection = True
            return
        if way == "slow":
            time.sleep(0.6)
        if way.isdecimal():
            self.answer(int(way), {}, b"")
            return
        if way == "half":  # bytes are lost on the way: S3 tells by the checksum, which moto does not look at
            told = base64.b64decode(self.headers["x-amz-checksum-crc32"])
            assert zlib.crc32(body).to_bytes(4) == told != zlib.crc32(body[:-1]).to_bytes(4)
            self.answer(400, {}, b"<Error><Code>BadDigest</Code></Error>")
            return
        there = http.client.HTTPConnection("127.0.0.1", self.server.behind)
        there.request(self.command, self.path, body, dict(self.headers))
        given = there.getresponse()
        content = given.read()
        if way == "lost":  # it was done, and nobody hears of it
            self.close_connection = True
            return
        self.answer(given.status, dict(given.getheaders()), content)

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        try:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True  # who asked has gone

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@contextmanager
def before(moto: str) -> Iterator[Door]:
    with Door(int(moto.rpartition(":")[2])) as door:
        thread = Thread(target=door.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield door
        finally:
            door.shutdown()
            thread.join()


@pytest.fixture
def door(moto, monkeypatch) -> Iterator[Door]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "for tests only, no secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    requests.post(f"{moto}/moto-api/reset", timeout=10)
    _client(moto).create_bucket(
        Bucket="crm", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    with before(moto) as running:
        running.moto = moto
        yield running


def _client(moto: str, service: str = "s3"):
    return boto3.client(service, endpoint_url=moto, region_name="eu-central-1")


def bucket(door: Door, url: str = "s3://crm/from/clientele", **settings: object) -> Bucket:
    return Bucket("crm", url, endpoint=door.url, **({"retries": 2, "timeout_seconds": 0.4} | settings))


def objects(door: Door) -> dict[str, bytes]:
    s3 = _client(door.moto)
    found = s3.list_objects_v2(Bucket="crm").get("Contents", [])
    return {one["Key"]: s3.get_object(Bucket="crm", Key=one["Key"])["Body"].read() for one in found}


def held(door: Door, audience: str = "loyal") -> dict[str, list[str]]:
    """Return what a reader finds who goes by the manifest, and check it against that."""
    there = objects(door)
    place = f"from/clientele/{audience}"
    files = json.loads(there[f"{place}/manifest.json"])["files"]
    found = {}
    for name, facts in files.items():
        content = there[f"{place}/{name}"]
        assert hashlib.sha256(content).hexdigest() == facts["sha256"] and len(content) == facts["bytes"]
        part = name.split("/")[-1]
        if part.endswith(".csv"):
            found[part.removesuffix(".csv")] = content.decode().split()[1:]
        else:
            keys = pq.read_table(io.BytesIO(content))["user_key"].to_pylist()
            assert keys == found.setdefault(part.removesuffix(".parquet"), keys)
        assert facts["rows"] == len(found[part.split(".")[0]])
    return found


def send(shop: Shop, crm: Bucket, **options: object) -> list:
    return list(activate(shop.ledger, {"crm": crm}, **options))


def test_a_manifest_comes_last_and_names_the_files_of_one_export(door):
    shop, crm = Shop(), bucket(door)
    shop.build(set(CUSTOMERS[:4]))
    (outcome,) = send(shop, crm)
    assert outcome.is_well, outcome.reason
    assert held(door) == {"members": CUSTOMERS[:4], "added": CUSTOMERS[:4], "removed": []}
    written = [path.split("?")[0] for method, path in door.seen if method == "PUT"]
    assert len(written) == 7 and written[-1] == "/crm/from/clientele/loyal/manifest.json"
    shop.build(set(CUSTOMERS[1:6]))
    shop.erase(CUSTOMERS[3])
    assert send(shop, crm)[0].is_well
    assert held(door)["removed"] == [CUSTOMERS[0], CUSTOMERS[3]]
    assert len(objects(door)) == 7, "of the export before nothing is left"
    # the next one clears away who was removed, and then there is nothing to do
    assert [send(shop, crm)[0].status for _ in range(2)] == ["acknowledged", "nothing"]
    assert not any(CUSTOMERS[3].encode() in content for content in objects(door).values())


def test_an_export_that_is_sent_again_changes_nothing(door):
    shop, crm = Shop(), bucket(door)
    shop.build(set(CUSTOMERS[:4]))
    export = shop.ledger.plan(shop.ledger.audiences()["loyal"], "crm")
    crm.send(export)
    first = objects(door)
    crm.send(export)
    again = objects(door)
    manifest = "from/clientele/loyal/manifest.json"
    assert again.keys() == first.keys() and held(door)["members"] == CUSTOMERS[:4]
    assert [key for key in first if first[key] != again[key]] in ([], [manifest]), "but for its time"


@pytest.mark.parametrize(
    "way", ["down", "429", "503", "slow", "lost"] if IS_LONG else ["down", "503", "slow", "lost"]
)
def test_a_request_that_fails_once_is_repeated(door, way):
    shop = Shop()
    shop.build(set(CUSTOMERS[:4]))
    door.plan = ["well", way]
    (outcome,) = send(shop, bucket(door))
    assert outcome.is_well, outcome.reason
    assert held(door)["members"] == CUSTOMERS[:4]


@pytest.mark.parametrize(("n_well", "way"), [(0, "down"), (3, "503"), (3, "half"), (6, "half")])
def test_an_upload_that_ends_halfway_leaves_the_export_before_and_the_next_run_mends_it(door, n_well, way):
    shop, crm = Shop(), bucket(door)
    shop.build(set(CUSTOMERS[:4]))
    send(shop, crm)
    before = held(door)
    shop.build(set(CUSTOMERS[2:8]))
    door.plan = [*["well"] * n_well, *[way] * 3]
    (outcome,) = send(shop, crm)
    assert not outcome.is_well and "the next run mends it" in outcome.reason
    assert not any(key in outcome.described() for key in CUSTOMERS)
    assert held(door) == before, "a reader sees the export before, whole"
    door.plan = []
    assert send(shop, crm)[0].is_well
    assert held(door)["members"] == CUSTOMERS[2:8] and len(objects(door)) == 7


def test_a_killed_run_costs_a_repetition_and_its_parts_are_cleared_away(door):
    shop, crm = Shop(), bucket(door)
    shop.build(set(CUSTOMERS[:4]))
    place = "from/clientele/loyal/exports/000001/members.csv"
    begun = _client(door.moto).create_multipart_upload(Bucket="crm", Key=place)
    _client(door.moto).upload_part(
        Bucket="crm", Key=place, UploadId=begun["UploadId"], PartNumber=1, Body=CUSTOMERS[0].encode()
    )

    class Dying(Bucket):
        def send(self, export) -> None:
            super().send(export)
            raise Killed

    with pytest.raises(Killed):
        send(shop, Dying("crm", "s3://crm/from/clientele", endpoint=door.url))
    shop.ledger.warehouse.rollback()
    shop.build(set(CUSTOMERS[2:8]))
    assert send(shop, crm)[0].is_well
    assert held(door)["members"] == CUSTOMERS[2:8]
    assert not _client(door.moto).list_multipart_uploads(Bucket="crm").get("Uploads")


def test_credentials_that_do_not_do_are_a_sentence(door, monkeypatch):
    shop = Shop()
    shop.build(set(CUSTOMERS[:4]))
    users = _client(door.moto, "iam")
    users.create_user(UserName="reader")
    given = users.create_access_key(UserName="reader")["AccessKey"]
    readers = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}],
    }
    users.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=json.dumps(readers))
    requests.post(f"{door.moto}/moto-api/reset-auth", data=b"0", timeout=10)
    try:
        (nobody,) = send(shop, bucket(door))
        assert "InvalidAccessKeyId: the credentials are nobody's" in nobody.reason
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", given["AccessKeyId"])
        (forged,) = send(shop, bucket(door))
        assert "SignatureDoesNotMatch: the secret key does not belong" in forged.reason
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", given["SecretAccessKey"])
        (reader,) = send(shop, bucket(door))
        assert "AccessDenied: may the credentials read, write" in reader.reason
        for outcome in (nobody, forged, reader):
            assert not outcome.is_well and "no secret" not in outcome.reason
            assert given["SecretAccessKey"] not in outcome.reason
    finally:
        requests.post(f"{door.moto}/moto-api/reset-auth", data=b"1e9", timeout=10)
    assert set(shop.standings().values()) == {"adding"}


def test_no_credentials_no_bucket_and_no_boto3_are_sentences(door, monkeypatch):
    shop = Shop()
    shop.build(set(CUSTOMERS[:4]))
    (outcome,) = send(shop, bucket(door, "s3://nobody-s/place"))
    assert "NoSuchBucket: there is no such bucket" in outcome.reason
    with monkeypatch.context() as patched:
        patched.delenv("AWS_ACCESS_KEY_ID")
        patched.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        patched.setenv("AWS_CONFIG_FILE", "/nowhere")
        (outcome,) = send(shop, bucket(door))
        assert "no credentials for AWS" in outcome.reason
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "boto3", None)
        (outcome,) = send(shop, bucket(door))
        assert "pip install 'clientele[s3]'" in outcome.reason


@pytest.mark.skipif(not IS_LONG, reason="CLIENTELE_LONG=1: a million keys")
def test_a_large_export_goes_in_parts(door):
    n_keys = 1_000_000
    shop = Shop()
    shop.connection.execute(
        f"insert into marts.audience_members select 'loyal', md5(range::varchar) from range({n_keys})"
    )
    (outcome,) = send(shop, bucket(door, timeout_seconds=60))
    assert outcome.is_well and outcome.counts.n_members == n_keys, outcome.reason
    assert len(held(door)["members"]) == n_keys
    assert any("uploadId" in path for _, path in door.seen)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "url"),
        ({"url": "https://crm.example"}, "like s3://bucket/prefix"),
        ({"url": "s3://crm"}, "like s3://bucket/prefix"),
        ({"url": "s3://me:word@crm/in"}, "nothing else"),
        ({"url": "s3://crm/in", "endpoint": "http://minio.example"}, "endpoint begins with https://"),
        ({"url": "s3://crm/in", "retries": -1}, "retries is '-1'"),
        ({"url": "s3://crm/in", "secret_key": "x"}, "secret_key"),
    ],
)
def test_a_bucket_that_is_not_set_up_is_refused(tmp_path, settings, sentence):
    exposure = {
        "name": "crm",
        "original_file_path": "audiences/crm.yml",
        "config": {"meta": {"destination": {"kind": "s3"} | settings}},
    }
    refused = configured({"exposures": {"crm": exposure}}, tmp_path, {})["crm"]
    assert isinstance(refused, Unusable)
    assert sentence in refused.problem and "audiences/crm.yml, crm" in refused.problem
