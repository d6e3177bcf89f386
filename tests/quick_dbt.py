"""What dbt does again and again in one process, done once or in fewer steps.

A build renders its nodes and hooks in some 900 contexts, and each holds all 1,000 macros. dbt makes them one
by one through three constructors, then looks each up by its name in five dictionaries; and it compiles the
same templates in each build. Here the macros are made in one loop, the dictionaries are merged as such, and
compiled templates are kept. What a context holds is the same (tests/house/test_quick_dbt.py). Builds that
tests start as processes of their own know nothing of this.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

import parsedatetime
from dbt.clients.jinja import MacroGenerator
from dbt.context.macro_resolver import TestMacroNamespace
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.context.manifest import ManifestContext
from dbt.contracts.graph.nodes import Macro
from dbt.include.global_project import PROJECT_NAME
from dbt_common.clients import jinja as dbt_jinja
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from jinja2.environment import Environment

__all__ = ["KINDS", "merged", "silent"]

# Environments of dbt: those of one kind differ in nothing that a template is compiled with.
KINDS = (dbt_jinja.MacroFuzzEnvironment, dbt_jinja.NativeSandboxEnvironment)
_usual_macros = MacroNamespaceBuilder.add_macros
_usual_dict = ManifestContext.to_dict
_usual_compile = Environment.compile
_usual_fire = EventManager.fire_event
_is_silent = False
_compiled: dict[tuple, CodeType | str] = {}


def merged(namespace: MacroNamespace) -> dict[str, Any]:
    """Return what `dict(namespace)` is: of those of one name, the macro that is looked for first."""
    found: dict[str, Any] = dict(namespace.global_project_namespace)
    found[PROJECT_NAME] = namespace.global_project_namespace
    found.update(namespace.packages)
    found.update(namespace.global_namespace)
    found.update(namespace.local_namespace)
    return found


def _add_macros(self: MacroNamespaceBuilder, macros: Iterable[Macro], ctx: dict[str, Any]) -> None:
    # the macros of one package: get_macros_by_package has looked for two of one name
    make, node, stack = MacroGenerator.__new__, self.node, self.thread_ctx
    for macro in macros:
        made = make(MacroGenerator)
        made.context, made.macro, made.node, made.stack = ctx, macro, node, stack
        package, name = macro.package_name, macro.name
        if package in self.internal_package_names:
            self.internal_packages.setdefault(package, {})[name] = made
        else:
            self.packages.setdefault(package, {})[name] = made
            if package == self.search_package:
                self.locals[name] = made
            elif package == self.root_package:
                self.globals[name] = made


def _to_dict(self: ManifestContext) -> dict[str, Any]:
    if isinstance(self.namespace, TestMacroNamespace):
        return _usual_dict(self)
    found = super(ManifestContext, self).to_dict()
    found.update(merged(self.namespace))
    return found


def _compile(
    self: Environment,
    source: Any,
    name: str | None = None,
    filename: str | None = None,
    raw: bool = False,
    defer_init: bool = False,
) -> Any:
    if type(self) not in KINDS or not isinstance(source, str) or dbt_jinja.MACRO_DEBUGGING:
        return _usual_compile(self, source, name, filename, raw, defer_init)
    key = (type(self), source, name, filename, raw, defer_init)
    if key not in _compiled:
        _compiled[key] = _usual_compile(self, source, name, filename, raw, defer_init)
    return _compiled[key]


def _fire_event(
    self: EventManager, e: BaseEvent, level: EventLevel | None = None, *others: Any, **named: Any
) -> None:
    if _is_silent and (level or e.level_tag()) is EventLevel.DEBUG:
        return
    _usual_fire(self, e, level, *others, **named)


@contextmanager
def silent(is_silent: bool) -> Iterator[None]:
    """Put no debug message into words while nobody reads one: three of four events are such messages."""
    global _is_silent
    before, _is_silent = _is_silent, is_silent
    try:
        yield
    finally:
        _is_silent = before


MacroNamespaceBuilder.add_macros = _add_macros
ManifestContext.to_dict = _to_dict
Environment.compile = _compile
EventManager.fire_event = _fire_event
# agate makes two for each table that it guesses the types of; nothing changes them afterwards
parsedatetime.Constants = functools.cache(parsedatetime.Constants)
