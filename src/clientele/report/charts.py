"""Charts as SVG texts that take their colours from the page; none without the extra `report`."""

from __future__ import annotations

import textwrap
from typing import Any

__all__ = ["bars", "fan", "is_available", "lines"]

# Colours that a chart is drawn with, and those of the page that take their place, light, dark or in print.
_INK, _RULE, _FIRST, _SECOND, _BAND = "#010203", "#040506", "#0a0b0c", "#0d0e0f", "#101112"
_COLOURS = {
    _INK: "currentColor",
    _RULE: "var(--rule)",
    _FIRST: "var(--first)",
    _SECOND: "var(--second)",
    _BAND: "var(--band)",
}
_WIDTH = 430


def is_available() -> bool:
    """Return whether charts can be drawn."""
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError:
        return False
    return True


def bars(rows: list[dict[str, Any]], language: str, form: str, hidden: str) -> str | None:
    """Return horizontal bars, `name`, `value`, `label` and `kind` of each row; kinds stand beside each other.

    A row without a value says `hidden`: it is not nothing.
    """
    if not rows or not is_available():
        return None
    import altair as alt

    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    rows = [
        row
        | {
            "name": "|".join(textwrap.wrap(row["name"], 24, break_long_words=False)),
            "value": row["value"] or 0,
            "label": hidden if row["value"] is None else row["label"],
        }
        for row in rows
    ]
    longest = max(float(row["value"]) for row in rows) or 1
    tallest = max(row["name"].count("|") + 1 for row in rows)
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=_wrapped(alt)),
        yOffset=alt.YOffset("kind:N", sort=kinds),
        # room for the words beside the longest bar; they say what an axis would
        x=alt.X("value:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1.25 * longest], nice=False)),
    )
    chart = alt.layer(
        base.mark_bar().encode(color=_colour(alt, kinds)),
        base.mark_text(align="left", dx=4, fontSize=11, color=_INK).encode(text="label:N"),
    ).properties(
        width=_WIDTH,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        height=alt.Step(max(28, 13 * tallest + 4) / len(kinds)),
    )
    return _svg(chart, language)


def lines(rows: list[dict[str, Any]], language: str, form: str, hidden: str) -> str | None:
    """Return lines over steps, `name` (of the step), `value` and `kind` of each row.

    A line has a gap where a value is not shown, and then says so (`hidden`) below it.
    """
    if not rows or not is_available():
        return None
    import altair as alt

    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    unknown = list(dict.fromkeys(str(row["name"]) for row in rows if row["value"] is None))
    steps = alt.X(
        "name:O",
        sort=list(dict.fromkeys(row["name"] for row in rows)),
        title=None,
        axis=alt.Axis(labelAngle=0, labelOverlap=True),
    )
    line = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=steps,
            y=alt.Y(
                "value:Q", title=None, axis=alt.Axis(format=form, tickCount=4), scale=alt.Scale(zero=True)
            ),
            color=_colour(alt, kinds),
            strokeDash=alt.StrokeDash("kind:N", sort=kinds, legend=None),
        )
    )
    words = (
        alt.Chart(alt.Data(values=[{"name": name, "label": hidden} for name in unknown]))
        .mark_text(angle=270, align="left", fontSize=10, color=_INK)
        .encode(x=steps, y=alt.datum(0), text="label:N")
    )
    chart = alt.layer(line, *([words] if unknown else [])).properties(
        width=_WIDTH, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"), height=150
    )
    return _svg(chart, language)


def fan(days: list[dict[str, Any]], language: str, expected: str, band: str, stock: str) -> str | None:
    """Return what is expected of days (`name`, `forecast`), a band (`lo_80`, `hi_80`), a line (`stock_95`).

    `expected`, `band` and `stock` name the three.
    """
    if not days or not is_available():
        return None
    import altair as alt

    columns = {expected: "forecast", band: "lo_80", stock: "stock_95"}
    colours = dict(zip(columns, (_FIRST, _BAND, _SECOND), strict=True))
    kinds = [kind for kind, column in columns.items() if any(day[column] is not None for day in days)]
    steps = alt.X(
        "name:O",
        sort=[day["name"] for day in days],
        title=None,
        axis=alt.Axis(labelAngle=0, labelOverlap=True),
    )
    colour = alt.Color(
        "kind:N",
        sort=kinds,
        legend=alt.Legend(
            orient="top",
            direction="vertical",
            title=None,
            symbolType="square",
            symbolOpacity=1,
            labelLimit=420,
        ),
        scale=alt.Scale(domain=kinds, range=[colours[kind] for kind in kinds]),
    )
    points = [
        {"name": day["name"], "kind": kind, "value": day[columns[kind]], "top": day["hi_80"]}
        for day in days
        for kind in kinds
        if day[columns[kind]] is not None
    ]
    base = alt.Chart(alt.Data(values=points)).encode(x=steps, color=colour)
    axis = alt.Axis(format=",.0f", tickCount=4)
    area = base.transform_filter(alt.datum.kind == band).mark_area()
    line = base.transform_filter(alt.datum.kind == expected).mark_line(point=True, strokeWidth=2)
    above = base.transform_filter(alt.datum.kind == stock).mark_line(strokeDash=[5, 3], strokeWidth=2)
    chart = alt.layer(
        area.encode(y=alt.Y("value:Q", title=None, axis=axis), y2="top:Q"),
        line.encode(y="value:Q"),
        above.encode(y="value:Q"),
    ).properties(width=_WIDTH, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"), height=170)
    return _svg(chart, language)


def _wrapped(alt: Any) -> Any:
    return alt.Axis(labelLimit=400, labelExpr="split(datum.label, '|')", labelLineHeight=12, ticks=False)


def _colour(alt: Any, kinds: list[str]) -> Any:
    legend = (
        alt.Legend(orient="top", direction="vertical", title=None, labelLimit=420) if len(kinds) > 1 else None
    )
    return alt.Color(
        "kind:N",
        sort=kinds,
        legend=legend,
        scale=alt.Scale(domain=kinds, range=[_FIRST, _SECOND][: len(kinds)]),
    )


def _svg(chart: Any, language: str) -> str:
    import vl_convert

    spec = chart.configure(
        background="transparent",
        font="sans-serif",
        axis={
            "labelColor": _INK,
            "gridColor": _RULE,
            "domainColor": _RULE,
            "tickColor": _RULE,
            "labelFontSize": 11,
        },
        legend={"labelColor": _INK, "labelFontSize": 11},
        view={"stroke": None},
    ).to_dict(validate=False)  # they are always of these few forms
    drawn = vl_convert.vegalite_to_svg(spec, format_locale="fr-FR" if language == "fr" else "en-US")
    for ours, colour in _COLOURS.items():
        drawn = drawn.replace(ours, colour)
    return drawn.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
