"""The command: python -m tools.bench."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tools import bench
from tools.bench import page
from tools.bench.measuring import PARTS, Plan
from tools.bench.tasks import TASKS

HUGE = 100_000_000


def main() -> None:
    """Run the benchmarks, or one task of theirs."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=bench.__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each command (default 3)")
    parser.add_argument("--large", type=float, default=20e6, help="events of the large shop (default 20M)")
    parser.add_argument("--small", type=float, default=5e6, help="events of a month (default 5M)")
    parser.add_argument("--huge", action="store_true", help="also build a shop of 100M events, once")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part anew (repeatable)")
    parser.add_argument("--spark", action="store_true", help="also PySpark; needs pyspark and Java")
    parser.add_argument("--scratch", type=Path, help="where the shops go (default: the folder of the system)")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        started = time.monotonic()
        TASKS[options.task](*options.arguments)
        print(time.monotonic() - started)
        return
    plan = Plan(options.runs, int(options.large), int(options.small), HUGE, options.spark)
    parts = options.only or [part for part in PARTS if part != "huge" or options.huge]
    for part in parts:
        measured = page.Page()
        with TemporaryDirectory(prefix="clientele-bench-", dir=options.scratch) as scratch:
            PARTS[part](measured, plan, Path(scratch))
        page.write(part, measured, 1 if part in ("whole", "huge") else options.runs)
        print(f"Written: {part} in {page.PATH}")


if __name__ == "__main__":
    main()
