"""An id is one id however a tool has written it, for the files' SQL and for what Python reads of requests."""

from __future__ import annotations

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import House, own_manifest

from clientele.ids import KINDS, normal_id, normal_text

CUT = "-- next statement"
WRITTEN = {
    "700000007": (700000007, "700000007"),
    "700000007.0": (700000007, "700000007.0"),
    "0700000007": (700000007, "0700000007"),
    "+7": (7, "+7"),
    " -7\t": (-7, "-7"),
    "-0.00": (0, "-0.00"),
    "\ufeff\uff17\uff10\uff10\u200b": (700, "700"),
    "\u22121": (-1, "\u22121"),
    "\u00a07\u3000": (7, "7"),
    "9223372036854775807": (2**63 - 1, "9223372036854775807"),
    "9223372036854775808": (None, "9223372036854775808"),
    "-9223372036854775808": (-(2**63), "-9223372036854775808"),
    "-9223372036854775809": (None, "-9223372036854775809"),
    "5e8": (None, "5e8"),
    "jane%40shop.example": (None, "jane@shop.example"),
    "a%2Fb%2fc%7Ed": (None, "a/b/c~d"),
    "%2540": (None, "%40"),
    "Zo%C3%AB%20%C3%9Cn%C3%AF": (None, "Zo%C3%AB %C3%9Cn%C3%AF"),  # as docs/privacy.md says
    "%6aane%40shop.example": (None, "%6aane@shop.example"),
    "%4%zz%": (None, "%4%zz%"),
    "1.5": (None, "1.5"),
    "1.": (None, "1."),
    "0x1F": (None, "0x1F"),
    "1_000": (None, "1_000"),
    "1,000": (None, "1,000"),
    "1 000": (None, "1 000"),
    "AAAB": (None, "AAAB"),
    "\u0667": (None, "\u0667"),  # a digit of another script
    "5F0C0E2E-1111": (None, "5F0C0E2E-1111"),
    "Ame\u0301lie@Shop.example": (None, "Am\u00e9lie@Shop.example"),
    "x" * 256: (None, "x" * 256),
    "x" * 257: (None, None),
    "": (None, None),
    " \u200b ": (None, None),
}


@pytest.fixture(scope="module")
def sql(tmp_path_factory):
    """Return a function that reads a text as an id in DuckDB, as the macro has it."""
    house = House(tmp_path_factory.mktemp("ids"), papers=False)
    house.home.mkdir()
    text = CUT.join(f"{{{{ clientele.normal_id('written', '{kind}') }}}}" for kind in KINDS)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in house.environment().items():
            patch.setenv(name, value)
        ran = dbtRunner(manifest=own_manifest()).invoke(
            ["--quiet", "compile", "--no-introspect", "--inline", text]
        )
    assert ran.success, ran.exception
    expressions = dict(zip(KINDS, ran.result.results[0].node.compiled_code.split(CUT), strict=True))
    with duckdb.connect() as connection:
        connection.create_function("clientele_normal_text", normal_text, ["VARCHAR"], "VARCHAR")
        yield lambda written, kind: connection.execute(
            f"select {expressions[kind]} from (select cast($1 as varchar) as written)", [written]
        ).fetchone()[0]


@pytest.mark.parametrize("written", WRITTEN, ids=ascii)
def test_an_id_has_one_spelling(written, sql):
    assert (normal_id(written, "integer"), normal_id(written, "text")) == WRITTEN[written]
    assert (sql(written, "integer"), sql(written, "text")) == WRITTEN[written]


@given(
    st.text(
        alphabet=st.sampled_from("0079+-.eE_x ,\t\u2212\u200b\ufeff\uff17\uff0e\u00a0a\u00e9\u0301"),
        max_size=24,
    )
)
@example("0" * 63 + "7")
@example("0" * 64 + "7")
@settings(max_examples=400)
def test_sql_and_python_agree(sql, written):
    for kind in KINDS:
        assert sql(written, kind) == normal_id(written, kind)


def test_no_id_is_no_id():
    assert normal_id(None, "integer") is None
    with pytest.raises(ValueError, match="integer or text"):
        normal_id("7", "number")
