"""Builds in tests see of dbt what other builds see: what is made in fewer steps is the same."""

from __future__ import annotations

import quick_dbt
from dbt.clients.jinja import MacroStack
from dbt.context.macros import MacroNamespaceBuilder
from dbt.events.types import JinjaLogDebug, JinjaLogInfo
from dbt_common.clients import jinja
from dbt_common.events.event_manager import EventManager
from support import parsed

OF_DBT = ["dbt_duckdb", "dbt"]


def namespace(add_macros, package):
    builder = MacroNamespaceBuilder("clientele", package, STACK, OF_DBT, NODE)
    for macros in parsed().get_macros_by_package().values():
        add_macros(builder, macros.values(), CONTEXT)
    return builder.build_namespace({}, CONTEXT)


STACK, NODE, CONTEXT = MacroStack(), object(), {"a": "context"}


def test_a_context_holds_the_macros_that_it_would_hold():
    for package in ("clientele", "dbt"):
        usual = namespace(quick_dbt._usual_macros, package)
        quick = namespace(quick_dbt._add_macros, package)
        # name by name, as dbt looks macros up: of one name, the one of the nearest package
        expected, found = {name: usual[name] for name in usual}, quick_dbt.merged(quick)
        assert found.keys() == expected.keys()
        assert len(found) > 1000
        for name, macro in expected.items():
            if isinstance(macro, dict):
                assert found[name].keys() == macro.keys(), name
            else:
                assert type(found[name]) is type(macro)
                assert vars(found[name]) == vars(macro), name
    # the project's own macro goes before dbt's
    assert found["should_full_refresh"].macro.package_name == "clientele"


def test_a_template_is_compiled_once_for_each_kind_of_environment():
    text = "{% macro one(a) %}{{ a }}{% endmacro %}{{ one(2) }}"
    kinds = [
        jinja.get_environment(),
        jinja.get_environment(capture_macros=True),
        jinja.get_environment(native=True),
    ]
    assert {type(kind) for kind in kinds} == set(quick_dbt.KINDS)
    compiled = [kind.compile(text) for kind in kinds]
    assert compiled[0] is compiled[1] and compiled[0] is not compiled[2]
    for kind, code in zip(kinds, compiled, strict=True):
        usual = quick_dbt._usual_compile(kind, text, None, None, False, False)
        assert (usual.co_code, usual.co_consts[1:]) == (code.co_code, code.co_consts[1:]) or usual == code


def test_debug_messages_are_told_unless_nobody_reads_them():
    manager, told = EventManager(), []
    manager.add_callback(lambda event: told.append(event.info.msg))
    for is_silent in (False, True, False):
        with quick_dbt.silent(is_silent):
            manager.fire_event(JinjaLogDebug(msg="debug"))
            manager.fire_event(JinjaLogInfo(msg="info"))
    assert told == ["debug", "info", "info", "debug", "info"]
