"""The rules, each with the page of the guide that it comes from.

A rule has a code that never changes its meaning, a verdict and a citation. ``refused``: the guide says, by a
sentence or by a syntax that has no place for it, that Redshift does not take this. ``differs``: Redshift
takes it, and does something else than DuckDB or than most authors expect.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from redshift_lint import documentation as guide
from redshift_lint.sql import NOT_CALLS, Statement

REFUSED = "refused"
DIFFERS = "differs"

# What a check yields: the token it is about, and words that say what is wrong in this very place.
Hits = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Rule:
    """A rule: its code, its verdict, the page that it comes from, what to do instead, how it is checked."""

    code: str
    verdict: str
    page: str
    says: str
    check: Callable[[Statement], Hits]

    @property
    def citation(self) -> str:
        """Title and address of the page."""
        return guide.page(self.page)


RULES: list[Rule] = []


def _rule(code: str, verdict: str, page: str, says: str) -> Callable:
    """Register a check that is more than a pattern."""

    def register(check: Callable[[Statement], Hits]) -> Callable[[Statement], Hits]:
        guide.page(page)
        RULES.append(Rule(code, verdict, page, says, check))
        return check

    return register


def _pattern(code: str, verdict: str, page: str, pattern: str, says: str) -> None:
    """Register a rule that is a regular expression over the tokens, each between single blanks."""
    compiled = re.compile(f"(?<= )(?:{pattern})(?= )")

    def check(statement: Statement) -> Hits:
        for match in compiled.finditer(statement.text):
            yield statement.at(match.start()), ""

    _rule(code, verdict, page, says)(check)


# --- 1: functions


@_rule(
    "RS101",
    REFUSED,
    "c_unsupported-postgresql-functions",
    "a PostgreSQL function that Redshift does not have",
)
def _unsupported_functions(statement: Statement) -> Hits:
    if not statement.reads_user_tables and statement.tables:
        return  # a catalog query: the leader node has more functions than the guide promises
    for index in statement.calls:
        name = statement.word(index)
        for group, names in guide.UNSUPPORTED_FUNCTIONS.items():
            if name in names:
                yield index, f"{name}() ({group})"
    for index, token in enumerate(statement.tokens):
        if token.kind == "word" and token.text == "current_catalog" and statement.word(index - 1) != ".":
            yield index, "current_catalog (System information functions)"
        converts = token.text == "convert" and statement.word(index + 1) == "("
        if converts and statement.word(index + 2) not in NOT_CALLS:
            yield index, "convert() of PostgreSQL (String functions); Redshift's is CONVERT(type, expression)"


@_rule("RS102", REFUSED, "c_SQL_functions", "not a function of the guide's reference")
def _unknown_functions(statement: Statement) -> Hits:
    if not statement.reads_user_tables and statement.tables:
        return
    known = guide.DOCUMENTED_FUNCTIONS | guide.LEADER_NODE_ONLY | guide.LEADER_NODE_ONLY_DEPRECATED
    unsupported = frozenset().union(*guide.UNSUPPORTED_FUNCTIONS.values())
    for index in statement.calls:
        name = statement.word(index)
        if name not in known and name not in unsupported and not name.startswith(guide.SPATIAL_PREFIXES):
            yield index, f"{name}()"


@_rule(
    "RS103",
    REFUSED,
    "c_SQL_functions_leader_node_only",
    "runs on the leader node only, and this statement reads tables of the compute nodes",
)
def _leader_node_only(statement: Statement) -> Hits:
    if not statement.reads_user_tables:
        return
    called = set(statement.calls)
    without_brackets = {"current_time", "current_timestamp", "localtime", "localtimestamp", "current_schema"}
    for index, token in enumerate(statement.tokens):
        if token.kind != "word" or statement.word(index - 1) in (".", "as"):
            continue
        if index in called or token.text in without_brackets:
            if token.text in guide.LEADER_NODE_ONLY:
                yield index, token.text
            elif token.text in guide.LEADER_NODE_ONLY_DEPRECATED:
                yield index, f"{token.text} (deprecated)"


_pattern(
    "RS104",
    REFUSED,
    "c_unsupported-postgresql-functions",
    "is (?:not )?distinct from",
    "IS [NOT] DISTINCT FROM: compare, and ask for NULL apart",
)


@_rule("RS105", REFUSED, "r_TO_TIMESTAMP", "TO_TIMESTAMP takes a text and a format, not a number of seconds")
def _to_timestamp(statement: Statement) -> Hits:
    for index in statement.calls:
        if statement.word(index) == "to_timestamp" and not _commas(statement, index + 1):
            yield index, ""


@_rule("RS106", REFUSED, "r_Dateparts_for_datetime_functions", "not a date part of the guide")
def _date_parts(statement: Statement) -> Hits:
    for index, token in enumerate(statement.tokens):
        if token.text in ("extract", "dateadd", "datediff", "date_part", "date_trunc"):
            part = statement.word(index + 2).strip("'").lower()
            if statement.word(index + 1) == "(" and part.isidentifier() and part not in guide.DATE_PARTS:
                yield index + 2, part


@_rule("RS107", REFUSED, "r_COUNT", "COUNT takes one expression: concatenate, or count a subquery's rows")
def _count_of_several(statement: Statement) -> Hits:
    for index in statement.calls:
        if statement.word(index) == "count" and _commas(statement, index + 1):
            yield index, ""


_pattern(
    "RS108",
    DIFFERS,
    "r_AVG",
    r"avg \( (?:distinct )?(?!(?:[^() ]+ )*(?:\d+\.\d*|cast|try_cast|::) )[a-z_][\w.$ ]*\)",
    "AVG of an integer is an integer: cast the argument to double precision or a decimal",
)


# --- 2: aggregates and windows

_pattern("RS201", REFUSED, "r_SELECT_synopsis", r"filter \( where", "no FILTER clause: aggregate a CASE")
_pattern(
    "RS202", REFUSED, "c_Window_functions", "over (?![(])[^ ]+", "OVER needs its specification in brackets"
)
_pattern(
    "RS203",
    REFUSED,
    "r_SELECT_synopsis",
    r"window \S+ as \(",
    "no WINDOW clause: write the specification into each OVER",
)


@_rule(
    "RS204", REFUSED, "c_Window_functions", "an aggregate over an ordered window needs an explicit ROWS frame"
)
def _frames(statement: Statement) -> Hits:
    for name, bracket in statement.windows:
        words = [statement.word(index) for index in statement.directly_in(bracket)]
        if statement.word(name) in guide.FRAMED_WINDOW_FUNCTIONS and "order" in words and not _frame(words):
            yield name, f"{statement.word(name)}()"


@_rule("RS205", REFUSED, "c_Window_functions", "frames are ROWS frames, without EXCLUDE")
def _other_frames(statement: Statement) -> Hits:
    for _, bracket in statement.windows:
        for index in statement.directly_in(bracket):
            word = statement.word(index)
            if word in ("range", "groups") and statement.word(index + 1) in (
                "between",
                "unbounded",
                "current",
                "interval",
            ):
                yield index, f"{word.upper()} frame"
            if word == "exclude":
                yield index, "EXCLUDE"


@_rule("RS206", REFUSED, "c_Window_functions", "no DISTINCT inside a window function")
def _distinct_in_window(statement: Statement) -> Hits:
    for name, bracket in statement.windows:
        if name >= 0 and statement.word(name + 1) == "(" and statement.word(name + 2) == "distinct":
            yield name, f"{statement.word(name)}(distinct …)"
        elif name >= 0 and any(
            statement.word(index) == "distinct" for index in statement.directly_in(bracket)
        ):
            yield name, ""


@_rule(
    "RS207", REFUSED, "c_Window_functions", "a window is ordered by columns: no constants, no string literals"
)
def _constants_in_window(statement: Statement) -> Hits:
    for _, bracket in statement.windows:
        inside = list(statement.directly_in(bracket))
        for place, index in enumerate(inside[:-1]):
            if statement.word(index) in ("by", ",") and statement.tokens[inside[place + 1]].kind in (
                "number",
                "string",
            ):
                after = statement.word(inside[place + 2]) if place + 2 < len(inside) else ""
                if after in ("", ",", "asc", "desc", "nulls", "order", "rows"):
                    yield inside[place + 1], ""


@_rule(
    "RS208",
    REFUSED,
    "r_PERCENTILE_CONT",
    "LISTAGG, PERCENTILE_CONT, PERCENTILE_DISC and MEDIAN of one SELECT must have the same ORDER BY",
)
def _different_orders(statement: Statement) -> Hits:
    orders: dict[int, dict[str, int]] = {}
    windows = {name for name, _ in statement.windows}
    for index in statement.calls:
        if statement.word(index) in guide.SORTING_AGGREGATES and index not in windows:
            order = _sorted_by(statement, index)
            orders.setdefault(statement.blocks[index], {}).setdefault(order, index)
    for found in orders.values():
        if len(found) > 1:
            yield list(found.values())[1], " and ".join(found)


@_rule(
    "RS209",
    REFUSED,
    "r_LISTAGG",
    "a sorting aggregate and a DISTINCT aggregate in one SELECT: put them into two",
)
def _sorting_and_distinct(statement: Statement) -> Hits:
    windows = {name for name, _ in statement.windows}
    sorting = {
        statement.blocks[index]: index
        for index in statement.calls
        if statement.word(index) in guide.SORTING_AGGREGATES and index not in windows
    }
    for index in statement.calls:
        name = statement.word(index)
        distinct = statement.word(index + 2) == "distinct" and name not in guide.SORTING_AGGREGATES
        if distinct and statement.blocks[index] in sorting:
            yield index, f"{name}(distinct …)"


@_rule("RS210", REFUSED, "c_Window_functions", "a sorting aggregate over a window may only be partitioned")
def _sorting_in_ordered_window(statement: Statement) -> Hits:
    for name, bracket in statement.windows:
        ordered = any(statement.word(index) == "order" for index in statement.directly_in(bracket))
        if ordered and statement.word(name) in guide.SORTING_AGGREGATES:
            yield name, f"{statement.word(name)}()"


@_rule("RS211", REFUSED, "c_SQL_functions", "ORDER BY among a function's arguments: only WITHIN GROUP orders")
def _ordered_arguments(statement: Statement) -> Hits:
    for index in statement.calls:
        for inside in statement.directly_in(index + 1):
            ordered = statement.word(inside) == "order" and statement.word(inside + 1) == "by"
            if ordered and statement.blocks[inside] == statement.blocks[index]:
                yield index, f"{statement.word(index)}()"


@_rule(
    "RS212",
    DIFFERS,
    "r_ORDER_BY_clause",
    "DESC puts NULLs first in Redshift and last in DuckDB: say NULLS FIRST or NULLS LAST",
)
def _descending(statement: Statement) -> Hits:
    for index, token in enumerate(statement.tokens):
        if token.text == "desc" and token.kind == "word" and statement.word(index + 1) != "nulls":
            yield index, ""


@_rule("RS213", REFUSED, "c_Window_functions", "a frame does not apply to a ranking function")
def _framed_ranking(statement: Statement) -> Hits:
    for name, bracket in statement.windows:
        words = [statement.word(index) for index in statement.directly_in(bracket)]
        ranking = ("row_number", "rank", "dense_rank", "ntile", "percent_rank", "cume_dist")
        if statement.word(name) in ranking and _frame(words):
            yield name, f"{statement.word(name)}()"


# --- 3: SELECT

for _code, _verdict, _page, _text, _says in [
    (
        "RS301",
        REFUSED,
        "r_SELECT_synopsis",
        r"distinct on \(",
        "no DISTINCT ON: number the rows and keep the first",
    ),
    (
        "RS302",
        REFUSED,
        "r_SELECT_synopsis",
        "for (?:no key )?(?:update|share|key share)(?! for)",
        "no row locks",
    ),
    ("RS303", REFUSED, "r_ORDER_BY_clause", "fetch (?:first|next)", "no FETCH FIRST: use LIMIT"),
    ("RS304", REFUSED, "r_ORDER_BY_clause", r"offset \d+ rows?", "OFFSET takes a number and nothing more"),
    (
        "RS305",
        REFUSED,
        "r_FROM_clause30",
        "tablesample|using sample",
        "no TABLESAMPLE: order by a hash and LIMIT",
    ),
    ("RS306", REFUSED, "r_FROM_clause30", "lateral", "no LATERAL: join an aggregated subquery"),
    (
        "RS307",
        REFUSED,
        "r_FROM_clause30",
        "(?:semi|anti|asof|positional) join",
        "no such join: use EXISTS or a window",
    ),
    (
        "RS308",
        REFUSED,
        "r_UNION",
        "(?:except|intersect|minus) all",
        "EXCEPT and INTERSECT are always distinct",
    ),
    (
        "RS309",
        REFUSED,
        "r_UNION",
        "(?:union|except|intersect)(?: all)? by name",
        "sets go by position, not BY NAME",
    ),
    (
        "RS310",
        REFUSED,
        "c_unsupported-postgresql-features",
        r"(?<=\( )values|(?<=from )values|(?<=join )values",
        "VALUES is no constant table: SELECT … UNION ALL",
    ),
    ("RS311", DIFFERS, "r_GROUP_BY_clause", "group by all", "name the columns: not in every engine"),
    ("RS312", REFUSED, "r_ORDER_BY_clause", "order by all", "name the columns"),
    (
        "RS313",
        DIFFERS,
        "r_QUALIFY_clause",
        "qualify",
        "QUALIFY needs a table with an alias in Redshift and is not in PostgreSQL: filter a subquery",
    ),
    (
        "RS314",
        DIFFERS,
        "r_SELECT_synopsis",
        r"\* (?:exclude|replace|rename|except)(?= \()",
        "name the columns: EXCLUDE is not in every engine",
    ),
    ("RS315", REFUSED, "r_WITH_clause", r"as (?:not )?materialized \(", "no [NOT] MATERIALIZED"),
    ("RS316", REFUSED, "r_WITH_clause", r"as \( (?:insert|update|delete|merge)", "WITH holds queries only"),
    ("RS317", REFUSED, "r_GROUP_BY_clause", "group by distinct", "no GROUP BY DISTINCT"),
    (
        "RS318",
        REFUSED,
        "c_unsupported-postgresql-features",
        r"array \[|array \( select|row \(|multiset [\[(]",
        "no array or row constructors",
    ),
    (
        "RS319",
        REFUSED,
        "c_unsupported-postgresql-features",
        r"\[",
        "no subscripted expressions, no array literals",
    ),
    ("RS320", REFUSED, "c_Literals", r"[{}]", "no struct or map literals"),
    (
        "RS321",
        REFUSED,
        "r_interval_literals",
        r"interval (?:\(|[\d.]+|(?!(?:year|month|day|hour|minute|second) )[a-z_]\w*"
        r"(?= (?:year|month|week|day|hour|minute|second)))",
        "INTERVAL needs a quoted literal; add a variable number with DATEADD",
    ),
    (
        "RS322",
        DIFFERS,
        "r_FROM_clause30",
        "natural (?:inner |left |right |full )?join",
        "name the columns of the join",
    ),
    ("RS323", REFUSED, "c_unsupported-postgresql-features", r"collate \"\S+", "no collations by name"),
    ("RS324", REFUSED, "r_SELECT_synopsis", r"with ordinality|rows from \(", "no such table functions"),
    (
        "RS325",
        REFUSED,
        "r_SELECT_synopsis",
        r"(?:any|some|all) \( (?!select|with)\S+ \)",
        "ANY and ALL take a subquery",
    ),
]:
    _pattern(_code, _verdict, _page, _text, _says)


@_rule("RS326", REFUSED, "r_SELECT_synopsis", "a query begins with SELECT or WITH")
def _from_first(statement: Statement) -> Hits:
    for index, token in enumerate(statement.tokens):
        before = statement.word(index - 1)
        if (
            token.kind == "word"
            and token.text in ("from", "values", "table")
            and (index == 0 or before == "as")
        ) and (index == 0 or token.text == "from"):
            yield index, f"{token.text.upper()} first"
        if token.text == "from" and before == "(" and statement.word(index - 2) not in ("trim", "extract"):
            yield index, "FROM first"


@_rule(
    "RS327",
    REFUSED,
    "c_unsupported-postgresql-features",
    "no row constructors: compare the columns one by one",
)
def _rows_compared(statement: Statement) -> Hits:
    openers = {"where", "and", "or", "on", "not", "when", "having"}
    comparing = {"=", "<>", "!=", "<", ">", "<=", ">=", "overlaps"}
    for index, token in enumerate(statement.tokens):
        is_row = token.text == "(" and statement.word(index - 1) in openers and _commas(statement, index)
        if is_row and statement.word(statement.close(index) + 1) in comparing:
            yield index, ""


@_rule("RS328", REFUSED, "r_WITH_clause", "WITH RECURSIVE needs the list of its columns")
def _recursive(statement: Statement) -> Hits:
    for index, token in enumerate(statement.tokens):
        if (
            token.text == "recursive"
            and statement.word(index - 1) == "with"
            and statement.word(index + 2) != "("
        ):
            yield index, ""


_pattern(
    "RS329",
    DIFFERS,
    "r_WITH_clause",
    "with recursive",
    "recursion has other limits in each engine: use a table of numbers",
)


@_rule("RS330", REFUSED, "r_WITH_clause", "WITH goes inside: INSERT INTO … WITH …; MERGE takes none")
def _with_first(statement: Statement) -> Hits:
    if statement.word(0) != "with":
        return
    for index, token in enumerate(statement.tokens):
        if (
            token.text in ("insert", "merge")
            and statement.enclosing(index) < 0
            and statement.word(index - 1) == ")"
        ):
            yield index, token.text.upper()


@_rule(
    "RS331",
    DIFFERS,
    "r_correlated_subqueries",
    "a correlated subquery: Redshift takes some patterns; use a join",
)
def _correlated(statement: Statement) -> Hits:
    for index, _ in _correlations(statement):
        yield index, ""


@_rule("RS332", REFUSED, "r_correlated_subqueries", "a correlation that skips a query block")
def _skipping(statement: Statement) -> Hits:
    for index, levels in _correlations(statement):
        if levels > 1:
            yield index, f"{levels} levels up"


@_rule("RS333", REFUSED, "r_correlated_subqueries", "a correlated subquery may not hold a window function")
def _correlated_window(statement: Statement) -> Hits:
    with_window = {statement.blocks[bracket] for _, bracket in statement.windows}
    for index, _ in _correlations(statement):
        if statement.blocks[index] in with_window:
            yield index, ""


# --- 4: operators and literals

for _code, _verdict, _page, _text, _says in [
    (
        "RS401",
        REFUSED,
        "c_unsupported-postgresql-features",
        "->>?|#>>?|@>|<@|[?]|[?][|&]|&&|@@|<->|\\^@",
        "no such operator: JSON, arrays, ranges and text search are not PostgreSQL's",
    ),
    (
        "RS402",
        REFUSED,
        "pattern-matching-conditions-posix",
        r"~\*|!~\*",
        "no case-insensitive POSIX operator",
    ),
    (
        "RS403",
        DIFFERS,
        "pattern-matching-conditions-posix",
        r"!?~",
        "~ finds a part in Redshift and wants the whole text in DuckDB: use REGEXP_… or LIKE",
    ),
    ("RS404", REFUSED, "c_redshift-sql", "\\*\\*|//|==|:=|=>|~~\\*?|!~~\\*?", "no such operator"),
    ("RS405", REFUSED, "c_Literals", r"\d+_[\d_]*", "no underscores in numbers"),
    (
        "RS406",
        REFUSED,
        "c_Literals",
        r"0[xbo]\w+|0 [xbo]\d*\w*(?= (?:,|\)|from|as|where))",
        "no hexadecimal numbers",
    ),
]:
    _pattern(_code, _verdict, _page, _text, _says)


@_rule(
    "RS407",
    DIFFERS,
    "c_Literals",
    "a backslash in a literal escapes in Redshift and does not in DuckDB: use CHR",
)
def _backslashes(statement: Statement) -> Hits:
    for index, token in enumerate(statement.tokens):
        if token.kind == "string" and "\\" in token.text and not token.text.startswith("$"):
            yield index, ""


@_rule("RS408", REFUSED, "c_Literals", "no typed or Unicode literal of this kind")
def _literals(statement: Statement) -> Hits:
    for index, token in enumerate(statement.tokens):
        if token.kind == "string" and token.text[:1].lower() in ("b", "x", "e", "n"):
            yield index, f"{token.text[0]}'…'"
        if token.kind == "string" and statement.word(index - 1) == "&" and statement.word(index - 2) == "u":
            yield index, "U&'…'"


# --- 5: types


@_rule(
    "RS501", REFUSED, "c_unsupported-postgresql-datatypes", "a PostgreSQL type that Redshift does not have"
)
def _unsupported_types(statement: Statement) -> Hits:
    leader = not statement.reads_user_tables and not statement.starts_with("create")
    for index in _types(statement):
        word = statement.word(index)
        if leader and word in guide.OBJECT_IDENTIFIER_TYPES:
            continue
        for group, names in guide.UNSUPPORTED_TYPES.items():
            if word in names:
                yield index, f"{word} ({group})"
        if statement.word(index + 1) in ("array", "[") or (word == "setof"):
            yield index, "an array or a set"


@_rule("RS502", REFUSED, "c_Supported_data_types", "not a type of Redshift's")
def _foreign_types(statement: Statement) -> Hits:
    for index in _types(statement):
        word = statement.word(index)
        if word in guide.FOREIGN_TYPES and not (
            word == "double" and statement.word(index + 1) == "precision"
        ):
            yield index, word


@_rule("RS503", DIFFERS, "r_Numeric_types201", "without precision this is DECIMAL(18, 0): fractions are lost")
def _bare_decimals(statement: Statement) -> Hits:
    for index in _types(statement):
        if statement.word(index) in ("numeric", "decimal", "dec") and statement.word(index + 1) != "(":
            yield index, statement.word(index)


@_rule(
    "RS504",
    DIFFERS,
    "r_Character_types",
    "without a length VARCHAR and TEXT are VARCHAR(256), CHAR is CHAR(1): a cast cuts silently",
)
def _bare_texts(statement: Statement) -> Hits:
    for index in _types(statement):
        varying = 1 if statement.word(index + 1) == "varying" else 0
        is_text = statement.word(index) in (
            "varchar",
            "text",
            "nvarchar",
            "char",
            "character",
            "nchar",
            "bpchar",
        )
        if is_text and statement.word(index + 1 + varying) != "(":
            yield index, statement.word(index)


@_rule(
    "RS505", REFUSED, "r_Numeric_types201", "the precision of a DECIMAL is at most 38, its scale at most 37"
)
def _wide_decimals(statement: Statement) -> Hits:
    for index, sizes in _sizes(statement, "numeric", "decimal", "dec"):
        if sizes[0] > 38 or (len(sizes) > 1 and sizes[1] > 37):
            yield index, str(sizes)


@_rule("RS506", REFUSED, "r_Character_types", "at most VARCHAR(65535) and CHAR(4096), in bytes")
def _long_texts(statement: Statement) -> Hits:
    for index, sizes in _sizes(statement, "varchar", "nvarchar", "text"):
        if sizes[0] > 65535:
            yield index, str(sizes[0])
    for index, sizes in _sizes(statement, "char", "nchar", "bpchar"):
        if sizes[0] > 4096:
            yield index, str(sizes[0])


@_rule("RS507", REFUSED, "r_Datetime_types", "TIME and TIMESTAMP take no precision")
def _precise_times(statement: Statement) -> Hits:
    for index, _ in _sizes(statement, "timestamp", "time", "timestamptz", "timetz"):
        yield index, ""


# --- 6: names


@_rule(
    "RS601", REFUSED, "r_pg_keywords", "a reserved word as a name: choose another, or put it in double quotes"
)
def _reserved_names(statement: Statement) -> Hits:
    for index, token in enumerate(statement.tokens):
        if token.kind == "word" and token.text in guide.RESERVED_WORDS and _names_something(statement, index):
            yield index, token.text


@_rule(
    "RS602",
    REFUSED,
    "c_unsupported-postgresql-features",
    "PostgreSQL's system columns cannot be names of columns",
)
def _system_columns(statement: Statement) -> Hits:
    for index, token in enumerate(statement.tokens):
        if (
            token.text.strip('"') in guide.SYSTEM_COLUMNS
            and token.is_name
            and _names_something(statement, index)
        ):
            yield index, token.text


@_rule("RS603", REFUSED, "r_names", "a name has at most 127 bytes")
def _long_names(statement: Statement) -> Hits:
    for index, token in enumerate(statement.tokens):
        if token.is_name and len(token.text.strip('"').encode()) > 127:
            yield index, f"{token.text[:20]}…"


# --- 7: CREATE, ALTER, DROP

_OBJECTS = (
    "(?:unique )?index|sequence|trigger|event trigger|rule|tablespace|domain|type|aggregate|operator|cast|"
    "extension|collation|text search|server|foreign table|foreign data wrapper|user mapping|conversion|"
    "language|access method|policy|publication|subscription|statistics|transform|macro|secret"
)
for _code, _verdict, _page, _text, _says in [
    (
        "RS701",
        REFUSED,
        "c_unsupported-postgresql-features",
        f"(?<=^ )(?:create|alter|drop)(?: or replace)?(?: temp| temporary)? (?:{_OBJECTS})",
        "Redshift has no such object",
    ),
    ("RS702", REFUSED, "r_CREATE_TABLE_NEW", "create (?:unlogged|foreign) table", "no such kind of table"),
    (
        "RS703",
        REFUSED,
        "r_CREATE_TABLE_AS",
        "create or replace(?: local| global)?(?: temp| temporary)? table",
        "no CREATE OR REPLACE TABLE: drop it first, in the same transaction",
    ),
    (
        "RS704",
        REFUSED,
        "r_CREATE_VIEW",
        "create (?:or replace )?(?:temp|temporary|recursive|force) view",
        "no such kind of view",
    ),
    (
        "RS705",
        REFUSED,
        "r_CREATE_VIEW",
        "create view if not exists",
        "no IF NOT EXISTS for views: CREATE OR REPLACE",
    ),
    ("RS706", REFUSED, "r_CREATE_VIEW", r"with (?:cascaded |local )?check option", "views take no rows"),
    (
        "RS707",
        REFUSED,
        "r_CREATE_MATERIALIZED_VIEW",
        "create or replace materialized view|create materialized view if not exists|"
        "refresh materialized view concurrently|with no data",
        "no such form of a materialized view",
    ),
    (
        "RS708",
        REFUSED,
        "c_unsupported-postgresql-features",
        r"inherits \(|(?<=^ )alter table .* inherit",
        "no inheritance",
    ),
    (
        "RS709",
        REFUSED,
        "c_unsupported-postgresql-features",
        r"partition of|partition by (?:range|list|hash) \(|attach partition|"
        "detach partition",
        "no partitions, but of external tables",
    ),
    (
        "RS710",
        REFUSED,
        "c_unsupported-postgresql-features",
        "(?:tablespace|set tablespace) [a-z_]+",
        "no tablespaces",
    ),
    (
        "RS711",
        REFUSED,
        "c_unsupported-postgresql-features",
        r"(?<=^ )(?:create|alter) .*table .* (?:check|exclude|exclude using \S+) \(",
        "no CHECK and EXCLUDE constraints: test the data",
    ),
    (
        "RS712",
        REFUSED,
        "r_CREATE_TABLE_NEW",
        r"deferrable|initially (?:deferred|immediate)|on (?:delete|update) (?:cascade|restrict|set|no)|"
        r"match (?:full|partial|simple)",
        "constraints are not enforced, so nothing defers or cascades",
    ),
    ("RS713", REFUSED, "r_CREATE_TABLE_NEW", "generated always as", "no computed columns"),
    (
        "RS714",
        REFUSED,
        "r_CREATE_TABLE_NEW",
        "(?:including|excluding) (?:all|constraints|indexes|comments|storage|statistics|generated|identity)",
        "LIKE takes INCLUDING DEFAULTS or EXCLUDING DEFAULTS",
    ),
    (
        "RS715",
        REFUSED,
        "r_CREATE_TABLE_NEW",
        "diststyle (?!all|even|key|auto)[^ ]+",
        "DISTSTYLE is ALL, EVEN, KEY or AUTO",
    ),
    ("RS716", REFUSED, "r_CREATE_TABLE_NEW", r"distkey \( [^)]*,", "one column distributes a table"),
    (
        "RS717",
        REFUSED,
        "r_CREATE_TABLE_NEW",
        r"interleaved sortkey \( (?:[^ ,)]+ , ){7}[^ ,)]+ ,",
        "an interleaved sort key has at most 8 columns",
    ),
    (
        "RS718",
        REFUSED,
        "r_ALTER_TABLE",
        "alter table if exists|add column if not exists|drop column if exists",
        "no IF EXISTS here",
    ),
    (
        "RS719",
        REFUSED,
        "r_ALTER_TABLE",
        r"alter column \S+ (?:set not null|drop not null|set default|drop default|set statistics|"
        "set storage|drop identity|add generated)",
        "of a column only its type's length and encoding change",
    ),
    (
        "RS720",
        REFUSED,
        "r_ALTER_TABLE",
        "(?:disable|enable) (?:trigger|rule)|cluster on|set without|set with oids|validate constraint",
        "no such change of a table",
    ),
    (
        "RS721",
        REFUSED,
        "r_CREATE_ROLE",
        r"create role \S+ (?:with|login|nologin|password|superuser|createdb|inherit|noinherit|in role)",
        "a role has no attributes: users log in, roles are granted",
    ),
    (
        "RS722",
        REFUSED,
        "c_unsupported-postgresql-features",
        "(?:grant|revoke) (?:trigger|rule)|on all sequences|with admin option for",
        "no such privilege",
    ),
    (
        "RS723",
        REFUSED,
        "r_CREATE_TABLE_NEW",
        "with oids|without oids|on commit (?:drop|delete rows|preserve rows)",
        "no such table option",
    ),
]:
    _pattern(_code, _verdict, _page, _text, _says)


@_rule("RS724", REFUSED, "r_ALTER_TABLE", "ADD COLUMN adds one column in each ALTER TABLE")
def _several_columns(statement: Statement) -> Hits:
    if statement.starts_with("alter", "table"):
        for index, token in enumerate(statement.tokens):
            if token.text == "," and statement.enclosing(index) < 0:
                yield index, ""


@_rule("RS725", REFUSED, "r_CREATE_VIEW", "WITH NO SCHEMA BINDING needs each table with its schema")
def _unbound_views(statement: Statement) -> Hits:
    if statement.text.rstrip().endswith("with no schema binding"):
        for table in statement.tables:
            if len(table.parts) == 1 and table.parts[0] not in statement.ctes:
                yield table.index, table.parts[0]


# --- 8: statements

for _code, _verdict, _page, _text, _says in [
    (
        "RS801",
        REFUSED,
        "r_INSERT_30",
        "on conflict",
        "no ON CONFLICT: delete and insert in one transaction, or MERGE",
    ),
    ("RS802", REFUSED, "r_INSERT_30", "returning", "no RETURNING"),
    (
        "RS803",
        REFUSED,
        "r_INSERT_30",
        "insert or (?:replace|ignore)|(?<=^ )replace into|by position|overriding (?:system|user) value",
        "no such INSERT",
    ),
    (
        "RS804",
        REFUSED,
        "r_MERGE",
        "not matched by (?:source|target)|when (?:not )?matched and|do nothing|insert (?:by name|\\*)|"
        "update by name",
        "MERGE has one WHEN MATCHED and one WHEN NOT MATCHED, without conditions",
    ),
    (
        "RS805",
        REFUSED,
        "r_MERGE",
        r"merge into .* using \(",
        "the source of MERGE is a table, not a subquery",
    ),
    (
        "RS806",
        REFUSED,
        "r_TRUNCATE",
        r"(?<=^ )truncate (?:table )?[^ ]+(?: [.] [^ ]+)* ,|(?:restart|continue) identity",
        "TRUNCATE takes one table and no option",
    ),
    ("RS807", REFUSED, "r_EXPLAIN", r"explain (?:analyze|analyse|\()", "EXPLAIN has no options but VERBOSE"),
    ("RS808", REFUSED, "r_LOCK", "(?<=^ )lock .* (?:in .* mode|nowait)", "LOCK takes tables, no mode"),
    (
        "RS809",
        REFUSED,
        "c_SQL_commands",
        "(?<=^ )(?:savepoint|release|listen|notify|unlisten|do|discard|cluster|reindex|load|checkpoint|"
        "security label|reassign|import|attach|detach|pragma|"
        "install|summarize|describe|force|export|pivot|unpivot)(?= )",
        "no such command",
    ),
    (
        "RS810",
        REFUSED,
        "c_unsupported-postgresql-functions",
        "rollback (?:work |transaction )?to",
        "no savepoints to roll back to",
    ),
    (
        "RS811",
        REFUSED,
        "r_UNLOAD",
        r"(?<=^ )copy (?:\( .* \)|[^ ]+(?: [.] [^ ]+)*) to|(?<=^ )copy .* from (?:stdin|program)|to stdout",
        "COPY only loads, and from S3 or the like: UNLOAD writes",
    ),
    (
        "RS812",
        REFUSED,
        "c_SQL_commands",
        "set (?:variable|constraints|transaction snapshot)|alter system|"
        "prepare transaction|(?:commit|rollback) prepared|"
        "comment on (?:index|sequence|extension|type|role|trigger)",
        "no such command",
    ),
    (
        "RS813",
        REFUSED,
        "r_DELETE",
        "where current of|(?<=delete )from only|(?<=update )only",
        "no such UPDATE or DELETE",
    ),
    ("RS814", REFUSED, "r_UPDATE", r"(?<=^ )update .* set \(", "SET takes one column after the other"),
]:
    _pattern(_code, _verdict, _page, _text, _says)


@_rule("RS815", REFUSED, "r_DELETE", "UPDATE and DELETE have neither ORDER BY nor LIMIT")
def _limited_changes(statement: Statement) -> Hits:
    if statement.word(0) in ("update", "delete"):
        for index, token in enumerate(statement.tokens):
            if token.text in ("order", "limit") and token.kind == "word" and statement.enclosing(index) < 0:
                yield index, ""


# --- what the checks share


def _commas(statement: Statement, bracket: int) -> bool:
    return any(statement.word(index) == "," for index in statement.directly_in(bracket))


def _frame(words: list[str]) -> bool:
    return any(
        (word in ("rows", "range", "groups") and after in ("between", "unbounded", "current", "interval"))
        or (word == "rows" and after[:1].isdigit())
        for word, after in zip(words, [*words[1:], ""], strict=True)
    )


def _sorted_by(statement: Statement, call: int) -> str:
    close = statement.close(call + 1)
    if statement.word(close + 1) == "within" and statement.word(close + 3) == "(":
        first, last = close + 4, statement.close(close + 3)
    elif statement.word(call) == "median":
        first, last = call + 2, close
    else:
        return ""
    words = [statement.word(index) for index in range(first, last)]
    return " ".join(words[2:] if words[:2] == ["order", "by"] else words)


def _correlations(statement: Statement) -> Iterator[tuple[int, int]]:
    """Yield the references of a subquery to a query around it, with the number of blocks between them."""
    known: dict[int, set[str]] = {}
    for table in statement.tables:
        known.setdefault(table.block, set()).add(table.alias)
    if len(known) < 2:
        return
    for index, token in enumerate(statement.tokens[:-1]):
        if not token.is_name or statement.word(index + 1) != "." or statement.word(index - 1) == ".":
            continue
        block, levels = statement.blocks[index], 0
        name = token.text.strip('"').lower()
        while block >= 0 and name not in known.get(block, ()):
            block, levels = statement.block_around(block), levels + 1
        if block >= 0 and levels and statement.word(index - 1) not in ("from", "join", "into"):
            yield index, levels


def _types(statement: Statement) -> Iterator[int]:
    """Yield where a type stands: after AS in a cast, after ``::``, after a column's name in DDL."""
    creates = statement.word(0) == "create" and "table" in [token.text for token in statement.tokens[:5]]
    columns = -1
    if creates:
        for index, token in enumerate(statement.tokens[:16]):
            if token.text in ("as", "like"):
                break
            if token.text == "(":
                columns = index
                break
    for index, token in enumerate(statement.tokens):
        before = statement.word(index - 1)
        if before == "::" or (
            before == "as" and statement.word(statement.enclosing(index) - 1) in ("cast", "try_cast")
        ):
            yield index
        elif columns >= 0 and statement.enclosing(index) == columns and token.is_name:
            name = statement.tokens[index - 1]
            if (
                statement.word(index - 2) in ("(", ",")
                and name.is_name
                and name.text
                not in (
                    "primary",
                    "unique",
                    "foreign",
                    "check",
                    "constraint",
                    "like",
                    "exclude",
                )
            ):
                yield index
        elif statement.starts_with("alter", "table") and statement.word(index - 2) == "column":
            if statement.word(index - 3) == "add":
                yield index
        elif before == "type" and statement.word(index - 3) == "column":
            yield index


def _sizes(statement: Statement, *names: str) -> Iterator[tuple[int, list[int]]]:
    for index in _types(statement):
        if statement.word(index) in names and statement.word(index + 1) == "(":
            sizes = [statement.word(inside) for inside in statement.directly_in(index + 1)]
            numbers = [int(size) for size in sizes if size.isdigit()]
            if numbers:
                yield index, numbers


def _names_something(statement: Statement, index: int) -> bool:
    """Whether a word is given to something as its name: after AS, or as a column of a new table."""
    before, after = statement.word(index - 1), statement.word(index + 1)
    bracket = statement.enclosing(index)
    if before == "as":
        in_cast = statement.word(bracket - 1) in ("cast", "try_cast")
        opens_query = statement.word(index) in ("select", "with")
        return not in_cast and not opens_query and after != "("
    creates = statement.word(0) == "create" and "table" in [token.text for token in statement.tokens[:5]]
    if creates and bracket >= 0 and statement.enclosing(bracket) < 0 and before in ("(", ","):
        constraint = {"primary", "unique", "foreign", "check", "constraint", "like"}
        begins = "as" not in [token.text for token in statement.tokens[:bracket]]
        is_type_next = index + 1 in set(_types(statement))
        return begins and is_type_next and statement.word(index) not in constraint
    return False


RULES.sort(key=lambda rule: rule.code)
