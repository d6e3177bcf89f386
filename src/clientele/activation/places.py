"""The line of a place in a file of audiences or experiments, and what of it makes no definition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

__all__ = ["line_of", "unreadable"]


def line_of(path: Path, name: str, place: str, kind: str = "audience") -> int:
    """Return the line on which a place of a definition begins, from 1.

    Parameters
    ----------
    path : Path
        A yml file with exposures.
    name : str
        Name of one of them.
    place : str
        Keys and numbers (from 1) on the way to it, as macros/activation has them: ``where > all > 2 > is``.
        Where the way ends early, as at a key that is missing, the line is that of its last step.
    kind : str
        What its meta has: audience or experiment.

    Examples
    --------
    >>> line_of(Path("audiences/new_buyers.yml"), "new_buyers", "name")
    4
    """
    document = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    exposures = _child(document, "exposures")
    for exposure in exposures.value if isinstance(exposures, yaml.SequenceNode) else []:
        found = _child(exposure, "name")
        if found is not None and found.value == name:
            break
    else:
        return 1
    found = exposure
    for step in ["config", "meta", kind]:
        found = _child(found, step) or found
    if place.split(" > ")[0] in ("name", "description", "owner", "label"):
        found = exposure
    for step in place.split(" > "):
        inner = _child(found, step)
        if inner is None:
            break
        found = inner
    return found.start_mark.line + 1


def _child(node: yaml.Node | None, step: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and step.isdecimal() and 0 < int(step) <= len(node.value):
        return node.value[int(step) - 1]
    return None


def unreadable(path: Path) -> list[tuple[int, str]]:
    """Return what is wrong with the text of a yml file, by line: what dbt passes over, or breaks off at.

    That is letters that are not UTF-8, what is no YAML, keys that stand twice (the second would count alone),
    days that are not in the calendar, and anchors that hold themselves or grow without end.

    Parameters
    ----------
    path : Path

    Examples
    --------
    >>> unreadable(Path("audiences/new_buyers.yml"))
    []
    """
    try:
        document = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
        sizes: dict[int, int] = {}
        found = [] if document is None else sorted(_faults(document, sizes, set()))
    except UnicodeDecodeError as problem:
        line = problem.object[: problem.start].count(b"\n") + 1
        return [(line, "a letter is not UTF-8: save the file as UTF-8")]
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        told = getattr(problem, "problem", None) or str(problem).splitlines()[0]
        return [(mark.line + 1 if mark else 1, f"this is no YAML: {told}")]
    except RecursionError:
        return [(1, "it is nested too deep")]
    if document is not None and sizes.get(id(document), 0) > 10 * len(sizes) + 1000:
        found.append((1, "its anchors repeat each other without end: write out what they hold"))
    return found


def _faults(node: yaml.Node, sizes: dict[int, int], above: set[int]) -> Iterator[tuple[int, str]]:
    """Yield what is wrong in a node; `sizes` gets how many nodes it holds with its anchors written out."""
    line = node.start_mark.line + 1
    if id(node) in above:
        yield line, "an anchor holds itself"
    if id(node) in sizes or id(node) in above:
        return
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                yield key.start_mark.line + 1, f"'{key.value}' stands twice, and the second alone would count"
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            parts += [key, value]
    elif isinstance(node, yaml.SequenceNode):
        parts = node.value
    elif node.tag == "tag:yaml.org,2002:timestamp":
        try:
            yaml.constructor.SafeConstructor().construct_yaml_timestamp(node)
        except ValueError:
            yield line, f"'{node.value}' is no day of the calendar"
    above.add(id(node))
    for part in parts:
        yield from _faults(part, sizes, above)
    above.remove(id(node))
    sizes[id(node)] = 1 + sum(sizes.get(id(part), 0) for part in parts)
