"""Just enough understanding of SQL for rules: tokens, brackets, query blocks, tables and calls.

A parser would know more, but those that exist either refuse much of what Redshift takes or quietly translate
what it refuses (string_agg becomes listagg). Tokens are what the server will be sent, whatever the grammar.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|--[^\n]*)
    | (?P<dollar>\$(?P<tag>[a-z_]?\w*)\$.*?\$(?P=tag)\$)
    | (?P<string>(?:\b[ebnx])?'(?:[^'\\]|''|\\.)*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<number>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)
    | (?P<word>[^\W\d][\w$]*|\#\w+|[@%]\(\w+\)s|\$\d+)
    | (?P<operator>->>|->|\#>>|\#>|!~~\*|!~~|~~\*|~~|!~\*|!~|~\*|<->|<=>|@>|<@|@@|&&|\?\||\?&|\|\|/|\|\||\|/
        |\*\*|//|::|:=|=>|==|<>|!=|<=|>=|\^@|<<|>>|.)
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)

# Words before an opening bracket that do not make it a call: types, keywords.
NOT_CALLS = _words("""
    all and any as asc between by case check column conflict copy cube default delete desc diststyle
    distkey distinct do else end escape except exclude exists fetch filter for foreign from full
    group having identity if ilike in include inner insert intersect interval into is join key lateral like
    limit materialized matched minus not nothing null nulls offset on or order over partition pivot
    primary qualify range recursive references returning rollup row rows select set sets similar
    some sortkey table temp temporary then to top union unique unload unpivot update using values
    view when where window with within
    bigint binary bit blob boolean bool bpchar bytea char character date datetime decimal double dec
    enum float float4 float8 hllsketch int int2 int4 int8 integer json list map nchar number numeric
    nvarchar real smallint string struct super text time timestamp timestamptz timetz uuid varbinary
    varbit varbyte varchar varying
""")
_AFTER_NAME = frozenset(
    {"into", "table", "view", "references", "function", "procedure", "update", "copy", "analyze"}
)
_FROM_OF_A_CALL = frozenset({"extract", "trim", "substring", "overlay", "position"})
_END_OF_FROM = _words("""
    where group having order limit union except intersect minus qualify window when set values returning
""")
_JOINING = _words("join inner left right full outer cross natural on using as tablesample")


@dataclass(frozen=True)
class Token:
    """A piece of SQL.

    Attributes
    ----------
    kind : str
        string, quoted, number, word or operator.
    text : str
        In lower case for words, numbers and operators.
    line : int
        Counted from 1.
    start, end : int
        Where it stands in the text that was read.
    """

    kind: str
    text: str
    line: int
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """Whether this may be (part of) the name of something."""
        return self.kind in ("word", "quoted")


@dataclass(frozen=True)
class Table:
    """A table that a statement reads: where it stands, its name in parts, what the query calls it."""

    index: int
    parts: tuple[str, ...]
    alias: str
    block: int


def tokens(sql: str) -> list[Token]:
    """Split SQL into tokens without blanks and comments.

    Parameters
    ----------
    sql : str
        Any SQL, several statements too.

    Returns
    -------
    list of Token
        In order. A character that belongs to nothing is an operator of its own; nothing is an error here.
    """
    found: list[Token] = []
    position, line = 0, 1
    while position < len(sql):
        if sql.startswith("/*", position):
            end, depth = position + 2, 1
            while depth and end < len(sql):
                if sql.startswith(("/*", "*/"), end):
                    depth += 1 if sql[end] == "/" else -1
                    end += 1
                end += 1
            line += sql.count("\n", position, end)
            position = end
            continue
        match = _TOKEN.match(sql, position)
        kind, text = match.lastgroup, match.group()
        if kind != "blank":
            kept = text if kind in ("string", "quoted", "dollar") else text.lower()
            kind = "string" if kind == "dollar" else kind
            found.append(Token(kind, kept, line, position, match.end()))
        line += text.count("\n")
        position = match.end()
    return found


def statements(sql: str) -> Iterator["Statement"]:
    """Yield the statements of a text, split at semicolons; empty ones are left out."""
    some: list[Token] = []
    for token in tokens(sql):
        if token.text == ";" and token.kind == "operator":
            if some:
                yield Statement(some)
            some = []
        else:
            some.append(token)
    if some:
        yield Statement(some)


class Statement:
    """One statement: tokens, and what can be told from them about its structure."""

    def __init__(self, found: list[Token]) -> None:
        self.tokens = found

    def word(self, index: int) -> str:
        """Return the text of a token; nothing beyond the ends."""
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def starts_with(self, *words: str) -> bool:
        """Whether the statement's first words are these."""
        return tuple(token.text for token in self.tokens[: len(words)]) == words

    # --- as text, for rules that are a pattern

    @cached_property
    def text(self) -> str:
        """The tokens between single blanks: strings as ``'s'``, quoted names without their blanks."""
        return " " + "".join(f"{_plain(token)} " for token in self.tokens)

    @cached_property
    def _starts(self) -> list[int]:
        starts, position = [], 1
        for token in self.tokens:
            starts.append(position)
            position += len(_plain(token)) + 1
        return starts

    def at(self, offset: int) -> int:
        """Return the index of the token at an offset in ``text``."""
        return max(bisect_right(self._starts, offset) - 1, 0)

    # --- brackets and query blocks

    @cached_property
    def _brackets(self) -> tuple[dict[int, int], list[int]]:
        close_of, opened, enclosing = {}, [], []
        for index, token in enumerate(self.tokens):
            if token.text == ")" and opened:
                close_of[opened.pop()] = index
            enclosing.append(opened[-1] if opened else -1)
            if token.text == "(":
                opened.append(index)
        for index in opened:
            close_of[index] = len(self.tokens)
        return close_of, enclosing

    def close(self, index: int) -> int:
        """Return the index of the bracket that closes the one at ``index``."""
        return self._brackets[0][index]

    @cached_property
    def open_of(self) -> dict[int, int]:
        """The opening bracket of each closing one."""
        return {close: index for index, close in self._brackets[0].items()}

    def enclosing(self, index: int) -> int:
        """Return the index of the innermost bracket that a token stands in; -1 for none."""
        return self._brackets[1][index]

    def directly_in(self, bracket: int) -> Iterator[int]:
        """Yield the tokens of a bracket pair that are in no deeper one."""
        index = bracket + 1
        while index < self.close(bracket):
            yield index
            index = self.close(index) + 1 if self.word(index) == "(" else index + 1

    @cached_property
    def blocks(self) -> list[int]:
        """The query block of each token: the index of its SELECT, or -1."""
        found: list[int] = []
        levels = [-1]
        for index, token in enumerate(self.tokens):
            if token.text == ")" and len(levels) > 1:
                levels.pop()
            if token.text == "select" and token.kind == "word":
                levels[-1] = index
            found.append(levels[-1])
            if token.text == "(":
                levels.append(levels[-1])
        return found

    def block_around(self, select: int) -> int:
        """Return the block that a subquery stands in; -1 at the top."""
        bracket = self.enclosing(select)
        return self.blocks[bracket] if bracket >= 0 else -1

    # --- names

    @cached_property
    def ctes(self) -> frozenset[str]:
        """Names that WITH clauses define."""
        if not any(token.text == "with" for token in self.tokens):
            return frozenset()
        found = set()
        for index, token in enumerate(self.tokens):
            if not token.is_name or self.word(index - 1) not in ("with", "recursive", ","):
                continue
            after = index + 1
            if self.word(after) == "(":
                after = self.close(after) + 1
            if self.word(after) == "as" and (
                self.word(after + 1) == "(" or self.word(after + 1) in ("materialized", "not")
            ):
                found.add(name_of(token))
        return frozenset(found)

    @cached_property
    def tables(self) -> list[Table]:
        """Tables that the statement reads or deletes from, CTEs among them."""
        found = []
        for index, token in enumerate(self.tokens):
            if token.kind != "word" or token.text not in ("from", "join", "using"):
                continue
            bracket = self.enclosing(index)
            if token.text == "from" and (
                self.word(index - 1) == "distinct"
                or (bracket > 0 and self.word(bracket - 1) in _FROM_OF_A_CALL)
            ):
                continue
            if token.text == "using" and self.word(index + 1) == "(":
                continue
            found += self._table_list(index + 1)
        return found

    def _table_list(self, index: int) -> Iterator[Table]:
        """Yield the tables from ``index`` on, separated by commas, as far as one FROM or JOIN names them."""
        while index < len(self.tokens):
            while self.word(index) in ("only", "lateral"):
                index += 1
            start, parts = index, []
            if self.word(index) == "(":
                index = self.close(index) + 1
            elif self.tokens[index].is_name:
                parts.append(name_of(self.tokens[index]))
                index += 1
                while self.word(index) == "." and index + 1 < len(self.tokens):
                    parts.append(name_of(self.tokens[index + 1]))
                    index += 2
                if self.word(index) == "(":  # a function
                    parts, index = [], self.close(index) + 1
            else:
                return
            if self.word(index) == "as":
                index += 1
            alias = parts[-1] if parts else ""
            token = self.tokens[index] if index < len(self.tokens) else None
            if token and token.is_name and token.text not in _END_OF_FROM | _JOINING:
                alias = name_of(token)
                index += 1
                if self.word(index) == "(":
                    index = self.close(index) + 1
            if parts or alias:
                yield Table(start, tuple(parts), alias, self.blocks[start])
            if self.word(index) != ",":
                return
            index += 1

    @cached_property
    def reads_user_tables(self) -> bool:
        """Whether compute nodes take part: the statement reads more than the catalog."""
        return any(
            table.parts
            and not (len(table.parts) == 1 and table.parts[0] in self.ctes)
            and not table.parts[-1].startswith("pg_")
            and not {"pg_catalog", "information_schema"} & set(table.parts)
            for table in self.tables
        )

    @cached_property
    def calls(self) -> list[int]:
        """The indices of the names of called functions."""
        found = []
        for index, token in enumerate(self.tokens):
            if token.kind != "word" or self.word(index + 1) != "(" or token.text in NOT_CALLS:
                continue
            before = self.word(index - 1)
            if before in _AFTER_NAME or before in (".", "as", ")") or token.text.startswith(("#", "%", "@")):
                continue
            if before == "exists" and self.word(index - 2) in ("if", "not"):
                continue
            closing = self.close(index + 1)
            if (
                self.word(closing + 1) == "as"
                and self.word(closing + 2) in ("(", "materialized")
                and before
                in (
                    "with",
                    "recursive",
                    ",",
                )
            ):
                continue
            if before == "on" and self.starts_with("grant"):
                continue
            found.append(index)
        return found

    @cached_property
    def windows(self) -> list[tuple[int, int]]:
        """Window functions: the index of the function's name (-1 when it is none) and of OVER's bracket."""
        found = []
        for index, token in enumerate(self.tokens):
            if token.text != "over" or token.kind != "word" or self.word(index + 1) != "(":
                continue
            before = index - 1
            if self.word(before) == "nulls" and self.word(before - 1) in ("ignore", "respect"):
                before -= 2
            name = -1
            while self.word(before) == ")":
                name = self.open_of.get(before, 0) - 1
                # f(...) within group (...) over, f(...) filter (...) over: the call stands further left
                if self.word(name) == "group" and self.word(name - 1) == "within":
                    before = name - 2
                elif self.word(name) == "filter":
                    before = name - 1
                else:
                    break
            found.append((name, index + 1))
        return found


def name_of(token: Token) -> str:
    """Return a name without its quotes; Redshift folds names to lower case, quoted ones too."""
    return (token.text[1:-1].replace('""', '"') if token.kind == "quoted" else token.text).lower()


def _plain(token: Token) -> str:
    if token.kind == "string":
        return "'s'"
    return re.sub(r"\s", "_", token.text) if token.kind == "quoted" else token.text
