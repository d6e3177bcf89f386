"""The line of a place in a file of audiences or experiments."""

from __future__ import annotations

from pathlib import Path

import yaml

__all__ = ["line_of"]


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
