"""Break builds on purpose, from outside: nothing in the product knows of it.

A `Breaker` is a process that has imported dbt and parsed the project, and forks a child for each build: a
build costs a second instead of ten, and a child may be killed, starved of disk or put into another time zone
without harm to anybody. It never opens a database itself. Run as a program, this file is that process: it
reads a request per line, as JSON, and answers with what became of the build.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from support import Build, House, parsed

from clientele import cli
from clientele.runtime import rewriting

ANSWER = "breaking.json"
# Commands of clientele that are no operations of dbt's, with their arguments; backups are beside the home.
COMMANDS = {"rollback": ("--home", "{home}"), "backup": ("--home", "{home}", "--to", "{backups}")}


@dataclass
class Outcome:
    """What became of a build.

    Attributes
    ----------
    killed : bool
        Whether the build was killed; there is nothing else to be known of it then but `said`.
    build : Build or None
        What it said and did, of a build that came to an end.
    statements : list of str
        The node (or hook) of each statement that was sent to the database, in order.
    said : str
        All that it printed.
    """

    killed: bool
    build: Build | None
    statements: list[str]
    said: str


@dataclass
class Breaker(AbstractContextManager):
    """The process that builds are forked from; `variables` are those of its houses."""

    variables: dict[str, object] = field(default_factory=dict)

    def __enter__(self) -> Breaker:
        environment = House.plain_environment()
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(self.variables)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def build(self, house: House, *arguments: str, **fault: Any) -> Outcome:
        """Build `house` with one fault.

        Parameters
        ----------
        at_statement : int
            Kill it when it is about to send this statement to the database, from 0.
        at_node : list
            The same by name: a model or hook, and which of its statements.
        at_text : str
            The same by what the statement says.
        after : float
            … but only so many seconds later.
        wait_at_node : list
            Do not kill it there, but wait until the file `go` stands in the house's folder.
        in_function : str
            Kill it when this function of the package ('module:name') is called; `when_done`: when it returns.
            `nth`: at this call of it, from 0.
        operation : str
            Carry out this operation of dbt's instead of a build, or one of `COMMANDS`, to its end: new files
            take their place.
        fill : str
            Do not kill it there, but fill the disk with this file, and let the build go on.
        file_bytes : int
            No file may grow beyond this: the disk is full.
        environment : dict
            Changes of the environment, before the child does anything; None takes a name away.
        variables : dict
            Vars for this run, beside the house's.
        """
        return self.wait(house, self.start(house, *arguments, **fault))

    def start(self, house: House, *arguments: str, **fault: Any) -> int:
        """Start a build as `build` does, and return the id of its process."""
        return self._ask(folder=str(house.folder), lake=str(house.lake), arguments=arguments, **fault)

    def wait(self, house: House, process: int) -> Outcome:
        """Wait for a build that was started."""
        status = self._ask(wait=process)
        said = (house.folder / "breaking.log").read_text(errors="replace")
        found = json.loads((house.folder / ANSWER).read_text()) if status == 0 else {}
        if status not in (0, -signal.SIGKILL):
            raise AssertionError(f"the child ended with {status}:\n{said[-3000:]}")
        build = Build(**found["build"]) if found else None
        return Outcome(status != 0, build, found.get("statements", []), said)

    def _ask(self, **request: Any) -> int:
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "the breaker itself has ended"
        return int(answer)


def kill() -> None:
    """End this process as a power cut would: nothing is flushed, closed or told."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def fill(path: str) -> None:
    """Write a file until the disk takes no more, as somebody else's job does."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                pass


def _child(request: dict[str, Any], variables: dict[str, object]) -> None:
    folder = Path(request["folder"])
    (folder / ANSWER).unlink(missing_ok=True)
    log = os.open(folder / "breaking.log", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    house = House(folder, variables=variables, papers=False)
    house.lake = Path(request["lake"])
    changed = request.get("environment", {})
    for name, value in changed.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    time.tzset()
    strike = partial(fill, request["fill"]) if "fill" in request else kill
    if "in_function" in request:
        _trap(request["in_function"], request.get("when_done", False), request.get("nth", 0), strike)
    if "file_bytes" in request:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"], resource.RLIM_INFINITY))
    statements: list[str] = []

    def watch(event: Any) -> None:
        if event.info.name == "SQLQuery":
            name = event.data.node_info.node_name or "hook"
            place = [name, statements.count(name)]
            is_the_one = (
                request.get("at_statement") == len(statements)
                or request.get("at_node") == place
                or request.get("at_text", "\0") in event.data.sql
            )
            if is_the_one:
                if "after" in request:
                    threading.Timer(request["after"], strike).start()
                else:
                    strike()
            if request.get("wait_at_node") == place:
                (folder / "waiting").touch()
                while not (folder / "go").exists():
                    time.sleep(0.01)
            statements.append(name)

    operation = request.get("operation")
    changed = {"DBT_LOG_LEVEL": "info"} | changed  # what a user would read is in `said`
    if operation in COMMANDS:
        built = _commanded(house, operation)
    elif operation:
        built = house.run(operation, command=("run-operation",), watch=watch, **changed)
        rewriting.finish(house.home)  # as the end of the process does
    else:
        built = house.run(*request["arguments"], variables=request.get("variables"), watch=watch, **changed)
    if "file_bytes" in request:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    answer = {"build": asdict(built), "statements": statements}
    (folder / ANSWER).write_text(json.dumps(answer))


def _commanded(house: House, name: str) -> Build:
    places = {"home": str(house.home), "backups": str(house.folder / "backups")}
    ran = CliRunner().invoke(cli.main, [name, *(part.format(**places) for part in COMMANDS[name])])
    print(ran.output, ran.exception or "")
    return Build(ran.exit_code == 0, ran.output, {}, {})


def _trap(place: str, when_done: bool, nth: int, strike: Callable[[], None]) -> None:
    module_name, name = place.split(":")
    module = __import__(module_name, fromlist=[name])
    original: Callable[..., Any] = getattr(module, name)
    calls = iter(range(10**9))

    def trapped(*arguments: Any, **keywords: Any) -> Any:
        if next(calls) != nth:
            return original(*arguments, **keywords)
        if when_done:
            original(*arguments, **keywords)
        strike()
        return None if when_done else original(*arguments, **keywords)

    setattr(module, name, trapped)


def main() -> None:
    """Fork a child for each request, and say its id, or what became of it."""
    variables = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what dbt prints while it parses is no answer
    parsed(**variables)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
        if answer == 0 and "wait" not in request:
            try:
                _child(request, variables)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
