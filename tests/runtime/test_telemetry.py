"""Figures and alerts: real files, a real mail server and a real web server on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from support import UP_TO_EVENTS, little_shop

from clientele.runtime import telemetry

PAPERS = False
GOOD = {"run_id": "a", "failed": [], "n_run_lines": 10, "n_lines": 100, "n_loaded": 90, "n_duplicates": 6,
        "n_quarantined": 4, "last_event": 1_580_000_000}  # fmt: skip
ALERTS = ("WEBHOOK", "EMAIL", "FROM")


@pytest.fixture(autouse=True)
def _nobody_is_told(monkeypatch):
    for name in [
        *(f"CLIENTELE_ALERT_{alert}" for alert in ALERTS),
        "CLIENTELE_METRICS",
        "CLIENTELE_LATE_AFTER_HOURS",
    ]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def webhook(monkeypatch):
    """Return what a web server on this machine is told."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("CLIENTELE_ALERT_WEBHOOK", f"http://127.0.0.1:{server.server_port}/hook")
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def mailbox(monkeypatch):
    """Return the messages that a mail server on this machine takes in: RFC 5321 as far as one needs it."""
    messages = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listening.accept()
        with connection, connection.makefile("rwb") as stream:

            def answer(text: str) -> None:
                stream.write(f"{text}\r\n".encode())
                stream.flush()

            answer("220 test")
            while line := stream.readline():
                word = line.decode().strip().upper()
                if word == "DATA":
                    answer("354 go on")
                    text = b""
                    while (part := stream.readline()) != b".\r\n":
                        text += part
                    messages.append(text.decode())
                answer("221 bye" if word == "QUIT" else "250 ok")
                if word == "QUIT":
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    monkeypatch.setenv("CLIENTELE_ALERT_EMAIL", "on-call@example.com")
    monkeypatch.setenv("CLIENTELE_SMTP", f"127.0.0.1:{listening.getsockname()[1]}")
    yield messages
    listening.close()


def figures(folder) -> dict[str, float]:
    text = (folder / "clientele.prom").read_text()
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|clientele_\w+(\{\w+="\w+"\})? -?[0-9.e+]+', line), line
    return {name: float(value) for name, value in re.findall(r"^(clientele_\S+) (\S+)$", text, re.MULTILINE)}


def test_figures_of_a_good_run_and_of_a_bad_one_after_it(tmp_path):
    telemetry.begin(tmp_path, "build")
    assert telemetry.end(tmp_path, GOOD) == []
    first = figures(tmp_path / "metrics")
    assert first["clientele_last_run_success"] == 1 and first["clientele_quarantine_share"] == 0.04
    assert first['clientele_lines{fate="quarantined"}'] == 4 and first["clientele_last_run_lines"] == 10
    assert abs(first["clientele_last_success_timestamp_seconds"] - time.time()) < 60
    telemetry.begin(tmp_path, "build")
    telemetry.end(tmp_path, {"failed": ["user_segments"]})
    second = figures(tmp_path / "metrics")
    assert second["clientele_last_run_success"] == 0 and second["clientele_last_run_failed_nodes"] == 1
    kept = ("clientele_last_success_timestamp_seconds", "clientele_quarantine_share",
            "clientele_last_event_timestamp_seconds")  # fmt: skip
    assert {name: second[name] for name in kept} == {name: first[name] for name in kept}
    assert not list((tmp_path / "metrics").glob(".*")), "drafts"


def test_a_failure_is_told_by_mail_and_by_webhook_and_a_success_is_not(tmp_path, webhook, mailbox):
    assert telemetry.end(tmp_path, GOOD) == [] and not webhook and not mailbox
    assert telemetry.end(tmp_path, {"failed": ["user_segments"]}) == []
    (told,) = webhook
    assert told["kind"] == "failure" and "user_segments" in told["text"] and told["run"]["success"] is False
    (message,) = mailbox
    assert "Subject: dbt build of clientele failed: user_segments" in message and "To: on-call@" in message


def test_late_data_is_told(tmp_path, webhook, monkeypatch):
    monkeypatch.setenv("CLIENTELE_LATE_AFTER_HOURS", "30")
    telemetry.end(tmp_path, GOOD | {"last_event": int(time.time()) - 3600})
    assert not webhook
    telemetry.end(tmp_path, GOOD | {"last_event": int(time.time()) - 31 * 3600})
    assert [told["kind"] for told in webhook] == ["late"] and "31 hours old" in webhook[0]["text"]


def test_each_state_is_told_for_itself(tmp_path, webhook, monkeypatch):
    """What else happens in a run takes no word from a state that lasts."""
    monkeypatch.setenv("CLIENTELE_LATE_AFTER_HOURS", "30")

    def run(hours: int, **facts) -> list[str]:
        del webhook[:]
        telemetry.end(tmp_path, GOOD | {"last_event": int(time.time()) - hours * 3600} | facts)
        return [told["text"].removeprefix("clientele: ") for told in webhook]

    failed, late = "dbt build of clientele failed: users", "the newest event is 31 hours old"
    assert run(1) == []
    assert run(31, failed=["users"]) == [failed, late]
    assert run(31, failed=["users"]) == []
    assert run(31) == ["runs succeed again"]
    assert run(1) == ["the newest event is no longer late"]
    assert run(31) == [late]
    assert run(1, failed=["users"]) == [failed, "the newest event is no longer late"]


def test_what_nobody_heard_of_is_not_mended(tmp_path, webhook, monkeypatch):
    monkeypatch.setenv("CLIENTELE_LATE_AFTER_HOURS", "30")
    there = os.environ["CLIENTELE_ALERT_WEBHOOK"]
    monkeypatch.setenv("CLIENTELE_ALERT_WEBHOOK", "http://127.0.0.1:9/")
    late = GOOD | {"last_event": int(time.time()) - 31 * 3600}
    assert len(telemetry.end(tmp_path, late)) == 1
    monkeypatch.setenv("CLIENTELE_ALERT_WEBHOOK", there)
    telemetry.end(tmp_path, GOOD | {"last_event": int(time.time())})
    assert not webhook


@pytest.mark.parametrize(
    "text",
    ["[]", "3", "null", '{"alarms": [1]}', '{"channels": 5}', '{"lines": "many"}', '{"success": false}',
     '{"alarms": {"feed": {"state": "bad"}}}', '{"channels": {"CLIENTELE_ALERT_WEBHOOK": {"alarms": 1}}}'],
)  # fmt: skip
def test_a_file_of_another_shape_counts_as_none(tmp_path, webhook, text):
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "clientele.json").write_text(text)
    assert telemetry.end(tmp_path, GOOD | {"failed": ["users"]}) == []
    assert [told["kind"] for told in webhook] == ["failure"]
    assert json.loads((folder / "clientele.json").read_text())["lines"] == 100


def test_who_cannot_be_told_fails_no_run(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("CLIENTELE_ALERT_WEBHOOK", "file:///etc/passwd")
    monkeypatch.setenv("CLIENTELE_ALERT_EMAIL", "on-call@example.com")
    monkeypatch.setenv("CLIENTELE_SMTP", f"127.0.0.1:{port}")
    said = telemetry.end(tmp_path, {"failed": ["events"]})
    assert len(said) == 2 and all("could not be told" in sentence for sentence in said)
    monkeypatch.setenv("CLIENTELE_METRICS", "/proc/nowhere")
    assert any("could not be written" in sentence for sentence in telemetry.end(tmp_path, GOOD))


def test_who_never_answers_is_not_waited_for_and_the_figures_are_there_meanwhile(tmp_path, monkeypatch):
    """A letter now and then is no answer: it would make each wait for the next one begin anew."""
    read = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle():
            client, _ = server.accept()
            with contextlib.suppress(OSError):
                while True:
                    read.append((tmp_path / "metrics" / "clientele.json").read_text())
                    client.sendall(b"H")
                    time.sleep(0.1)

        threading.Thread(target=trickle, daemon=True).start()
        monkeypatch.setenv("CLIENTELE_ALERT_WEBHOOK", f"http://127.0.0.1:{server.getsockname()[1]}/")
        telemetry.begin(tmp_path, "build")
        began = time.monotonic()
        telemetry.end_unended(tmp_path, "stopped by SIGTERM", 0.5)
        assert 0.5 <= time.monotonic() - began < 5
    assert json.loads(read[0])["problem"] == "stopped by SIGTERM"
    assert json.loads(read[0])["channels"]["CLIENTELE_ALERT_WEBHOOK"]["failure"] is None


def test_builds_tell_of_themselves(house, webhook):
    house.deliver("a.csv", little_shop(seed=11, n_users=6, n_days=10))
    settings = {"CLIENTELE_ALERT_WEBHOOK": None}
    house.build(*UP_TO_EVENTS, **settings)
    first = figures(house.home / "metrics")
    assert first["clientele_last_run_success"] == 1
    assert first['clientele_lines{fate="loaded"}'] == house.value("select count(*) from core.events")
    house.deliver("b.csv", b"no header\n1,2\n")
    from os import environ

    assert not house.run(*UP_TO_EVENTS, CLIENTELE_ALERT_WEBHOOK=environ["CLIENTELE_ALERT_WEBHOOK"]).succeeded
    assert figures(house.home / "metrics")["clientele_last_run_success"] == 0
    assert [told["kind"] for told in webhook] == ["failure"] and "event_files" in webhook[0]["text"]


def alarm_rows(**states: str) -> list[dict]:
    return [
        {
            "alarm": name,
            "alarm_state": state,
            "owner_name": "data engineering",
            "remedy": f"Look at {name}.",
        }
        for name, state in states.items()
    ]


def test_an_alarm_is_told_when_its_state_changes_and_when_it_is_mended(tmp_path, webhook):
    """Not again while nothing changes; a run that does not come so far changes nothing."""

    def run(**facts) -> list[str]:
        del webhook[:]
        assert telemetry.end(tmp_path, GOOD | facts) == []
        return [f"{told['kind']} {told['run']['alarm']['alarm']}" for told in webhook]

    assert run(alarms=alarm_rows(feed="ok", books="ok")) == []
    assert run(alarms=alarm_rows(feed="warn", books="error")) == ["alarm books", "alarm feed"]
    assert "Look at feed. For: data engineering." in webhook[1]["text"]
    assert figures(tmp_path / "metrics")['clientele_alarm{name="books"}'] == 2
    assert run(alarms=alarm_rows(feed="warn", books="error")) == []
    assert run() == []
    assert run(alarms=alarm_rows(feed="error", books="ok")) == ["alarm feed", "mended books"]
    assert run(alarms=alarm_rows(feed="ok", books="ok")) == ["mended feed"]
    assert figures(tmp_path / "metrics")['clientele_alarm{name="feed"}'] == 0


def test_an_alarm_that_nobody_could_be_told_is_told_by_the_next_run(tmp_path, webhook, mailbox, monkeypatch):
    there = {name: os.environ[name] for name in ("CLIENTELE_ALERT_WEBHOOK", "CLIENTELE_SMTP")}
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = free.getsockname()[1]
    monkeypatch.setenv("CLIENTELE_ALERT_WEBHOOK", f"http://127.0.0.1:{nowhere}/")
    monkeypatch.setenv("CLIENTELE_SMTP", f"127.0.0.1:{nowhere}")
    said = telemetry.end(tmp_path, GOOD | {"alarms": alarm_rows(drift="warn")})
    assert len(said) == 2 and not webhook and not mailbox
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    assert telemetry.end(tmp_path, GOOD | {"alarms": alarm_rows(drift="warn")}) == []
    assert [told["kind"] for told in webhook] == ["alarm"]
    assert "Subject: clientele: drift is now: warn" in mailbox[0]


def test_a_failure_is_told_once_and_again_when_it_is_another_one_or_mended(tmp_path, webhook):
    for facts in ({"failed": ["events"]}, {"failed": ["events"]}, {"failed": ["users"]}, GOOD, GOOD):
        telemetry.end(tmp_path, facts)
    assert [told["kind"] for told in webhook] == ["failure", "failure", "mended"]


def test_who_is_told_hears_it_once_while_the_other_cannot_be_told(tmp_path, webhook, mailbox, monkeypatch):
    """And the figure says what is, whoever knows of it."""
    there = os.environ["CLIENTELE_SMTP"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("CLIENTELE_SMTP", f"127.0.0.1:{free.getsockname()[1]}")
    for _ in range(2):
        said = telemetry.end(tmp_path, GOOD | {"alarms": alarm_rows(drift="error", books="warn")})
        assert len(said) == 1 and "CLIENTELE_ALERT_EMAIL could not be told" in said[0]
        assert figures(tmp_path / "metrics")['clientele_alarm{name="drift"}'] == 2
    monkeypatch.setenv("CLIENTELE_SMTP", there)
    assert telemetry.end(tmp_path, GOOD | {"alarms": alarm_rows(drift="error", books="ok")}) == []
    assert [told["run"]["alarm"]["alarm"] for told in webhook] == ["drift", "books", "books"]
    assert len(mailbox) == 1 and "drift is now: error" in mailbox[0]


def test_an_alarm_that_is_no_longer_watched_leaves_the_figures(tmp_path):
    telemetry.end(tmp_path, GOOD | {"alarms": alarm_rows(feed="error", gone="error")})
    telemetry.end(tmp_path, GOOD | {"alarms": alarm_rows(feed="error")})
    assert [name for name in figures(tmp_path / "metrics") if "alarm" in name] == [
        'clientele_alarm{name="feed"}'
    ]


def answering(reply: bytes):
    """Return a server that answers whatever it is asked with `reply`, and what it was asked."""
    asked = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536))
                connection.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    return listening, asked


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"HTTP/1.1 500 secret-body\r\nContent-Length: 0\r\n\r\n", "it answers 500"),
        (
            b"HTTP/1.1 301 X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
            "it answers 301, which leads else",
        ),
        (
            b"HTTP/1.1 308 X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
            "it answers 308, which leads else",
        ),
        (b"220 mail.example ESMTP\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", "does not speak HTTP"),
        (b"", "closed connection"),
    ],
)
def test_whatever_a_webhook_answers_the_run_goes_on_and_a_redirect_is_no_delivery(
    tmp_path, monkeypatch, reply, why
):
    listening, asked = answering(reply)
    with listening:
        monkeypatch.setenv("CLIENTELE_ALERT_WEBHOOK", f"http://127.0.0.1:{listening.getsockname()[1]}/secret")
        (said,) = telemetry.end(tmp_path, {"failed": ["events"]})
    assert (
        said.startswith("CLIENTELE_ALERT_WEBHOOK could not be told: ")
        and why in said
        and "secret" not in said
    )
    assert len(asked) == 1 and (tmp_path / "metrics" / "clientele.prom").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLIENTELE_ALERT_WEBHOOK", "hooks.example/secret"),
        ("CLIENTELE_ALERT_WEBHOOK", "http://127.0.0.1:9/secret hook"),
        ("CLIENTELE_ALERT_WEBHOOK", "http://127.0.0.1:port/secret"),
        ("CLIENTELE_ALERT_WEBHOOK", "http://[::1/secret"),
        ("CLIENTELE_ALERT_WEBHOOK", "http://127.0.0.1:9/secr\u00e9t"),
        ("CLIENTELE_ALERT_EMAIL", "secret@example.com\nBcc: other@example.com"),
        ("CLIENTELE_SMTP", "127.0.0.1:secret"),
        ("CLIENTELE_LATE_AFTER_HOURS", "secret"),
        ("CLIENTELE_LATE_AFTER_HOURS", "nan"),
    ],
)
def test_a_faulty_setting_of_alerts_is_a_sentence_and_fails_no_run(tmp_path, monkeypatch, name, value):
    monkeypatch.setenv("CLIENTELE_ALERT_EMAIL", "on-call@example.com" if name == "CLIENTELE_SMTP" else "")
    monkeypatch.setenv(name, value)
    (said,) = telemetry.end(tmp_path, {"failed": ["events"]})
    assert name in said and "secret" not in said and (tmp_path / "metrics" / "clientele.prom").exists()


@pytest.fixture
def certificate(tmp_path):
    """Return a certificate for 127.0.0.1 that nobody has signed, with its key."""
    path = tmp_path / "certificate.pem"
    call = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "-", "-days", "1",
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]  # fmt: skip
    path.write_bytes(subprocess.run(call, check=True, capture_output=True).stdout)
    return path


@pytest.mark.parametrize("is_trusted", [False, True])
def test_the_password_goes_to_no_mail_server_but_the_one_that_is_named(
    tmp_path, monkeypatch, certificate, is_trusted
):
    heard = []
    listening = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    replies = {
        b"EHLO": b"250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
        b"STARTTLS": b"220 go on\r\n",
        b"AUTH": b"235 ok\r\n",
        b"DATA": b"354 go on\r\n",
        b"QUIT": b"221 bye\r\n",
    }

    def serve():
        connection, _ = listening.accept()
        with contextlib.suppress(OSError):
            connection.sendall(b"220 test\r\n")
            stream, is_text = connection.makefile("rb"), False
            while line := stream.readline():
                heard.append(line)
                if is_text and line != b".\r\n":
                    continue
                word = line.split()[0].upper()
                is_text = word == b"DATA"
                connection.sendall(replies.get(word, b"250 ok\r\n"))
                if word == b"STARTTLS":
                    connection = context.wrap_socket(connection, server_side=True)
                    stream = connection.makefile("rb")

    threading.Thread(target=serve, daemon=True).start()
    for name, value in {
        "CLIENTELE_ALERT_EMAIL": "on-call@example.com",
        "CLIENTELE_SMTP": f"127.0.0.1:{listening.getsockname()[1]}",
        "CLIENTELE_SMTP_USER": "clientele",
        "CLIENTELE_SMTP_PASSWORD": "secret",
        "SSL_CERT_FILE": str(certificate) if is_trusted else "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    with listening:
        said = telemetry.end(tmp_path, {"failed": ["events"]})
    assert any(line.startswith(b"AUTH") for line in heard) == is_trusted
    assert is_trusted == (said == []) and (is_trusted or "certificate is not trusted" in said[0])
