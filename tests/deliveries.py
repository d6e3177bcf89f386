"""Random histories of a folder of files, to test that a loader does not care how its files arrive.

The property, for anything that loads files now and then into tables: *whatever the order, the split, the
lateness and the repetition of deliveries, the tables end as one load of the final truth would leave them.*
This module draws the histories. It knows nothing of what is loaded: an event is any value, and the caller
says how to write events and how a faulty delivery looks. To use it with another loader::

    from hypothesis import given
    from deliveries import histories

    @given(histories(events, orders=[str], faulty=misheard))
    def test_any_history(history):
        folder = new_folder()
        for step in history:
            step.apply(folder, write=lambda path, events: path.write_text(to_csv(events)))
            load(folder)
        assert tables() == tables_after_one_load_of(events)

What happens in histories: the events are cut into files, by time, by anything else or by chance, and arrive
over several loads in any order, so that files are late and days and users are spread over them; a cut by
time whose oldest part comes last is a backfill. Lines are repeated within files and between them, and
shuffled. A file may come in a faulty version first and be delivered again corrected, under its name. A file
may be renamed or copied. Lines that no loader may take (`stray`) may stand among the others.

What is promised of each history: the newest contents of all names together are the events, each at least
once, and stray lines. Nothing is renamed before its content is right: whether a corrected file replaces what
once came under another name is for a loader to decide.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from hypothesis import strategies as st

Event = TypeVar("Event")


@dataclass
class Step(Generic[Event]):
    """What happens to the folder before one load.

    Attributes
    ----------
    delivered : dict
        The whole content of files by name, new or in place of what the name held.
    renamed, copied : dict
        New names by old ones, of files of earlier steps.
    """

    delivered: dict[str, list[Event]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    copied: dict[str, str] = field(default_factory=dict)

    def apply(self, folder: Path, write: Callable[[Path, list[Event]], object]) -> None:
        """Do it: `write` gets a path and the events of the file."""
        for old, new in self.renamed.items():
            (folder / old).rename(folder / new)
        for old, new in self.copied.items():
            (folder / new).write_bytes((folder / old).read_bytes())
        for name, events in self.delivered.items():
            write(folder / name, events)


@st.composite
def histories(
    draw: st.DrawFn,
    events: Sequence[Event],
    *,
    orders: Sequence[Callable[[Event], object]] = (),
    faulty: Callable[[list[Event], int], list[Event]] | None = None,
    stray: Callable[[int], Event] | None = None,
    endings: Sequence[str] = (".csv",),
    most_files: int = 5,
    most_loads: int = 4,
) -> list[Step[Event]]:
    """Draw the steps of a history that ends with `events`.

    Parameters
    ----------
    events : sequence
        Distinct events, at least two, in the order of time.
    orders : sequence of functions
        Sort keys: events may be cut into files in each of these orders, besides that of time and by chance.
    faulty : function, optional
        Makes of the events of a file, and a seed, what a first, wrong delivery of it may have held.
    stray : function, optional
        Makes of a seed something that a file may hold and no loader may take.
    endings : sequence of str
        File names end like this.
    most_files, most_loads : int
        Upper bounds, at least 2.

    Returns
    -------
    list of Step
        At least one; each delivers, renames or copies something.
    """
    chance = random.Random(draw(st.integers(0, 2**32), label="seed"))
    n_loads = draw(st.integers(2, most_loads), label="loads")
    n_files = draw(st.integers(2, min(most_files, len(events))), label="files")
    place = draw(st.integers(-2, len(orders) - 1), label="cut by time (-2), by chance (-1), or by an order")
    ordered = list(events) if place < 0 else sorted(events, key=orders[place])
    if place == -1:
        chance.shuffle(ordered)
    cuts = [0, *sorted(chance.sample(range(1, len(events)), n_files - 1)), len(events)]
    steps: list[Step[Event]] = [Step() for _ in range(n_loads)]
    for number in range(n_files):
        content = ordered[cuts[number] : cuts[number + 1]]
        content += chance.choices(events, k=draw(st.integers(0, 30), label="repeated lines"))
        if stray is not None:
            content += [stray(chance.getrandbits(32)) for _ in range(draw(st.integers(0, 2), label="strays"))]
        if draw(st.booleans(), label="shuffled"):
            chance.shuffle(content)
        # Something is there at first, and something comes last.
        ends = {0: 0, n_files - 1: n_loads - 1}
        arrives = ends[number] if number in ends else draw(st.integers(0, n_loads - 1), label="arrives")
        name = f"{chance.randrange(1000):03d}_{number}{draw(st.sampled_from(endings), label='ending')}"
        if faulty is not None and arrives and draw(st.booleans(), label="is a correction"):
            wrong = steps[draw(st.integers(0, arrives - 1), label="first, wrong delivery")]
            wrong.delivered[name] = faulty(list(content), chance.getrandbits(32))
        steps[arrives].delivered[name] = content
        if arrives < n_loads - 1:
            later = steps[draw(st.integers(arrives + 1, n_loads - 1), label="later")]
            fate = draw(st.sampled_from(["stays", "renamed", "copied"]), label="later it is")
            if fate != "stays":
                getattr(later, fate)[name] = f"{chance.randrange(1000):03d}_{fate}_{name}"
    return [step for step in steps if step.delivered or step.renamed or step.copied]
