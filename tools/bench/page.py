"""The generated parts of docs/performance.md: figures beside their bars, and what each command took."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from statistics import median

import duckdb

from tools.bench.processes import ROOT, Cost

PATH = ROOT / "docs" / "performance.md"


@dataclass
class Page:
    """One part of what is measured, so far: rows of two tables, and sentences between them."""

    costs: list[str] = field(default_factory=list)
    ratios: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def cost(
        self,
        what: str,
        costs: list[Cost],
        seconds: Callable[[Cost], float] | None = None,
        n_events: int | None = None,
    ) -> float:
        """Add the medians of a command that reads `n_events`; return its median seconds.

        Processor time and memory are those of the whole process, also where `seconds` picks a part of it.
        """
        value = median((seconds or (lambda cost: cost.seconds))(cost) for cost in costs)
        cpu = median(cost.cpu_seconds for cost in costs)
        peak = median(cost.peak_bytes for cost in costs) / 2**30
        written = median(cost.written_bytes for cost in costs) / 2**30
        each = f" {cpu / n_events * 1e6:.2f}" if n_events else ""
        self._add_cost(
            f"| {what} | {value:.1f} | {cpu:.1f} |{each} | {peak:.2f} | {written:.2f} | {len(costs)} |"
        )
        return value

    def seconds(self, what: str, values: list[float]) -> float:
        """Add the median seconds of a part of a process; return it."""
        value = median(values)
        self._add_cost(f"| {what} | {value:.2f} | | | | | {len(values)} |")
        return value

    def ratio(self, what: str, value: float, bar: float, unit: str = "") -> None:
        """Add a figure beside its bar."""
        verdict = "met" if value <= bar else "**missed**"
        self.ratios.append(f"| {what} | {value:.2f}{unit} | {bar:g}{unit} | {verdict} |")
        print(self.ratios[-1], flush=True)

    def floor(self, what: str, bar: float, theirs: float, scan: float) -> None:
        """Add a sentence if a bar lies below what a bare scan of the same files takes."""
        if bar * theirs < scan:
            self.notes.append(
                f"- {what}: {bar:g} of {theirs:.1f} s is {bar * theirs:.1f} s; a bare typed scan of the same "
                f"files takes {scan:.1f} s. The bar lies below the floor."
            )
            print(self.notes[-1], flush=True)

    def _add_cost(self, row: str) -> None:
        self.costs.append(row)
        print(row, flush=True)

    def text(self, n_runs: int) -> str:
        """Return what stands between the marks of this part."""
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        runs = f"medians of {n_runs} runs" if n_runs > 1 else "one run of each command"
        lines = [
            f"Measured on {date.today().isoformat()}, {machine}, DuckDB {duckdb.__version__},"
            f" on **synthetic** shops; {runs}.",
            "",
            "| figure | measured | bar | |",
            "|---|---|---|---|",
            *self.ratios,
            *(["", *self.notes] if self.notes else []),
            "",
            "| command | seconds | processor seconds | … a million events | peak GB | GB written | runs |",
            "|---|---|---|---|---|---|---|",
            *self.costs,
        ]
        return "\n".join(lines)


def write(part: str, page: Page, n_runs: int) -> None:
    """Replace one part of docs/performance.md; the others stay as they are."""
    begin, end = f"<!-- make bench: {part} -->", f"<!-- end: {part} -->"
    before, found, rest = PATH.read_text().partition(begin)
    if not found or end not in rest:
        raise ValueError(f"{PATH} has no {begin} … {end}")
    PATH.write_text(f"{before}{begin}\n\n{page.text(n_runs)}\n\n{end}{rest.partition(end)[2]}")
