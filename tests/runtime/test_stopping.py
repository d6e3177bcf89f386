"""A build that is told to stop, as a container or a terminal tells it: real processes, real signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from support import IS_LONG, UP_TO_EVENTS, assert_same, little_shop

PAPERS = False
SHOP = little_shop(seed=11, n_users=6, n_days=10)


@pytest.fixture(autouse=True)
def _signals_are_heard():
    """Have processes hear what a shell ignores for what it runs in the background, or with nohup."""
    heard = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in heard.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def house(new_house):
    house = new_house()
    house.deliver("a.csv", SHOP)
    return house


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGTERM, "core.events"), (signal.SIGINT, "reconciliation")]
    + ([(signal.SIGTERM, name) for name in ("event_files", "stg_lake__lines", "users")] if IS_LONG else []),
)
def test_a_signal_ends_a_build_with_a_sentence(house, number, moment):
    """Whoever is to be told and never answers, too."""
    deaf = socket.create_server(("127.0.0.1", 0))
    place = f"127.0.0.1:{deaf.getsockname()[1]}"
    deaf_ones = {"WEBHOOK": f"http://{place}/", "EMAIL": "on-call@example.com"}
    told = {"CLIENTELE_SMTP": place} | {
        f"CLIENTELE_ALERT_{one}": address for one, address in deaf_ones.items()
    }
    with deaf, house.start(*UP_TO_EVENTS, **told) as process:
        for line in process.stdout:
            if moment in line and "START" in line:
                break
        else:
            pytest.fail(f"the build never said {moment}")
        began = time.monotonic()
        process.send_signal(number)
        said = process.stdout.read()
        status = process.wait(timeout=10)
    assert time.monotonic() - began < 10
    assert status == 128 + number
    assert f"Stopped by {number.name}." in said and "the next dbt build goes on from here" in said
    assert "Traceback" not in said and "Exception" not in said
    assert said.count("nothing answers within") == 2


HEARING = """
import sys, time
sys.argv[0] = "dbt"
from clientele.runtime import stopping
stopping.listen()
print("hearing", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_what_nobody_reads_any_more(number):
    """As `dbt build | tee log` when INT has ended tee, too: the sentence has nowhere to go."""
    with subprocess.Popen([sys.executable, "-c", HEARING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "hearing\n"
        process.stdout.close()
        process.send_signal(number)
        assert process.wait(timeout=10) == 128 + number


# A Python from 3.12 on, once it is about to end: what is left to do then has to have its threads by now.
ENDING = HEARING.replace(
    "print(",
    """
import threading
from clientele.runtime import channels

def refuse(self):
    raise RuntimeError("can't create new thread at interpreter shutdown")

channels.get_ready()
threading.Thread.start = refuse
print(""",
).replace(
    "time.sleep(60)",
    'print(channels.tell("CLIENTELE_ALERT_WEBHOOK", "failure", "it failed", {}, float(sys.argv[1])))',
)


@contextmanager
def ending(seconds: float) -> Iterator[tuple[subprocess.Popen, socket.socket]]:
    """Start what tells a webhook while Python ends, waiting so long; yields it and the webhook's side."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = {"CLIENTELE_ALERT_WEBHOOK": f"http://127.0.0.1:{server.getsockname()[1]}/"}
        command = [sys.executable, "-c", ENDING, str(seconds)]
        with subprocess.Popen(
            command, env=os.environ | told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout.readline() == "hearing\n"
            server.settimeout(10)
            asked, _ = server.accept()
            try:
                with asked:
                    yield process, asked
            finally:
                process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_what_is_about_to_end_itself(number):
    with ending(60) as (process, _):
        process.send_signal(number)
        said, _ = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert f"Stopped by {number.name}." in said and "Traceback" not in said and "Error" not in said


def test_who_answers_letter_by_letter_is_waited_for_no_longer_also_at_the_end():
    with ending(1) as (process, asked):
        asked.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(20):
            if process.poll() is not None:
                break
            with suppress(OSError):
                asked.sendall(b"x")
            time.sleep(0.5)
        process.kill()
        said, _ = process.communicate()
    assert "nothing answers within 1 seconds" in said and process.returncode == 0


def test_the_next_build_ends_where_one_that_was_never_stopped_would(house, new_house):
    """The builds above were stopped one after another in one house; this one goes on from there."""
    house.build(*UP_TO_EVENTS)
    other = new_house()
    other.deliver("a.csv", SHOP)
    other.build(*UP_TO_EVENTS)
    assert_same(house.contents(), other.contents())
    assert house.value("select count(*) from core.events") > 0


COPYING = """
import sys
from pathlib import Path
from clientele import cli
from clientele.privacy import rights

def copied(operation, **settings):
    Path(settings[rights.FOLDER], "model.clientele.user_keys.json").write_text("[]")
    print(settings[rights.FOLDER], flush=True)
    import subprocess
    subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"], check=False)

cli._run = copied
cli.main(["export-subject"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_copy_that_is_stopped_leaves_no_rows_of_the_customer(tmp_path, number):
    """The folder of drafts is outside of the home: no erasure would ever find it."""
    environment = {"CLIENTELE_SUBJECT": "7", "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        [sys.executable, "-c", COPYING], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        folder = process.stdout.readline().strip()
        assert folder.startswith(str(tmp_path)) and list(tmp_path.iterdir())
        process.send_signal(number)
        process.wait(timeout=10)
    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []
