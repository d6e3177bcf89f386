"""Services of these tests: publications of a few customers, and `clientele serve` as a process of its own."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from clientele.runtime import lookup, publishing
from clientele.serving import keys

AS_OF = datetime(2020, 2, 29, 23, 58, 18)


def key_of(number: int) -> str:
    return f"{number:032x}"


def segments(version: int, numbers: range | list[int]) -> pa.Table:
    """Return marts.user_segments of customers whose every row says `version`."""
    n = len(numbers)
    constant = {
        "segment_id": 1,
        "segment_name": f"Persona {version}",
        "segment_name_fr": f"Persona {version}, dit « v »",
        "lifecycle_state": "active_buyer",
        "value_tier": version % 5 + 1,
        "status": "settled",
        "model_status": "proven",
        "events_missing": 0,
        "confidence": 0.91234,
        "previous_persona": None,
        "persona_since": AS_OF.date(),
        "runner_up_segment_id": 2,
        "reason_1": "buys more",
        "reason_2": None,
        "reason_3": None,
        "model_version": f"m{version}",
        "as_of": AS_OF,
    }
    columns = {"user_key": [key_of(number) for number in numbers]}
    columns |= {name: [value] * n for name, value in constant.items()}
    table = pa.table(columns)
    for name in ("previous_persona", "reason_2", "reason_3"):
        kind = pa.int32() if name == "previous_persona" else pa.string()
        table = table.set_column(table.schema.get_field_index(name), name, pa.nulls(n, kind))
    return table


def publish(home: Path, version: int, numbers: range | list[int] = range(50)) -> Path:
    """Publish customers, as the end of a build does."""
    folder = publishing.start(home, {"run_id": f"run {version}"})
    pq.write_table(segments(version, numbers), folder / "user_segments.parquet")
    lookup.take_over_or_write(folder)
    publishing.finish(folder)
    return publishing.current(home)


class Service:
    """A running `clientele serve`, and a client of it with a key."""

    def __init__(
        self, home: Path, keys_path: Path, key: str, *arguments: str, begin: Sequence[str] = ()
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # both streams in a file: a pipe that nobody reads would fill
        self.said = keys_path.parent / f"said-{self.port}.txt"
        self.url = f"http://127.0.0.1:{self.port}"
        program = str(Path(sys.executable).with_name("clientele"))
        call = [*begin, program, "serve", "--home", str(home), "--keys", str(keys_path)]
        call += ["--port", str(self.port), "--log-level", "info", *arguments]
        with self.said.open("w") as said:
            self.process = subprocess.Popen(call, stdout=said, stderr=subprocess.STDOUT)
        self.client = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False
        )

    def wait(self) -> Service:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if self.client.get("/alive").status_code == 200:
                    return self
            assert self.process.poll() is None, self.said.read_text()
            time.sleep(0.1)
        raise AssertionError("the service does not answer")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@contextlib.contextmanager
def running(home: Path, folder: Path, *arguments: str, begin: Sequence[str] = ()) -> Iterator[Service]:
    """Run a service of a home whose file of keys is in `folder`; the key has all scopes and no bounds.

    `begin`: a command that starts the service.
    """
    keys_path = folder / "service-keys.json"
    key = keys.add(keys_path, "the test", list(keys.SCOPES), days=1, requests_per_second=1e9)
    service = Service(home, keys_path, key, *arguments, begin=begin)
    try:
        yield service.wait()
    finally:
        if service.process.poll() is None:
            service.stop()
