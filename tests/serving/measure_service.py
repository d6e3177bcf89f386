"""Measure the look-up service of a home: `python tests/serving/measure_service.py HOME [SECONDS]`.

Prints, for single look-ups, batches of 1,000 and scores of 200 events: requests (or keys) a second, and the
50th and 99th percentile of the time of one request, as a client on the same machine sees them.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clientele.runtime import lookup, publishing
from serving.services import running

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"


async def ask(port: int, requests: list[bytes], seconds: float, times: list[float]) -> int:
    """Ask over one connection, one request after the other; returns how many answers were not 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    refused, number, end = 0, 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        writer.write(requests[number % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - began)
        refused += not head.startswith(b"HTTP/1.1 200")
        number += 1
    writer.close()
    return refused


def load(port: int, requests: list[bytes], seconds: float, connections: int) -> dict[str, float]:
    times: list[float] = []

    async def all_of_them() -> int:
        asked = (ask(port, requests[place::connections], seconds, times) for place in range(connections))
        return sum(await asyncio.gather(*asked))

    began = time.perf_counter()
    refused = asyncio.run(all_of_them())
    took = time.perf_counter() - began
    times.sort()
    return {
        "connections": connections,
        "a_second": round(len(times) / took, 1),
        "p50_ms": round(1000 * times[len(times) // 2], 1),
        "p99_ms": round(1000 * times[int(len(times) * 0.99)], 1),
        "refused": refused,
    }


def request(key: str, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def main(home: Path, seconds: float) -> None:
    folder = publishing.current(home)
    store = folder / lookup.NAME
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        user_keys = [row[0] for row in connection.execute("select user_key from customers")]
    random.Random(1).shuffle(user_keys)
    events = [
        f"2019-11-{1 + n % 28:02d} 10:{n % 60:02d}:00 UTC,view,{n % 50},,a.b,b{n % 5},{10 + n},7,s{n // 9}"
        for n in range(200)
    ]
    print(f"{len(user_keys):,} customers, {store.stat().st_size / len(user_keys):,.0f} bytes each")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as place, running(home, Path(place), "--log-level", "warning") as one:
        key = one.client.headers["authorization"].split()[1]
        single = [request(key, "GET", f"/customers/{user_key}") for user_key in user_keys]
        batches = [
            request(key, "POST", "/customers", json.dumps({"user_keys": chunk}).encode())
            for chunk in (random.Random(n).sample(user_keys, min(1000, len(user_keys))) for n in range(20))
        ]
        score = [request(key, "POST", "/score", "\n".join([HEADER, *events]).encode(), "text/csv")]
        load(one.port, single, 1, 1)
        load(one.port, score, 0.1, 1)

        def used() -> float:
            fields = Path(f"/proc/{one.process.pid}/stat").read_text().split()
            return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

        for name, requests, connections in (
            ("single look-ups", single, 8),
            ("single look-ups", single, 1),
            ("batches of 1,000 keys", batches, 2),
            ("scores of 200 events", score, 1),
        ):
            before = used()
            found = load(one.port, requests, seconds, connections)
            n = found["a_second"] * seconds
            found["processor_ms_each"] = round(1000 * (used() - before) / n, 2)
            print(f"{name}: {found}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
