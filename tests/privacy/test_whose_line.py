"""Whose a faulty line is: found in any spelling of the id and by its session, and nobody else's with it.

The statements are those that dbt renders; DuckDB runs them on random shops.
"""

from __future__ import annotations

import base64
import inspect
import itertools
import os
import random
from collections.abc import Callable
from dataclasses import asdict, replace

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import MATERIAL, NEXT_KEY, UP_TO_EVENTS, Event, csv_lines, csv_text

from clientele.ids import normal_text
from clientele.intake import spellings, times
from clientele.intake.lake import COLUMNS
from clientele.privacy import keys

PAPERS = False
N_SHOPS = 200 if os.environ.get("CLIENTELE_LONG") else 15
N_LINES = 300
ASKED = {
    "id": "{{ clientele.readable_id('text', 'integer') }}",
    "judged": "{{ clientele.judged_lines('lines') }}",
    "sessions": "{{ clientele.sessions_of_subjects(['events', 'quarantined_lines']) }}",
    "shared": "{{ clientele.leave_shared_sessions(clientele.register('quarantined_lines')) }}",
    "is_theirs": "{{ clientele._is_of_subjects({'user_id': 'user_id', 'session_sk': KIND}) }}".replace(
        "KIND", "'session_of_nobody_else'"
    ),
}


@pytest.fixture(scope="module")
def sql(new_house) -> dict[str, str]:
    """Return the rendered statements, by name."""
    ran = new_house().run("--inline", "\n--part\n".join(ASKED.values()), command=("compile",))
    assert ran.succeeded, ran.said[-2000:]
    return dict(zip(ASKED, ran.compiled["inline_query"].split("--part"), strict=True))


def grouped(number: int, separator: str) -> str:
    return f"{number:,}".replace(",", separator)


def in_digits(number: int, zero: str) -> str:
    return "".join(chr(ord(zero) + int(digit)) if digit.isdigit() else digit for digit in str(number))


def exponent(number: int) -> str:
    """Return the number as a mantissa with a power of ten, exactly."""
    digits = str(abs(number))
    return f"{'-' if number < 0 else ''}{digits[0]}.{digits[1:] or 0}E+{len(digits) - 1:02d}"


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def wide(text: str) -> str:
    """Return the text in characters of full width."""
    return "".join(chr(ord(one) + 0xFEE0) for one in text)


def as_fraction(number: int) -> str:
    """Return the number as a fraction without a whole part, times a power of ten."""
    digits = str(abs(number))
    return f"{'-' if number < 0 else ''}.{digits}e{len(digits)}"


def is_read_as_fraction(number: int) -> bool:
    """Whether its thousands by a point are a number with a fraction of nothing, as admission reads 1.000."""
    return 1000 <= abs(number) < 10**6 and number % 1000 == 0


ARABIC = {ord("0") + digit: 0x660 + digit for digit in range(10)}
SPELLINGS: dict[str, Callable[[int], str]] = {
    "plain": str,
    "plus": lambda number: f"+{number}" if number >= 0 else str(number),
    "zeros": lambda number: f"{number:020d}",
    "point zero": lambda number: f"{number}.0",
    "comma zero": lambda number: f"{number},00",
    "point": lambda number: f"{number}.",
    "thousands by comma": lambda number: grouped(number, ","),
    "thousands by comma, point zero": lambda number: grouped(number, ",") + ".00",
    "thousands by point": lambda number: grouped(number, ".") + (",0" if is_read_as_fraction(number) else ""),
    "thousands by blank": lambda number: grouped(number, " "),
    "thousands by narrow blank": lambda number: grouped(number, "\u202f"),
    "thousands by apostrophe": lambda number: grouped(number, "'"),
    "thousands by right quote": lambda number: grouped(number, "\u2019"),
    "thousands by underscore": lambda number: grouped(number, "_"),
    "exponent": exponent,
    "exponent of a whole": lambda number: f"{number}e0",
    "blanks around": lambda number: f" \t{number}\u00a0 ",
    "blank inside": lambda number: f"{str(number)[:2]} {str(number)[2:]}",
    "zero-width around": lambda number: f"\ufeff{number}\u200b",
    "zero-width inside": lambda number: f"{str(number)[:2]}\u200d{str(number)[2:]}",
    "soft hyphen": lambda number: f"{str(number)[:2]}\u00ad{str(number)[2:]}",
    "full-width": lambda number: in_digits(number, "\uff10"),
    "Arabic-Indic": lambda number: in_digits(number, "\u0660"),
    "Eastern Arabic-Indic": lambda number: in_digits(number, "\u06f0"),
    "hexadecimal": lambda number: f"0x{number:x}" if number >= 0 else str(number),
    "hexadecimal, capitals": lambda number: f"0X{number:08X}" if number >= 0 else str(number),
    "base64": lambda number: in_base64(str(number)),
    # two letters without an end are a word, such as NA
    "base64 without its end": lambda number: in_base64(f"{number:03d}").rstrip("="),
    "full-width exponent": lambda number: wide(exponent(number)),
    "exponent of three digits": lambda number: exponent(number).replace("E+", "e+0"),
    "exponent of a fraction": lambda number: as_fraction(number),
    "thousands by underscore, point zero": lambda number: grouped(number, "_") + ".0",
    "thousands by left quote": lambda number: grouped(number, "\u2018"),
    "thousands by acute accent": lambda number: grouped(number, "\u00b4"),
    "Arabic-Indic thousands": lambda number: grouped(number, "\u066c").translate(ARABIC),
    "Arabic-Indic thousands, point zero": lambda number: (
        grouped(number, "\u066c").translate(ARABIC) + "\u066b\u0660\u0660"
    ),
    "Arabic-Indic point zero": lambda number: f"{number}\u066b0".translate(ARABIC),
    "Devanagari": lambda number: in_digits(number, "\u0966"),
    "mathematical": lambda number: in_digits(number, "\U0001d7d8"),
    "hexadecimal with a plus": lambda number: f"+0x{number:x}" if number >= 0 else str(number),
    "hexadecimal, with zeros": lambda number: f"0x{number:020x}" if number >= 0 else str(number),
    "hexadecimal with a minus": lambda number: hex(number),
    "variation selector": lambda number: f"{str(number)[:2]}\ufe0f{str(number)[2:]}",
    "grapheme joiner": lambda number: f"{str(number)[:2]}\u034f{str(number)[2:]}",
    "fillers around": lambda number: f"\u3164{number}\u2800",
    "Excel's formula": lambda number: f'="{number}"',
    "quotes in quotes": lambda number: f'""{number}""',
    "single quotes in quotes": lambda number: f"\"'{number}'\"",
    "typographic quotes": lambda number: f"\u201c{grouped(number, ',')}\u201d",
    "apostrophe before": lambda number: f"'{number}",
    "escapes of links": lambda number: "".join(f"%{ord(digit):02X}" for digit in str(number)),
    "base64 of point zero": lambda number: in_base64(f"{number}.0"),
    "base64 of a blank before": lambda number: in_base64(f" {number}"),
    "base64 of a line": lambda number: in_base64(f"{number}\n"),
    "base64 of a line of Windows": lambda number: in_base64(f"{number}\r\n"),
    "base64 of sixteen bits": lambda number: base64.b64encode(str(number).encode("utf-16-le")).decode(),
    "base64 of quotes": lambda number: in_base64(f'"{number}"'),
    "base64 of thousands": lambda number: in_base64(grouped(number, ",")),
}
PUT_INSIDE = ("blank inside", "zero-width inside", "soft hyphen", "variation selector", "grapheme joiner")
NO_IDS = [
    None, "", " ", "-", "+", "abc", "bad", "dead", "None", "NaN", "inf", "1.5", "1.5e0", "1e-3", "1,5",
    "12,34,56", "12,345,67", "1.234,567.8", "1..0", "0x", "0xg1", "5 or 1=1", "user 7", "7-8", "2019-10-01",
    "9223372036854775808", "-9223372036854775809", "1e19", "1e99", "aGVsbG8=", "a@b.example",
    "'; drop table", "\\x41", "%", "\u066a", "\uff11.\uff15", "2019 10 01", "2019_10_01", "1.10.2019",
    "1 10 2019", "19.90", "1,299.90", "0.250", "-0,250", "00.123",
    "AAA1", "NBA2", "FDID", "YCAEOH", "MAI4", "LTMSFA", "MQAy",
    "1e999", "1e99999", "NA", "NDA", "NTQ", "10:00", "5%", "$5", "=", "'",
    ".", "\u0665\u0664\u0661\u066b\u0663\u0661\u0662", "\u00bd", "1\u20442", "0x1.5", "\u4e00\u4e8c\u4e09",
    "\u2116 7", "\u0438\u04347", '=""', "e5", "1_", "1__0", "1.,0", "1,000,0", "MjAxOS0xMC0wMQ==", "MS41",
    "7" * 5000, "00500,00,03", "0500,0003", "5000,000,003", "123,45,678", "12.34.567", "12'34'567", "1,2,345",
    "01.10.2019", "2019,10,01", "2019.10.01", "19,10,01", "0x1_", "0x_", "0x1__2", "0x1,000", "5,000.03e1",
    "5.000,03e-2", "1,000,5e1", "1.000.5e1", "5,000.03.0e2", "01,299.90", "1,00,299.90",
]  # fmt: skip


def register_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """What the plug point gives to a connection of dbt's, for the SQL of lines."""
    text = "VARCHAR"
    connection.create_function("clientele_normal_text", normal_text, [text], text)
    for name, function, kind in (
        ("clientele_utc_time", times.utc_time, "TIMESTAMP"),
        ("clientele_fraction_ns", times.fraction_ns, "INTEGER"),
        ("clientele_readable_number", spellings.readable_number, "BIGINT"),
    ):
        arguments = [text] * len(inspect.signature(function).parameters)
        connection.create_function(name, function, arguments, kind, null_handling="special")
    connection.execute("set variable clientele_event_types = map(['view'], ['view'])")
    connection.execute("set variable clientele_time_names = ['event_time']")


def read(sql: dict[str, str], *texts: str | None) -> list[int | None]:
    with duckdb.connect() as connection:
        register_functions(connection)
        query = f"select {sql['id']} from (select unnest($1::varchar[]) as text)"
        return [value for (value,) in connection.execute(query, [list(texts)]).fetchall()]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_id_is_read_in_any_spelling(sql, spelling):
    chance = random.Random(spelling)
    numbers = [1, 12, 123, 1234, 1000, 100_000, 541_312_140, 1_000_000_000]
    numbers += [chance.randint(1, 10 ** chance.randint(1, 9)) for _ in range(200)]
    assert read(sql, *map(SPELLINGS[spelling], numbers)) == numbers
    if spelling not in PUT_INSIDE:
        extremes = [-(2**63), 2**63 - 1, 0, -1, -1234]
        assert read(sql, *map(SPELLINGS[spelling], extremes)) == extremes


def indian(number: int) -> str:
    """Return the number with its last three digits in one group, and the others by two."""
    head, tail = str(number)[:-3], str(number)[-3:]
    pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)][::-1]
    return ",".join([*pairs, tail])


# What a spelling is put together from: its groups and the marks that may begin a fraction after them; how
# many digits an exponent moves behind that mark; digits of a script; what shows nothing, before and after.
GROUPS: dict[str, tuple[Callable[[int], str], str]] = {
    "none": (str, ".,"),
    "comma": (lambda number: grouped(number, ","), "."),
    "point": (lambda number: grouped(number, "."), ","),
    "apostrophe": (lambda number: grouped(number, "'"), ".,"),
    "right quote": (lambda number: grouped(number, "\u2019"), ".,"),
    "underscore": (lambda number: grouped(number, "_"), ".,"),
    "Indian": (indian, "."),
}
ENDS = ("", "{mark}", "{mark}0", "{mark}00", "e0", "e2", "E+05", "e00")
ZEROS = ("", "0", "000", "00 ", "0\u202f")
SCRIPTS = ("0", "\uff10", "\u0660", "\u0966", "\U0001d7d8")
AROUND = (("", ""), (" ", "\u00a0"), ("\ufeff", "\u200b"), ('="', '"'), ("'", ""), ("\u201c", "\u201d"))


def put_together(number: int, groups: str, zeros: str, end: str, mark: str) -> str | None:
    """Return a number without a sign in this spelling; None where the spelling means another one, too."""
    spell, _ = GROUPS[groups]
    if not end.lower().startswith("e"):
        if groups == "point" and not end and is_read_as_fraction(number):
            return None
        return zeros + spell(number) + end.format(mark=mark)
    power = int(end[1:])
    whole, fraction = divmod(number, 10**power)
    return f"{zeros}{spell(whole)}{mark}{fraction:0{max(power, 1)}d}{end}"


def test_an_id_is_read_in_any_combination_of_spellings(sql):
    chance = random.Random(55)
    expected: dict[str, int] = {}
    for sign, zeros, groups, end, zero, (before, after) in itertools.product(
        ("", "+", "-", "\u2212"), ZEROS, GROUPS, ENDS, SCRIPTS, AROUND
    ):
        number = chance.choice([500_000_003, 500_000_102, chance.randint(0, 10 ** chance.randint(1, 12))])
        text = put_together(number, groups, zeros, end, chance.choice(GROUPS[groups][1]))
        if text is None:
            continue
        digits = {ord("0") + digit: ord(zero) + digit for digit in range(10)}
        text = before + sign + text.translate(digits) + after
        if chance.random() < 0.1:
            text = in_base64(text)
        expected[text] = -number if sign in ("-", "\u2212") else number
    for sign, zeros, zero, spell in itertools.product(
        ("", "+", "-"), ("", "0", "0000_"), SCRIPTS, ("{:x}", "{:X}", "{:_x}", "{:_X}")
    ):
        number = chance.choice([500_000_003, chance.randint(0, 2**62)])
        digits = {ord("0") + digit: ord(zero) + digit for digit in range(10)}
        text = f"{sign}0x{zeros}{spell.format(number)}".translate(digits)
        expected[text] = -number if sign == "-" else number
    found = dict(zip(expected, read(sql, *expected), strict=True))
    assert {text: (number, found[text]) for text, number in expected.items() if found[text] != number} == {}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0500,000,003", 500000003),
        ("+0500.000.003", 500000003),
        ("0500'000'102", 500000102),
        ("00 500,000,003", 500000003),
        ("0x1DCD_6503", 500000003),
        ("5.000.000,03e2", 500000003),
        ("5,000,000.03e2", 500000003),
        ("50,00,00,003", 500000003),
        ("12,34,567.0", 1234567),
        # a mantissa with one point is what computers write
        ("1.234e3", 1234),
        ("1,234e3", 1234),
        ("1.234.567e1", 12345670),
        ("1'234e1", 12340),
    ],
)
def test_a_combination_has_one_meaning(sql, text, number):
    assert read(sql, text) == [number]


def test_what_names_nobody_is_no_id(sql):
    assert [text for text, number in zip(NO_IDS, read(sql, *NO_IDS), strict=True) if number is not None] == []


@given(
    st.text(alphabet=st.one_of(st.characters(), st.sampled_from("0019.,'\"_=+-eExX%A2\u0661\u066b\u2800")))
)
@example("%\ud800")  # half a pair of UTF-16, which no text of a database has and UTF-8 cannot write
@settings(max_examples=1000)
def test_no_text_stops_a_build(text):
    """The engine would quote it; what is read is a number of the warehouse's type."""
    number = spellings.readable_number(text)
    assert number is None or -(2**63) <= number < 2**63


def number_of(user_id: int) -> int:
    return keys.user_sk(keys.user_key(str(user_id), MATERIAL))


class Shop:
    """Customers with sessions, and faulty lines of which it is known whose they are."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.customers = [chance.randint(1, 10 ** chance.randint(1, 9)) for _ in range(40)]
        self.customers = sorted({*self.customers, -(2**63), 2**63 - 1})
        self.sessions = {f"{chance.randrange(2**60):x}": {user} for user in self.customers for _ in range(3)}
        for _ in range(6):
            self.sessions[f"{chance.randrange(2**60):x}"] = set(chance.sample(self.customers, 2))
        self.lines = [self.line() for _ in range(N_LINES)]

    def line(self) -> tuple[dict[str, str | None], str | None, set[int]]:
        """Return a line's texts, what is wrong with its form, and its owner if it has one."""
        chance = self.chance
        user, other = chance.sample(self.customers, 2)
        # Any other field may hold a number that is somebody's id.
        texts: dict[str, str | None] = dict.fromkeys(COLUMNS, str(other))
        texts |= {"event_type": "view", "event_time": "soon", "user_session": None, "price": f"-{other}"}
        own = chance.choice([session for session, users in self.sessions.items() if users == {user}])
        shared = chance.choice([session for session, users in self.sessions.items() if len(users) == 2])
        kind = chance.choices(range(6), [45, 15, 8, 8, 8, 16])[0]
        if kind == 0:
            spelled = SPELLINGS[chance.choice(list(SPELLINGS))](user)
            return (
                texts | {"user_id": spelled, "user_session": chance.choice([None, own, shared])},
                None,
                {user},
            )
        if kind == 1:
            return (
                texts | {"user_id": chance.choice([None, "", "?", "n/a"]), "user_session": own},
                None,
                {user},
            )
        if kind == 2:
            return texts | {"user_id": None, "user_session": shared}, None, set()
        if kind == 3:
            return texts | {"user_id": None, "user_session": chance.choice([None, "unknown"])}, None, set()
        if kind == 4:
            return texts | {"user_id": str(user), "user_session": own}, "wrong_number_of_fields", set()
        if chance.random() < 0.3:  # what stands for nobody is nobody, in a session of a customer, too
            return texts | {"user_id": chance.choice(["0", "-1.0", "0x0"]), "user_session": own}, None, {user}
        return texts | {"user_id": chance.choice(NO_IDS)}, None, set()


Line = tuple[dict[str, str | None], str | None, set[int]]


def attributed(
    sql: dict[str, str], lines: list[Line], sessions: dict[str, set[int]], subjects: list[int]
) -> list[set[int]]:
    """Return the numbers of the lines that are found for each of these customers.

    Parameters
    ----------
    sql : dict
        The rendered statements.
    lines : list of Line
        Faulty lines: texts by column, what is wrong with the form, the owners.
    sessions : dict
        Which customers each session of events has.
    subjects : list of int
        Customers who are asked for one by one.
    """
    names = [f"{name}_text" if f"{name}_text" in sql["judged"] else name for name in COLUMNS]
    with duckdb.connect() as connection:
        register_functions(connection)
        connection.execute("attach ':memory:' as vault; create schema vault.vault; create schema core")
        connection.execute(
            "set variable clientele_keys = $keys", {"keys": asdict(MATERIAL) | {"session_mask": 0}}
        )
        connection.execute(
            "create table lines as select 1 as file_id, 1 as load_id, 'event' as line_kind, "
            "timestamp '2020-01-01' as judged_at, false as has_nul, false as is_plain, "
            "true as may_be_long, "
            "cast(null as varchar) as quantity_text, "
            "row[1] as line_text, row[2] as line_fault, "
            + ", ".join(f"row[{place}] as {name}" for place, name in enumerate(names, 3))
            + " from (select unnest($1::varchar[][]) as row)",
            [
                [
                    [str(number), fault, *(texts[name] for name in COLUMNS)]
                    for number, (texts, fault, _) in enumerate(lines)
                ]
            ],
        )
        connection.execute(
            f"create table vault.vault.quarantined_lines as from ({sql['judged']}) where line_kind = 'faulty'"
        )
        assert len(connection.execute("from vault.vault.quarantined_lines").fetchall()) == len(lines)
        connection.execute("create table events (user_sk bigint, session_sk bigint)")
        for session, users in sessions.items():
            for user in users:
                connection.execute(
                    "insert into events values (?, ?)", [number_of(user), keys.session_sk(session, MATERIAL)]
                )
        held = sql["sessions"].replace('"warehouse"."core"."events"', "events")
        all_found = []
        for subject in subjects:
            connection.execute(
                "create or replace table clientele_subjects as "
                f"select {subject} as user_id, {number_of(subject)} as user_sk"
            )
            connection.execute(f"create or replace table clientele_subject_sessions as {held}")
            found = connection.execute(
                f"select line_text from vault.vault.quarantined_lines where {sql['is_theirs']}"
            ).fetchall()
            all_found.append({int(number) for (number,) in found})
    return all_found


def test_a_line_is_found_for_its_customer_and_for_nobody_else(sql):
    """Precision and recall are 1 on each shop: copies and erasures ask this one condition."""
    n_theirs = 0
    for seed in range(N_SHOPS):
        shop = Shop(random.Random(seed))
        subjects = shop.chance.sample(shop.customers, 5)
        for subject, found in zip(
            subjects, attributed(sql, shop.lines, shop.sessions, subjects), strict=True
        ):
            theirs = {number for number, (_, _, owner) in enumerate(shop.lines) if subject in owner}
            assert found == theirs, [shop.lines[number] for number in found ^ theirs][:3]
            n_theirs += len(theirs)
    assert n_theirs > 10 * N_SHOPS


def faulty(user_id: str | None, session: str | None) -> Line:
    """Return a line that names nobody but by these two fields."""
    texts: dict[str, str | None] = dict.fromkeys(COLUMNS, None)
    return (
        texts | {"event_type": "view", "event_time": "soon", "user_id": user_id, "user_session": session},
        None,
        set(),
    )


# What decides when little is known: faulty lines, sessions of events, and which lines are customer 1's.
DECIDING = {
    "no session at all is nobody's session": ([faulty("1", None), faulty("", None)], {}, {0}),
    "a session that only faulty lines have": (
        [faulty("1.0", "s"), faulty("", "s"), faulty("", "t")], {}, {0, 1}
    ),
    "a faulty line names somebody else in the session": (
        [faulty("2", "s"), faulty("", "s"), faulty("", "t")], {"s": {1}, "t": {1}}, {2}
    ),
    "two faulty lines name two customers in a session": (
        [faulty("1", "s"), faulty("2", "s"), faulty("", "s")], {}, {0}
    ),
    "an id that stands for nobody": (
        [faulty("0", "s"), faulty("-1.0", "s"), faulty("", "s"), faulty("0", None)], {"s": {1}}, {0, 1, 2}
    ),
    "a line that names nobody who can be read": ([faulty("?", "s"), faulty("1", "s")], {}, {0, 1}),
    "a user field that is spoilt goes by its session": (
        [
            *(faulty("XII", "s"), faulty("12-", "s"), faulty("user:12", "s")),
            *(faulty("XII", "t"), faulty("12-", None)),
        ],
        {"s": {1}, "t": {1, 2}}, {0, 1, 2}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DECIDING)
def test_whose_a_session_is(sql, case):
    lines, sessions, theirs = DECIDING[case]
    assert attributed(sql, lines, sessions, [1]) == [theirs]


def test_a_line_of_somebody_else_stays_theirs_in_a_session_of_the_customer(sql):
    """The condition is also asked of lines that no build has put in their place yet: nobody owns by them."""
    with duckdb.connect() as connection:
        connection.execute("create table clientele_subjects as select 1 as user_id")
        connection.execute(
            "create table clientele_subject_sessions as "
            "from (values (7, 1), (8, 0)) as held (session_sk, is_alone)"
        )
        found = connection.execute(
            "select line from (values (1, 1, 8), (2, 2, 7), (3, null, 7), (4, null, 8), (5, null, null)) "
            f"as lines (line, user_id, session_sk) where {sql['is_theirs']} order by line"
        ).fetchall()
    assert found == [(1,), (3,)]


def test_who_is_erased_leaves_no_line_of_theirs_to_whom_they_shared_a_session_with(sql):
    """Else a copy for the other one would hold it, as soon as nothing tells that the session was shared."""
    with duckdb.connect() as connection:
        connection.execute(
            "attach ':memory:' as vault; create schema vault.vault; "
            "create table clientele_subjects as select 1 as user_id, 1 as user_sk; "
            "create table events as from (values (1, 7), (2, 7), (1, 8), (2, 9)) as t (user_sk, session_sk); "
            "create table vault.vault.quarantined_lines as from (values ('shared', null, 7), "
            "('own', null, 8), ('other', null, 9), ('named', 2, 7)) as t (line, user_id, session_sk)"
        )
        held = sql["sessions"].replace('"warehouse"."core"."events"', "events")
        connection.execute(f"create table clientele_subject_sessions as {held}")
        connection.execute(sql["shared"])
        found = connection.execute("select line, session_sk from vault.vault.quarantined_lines").fetchall()
    assert dict(found) == {"shared": 0, "own": 8, "other": 9, "named": 7}


def test_lines_without_a_user_are_of_who_had_the_session_before_an_erasure(house):
    """Whose a session was may stand in another file than the one that comes again, or nowhere any more."""
    house.variables["quarantine_refuse_share"] = 1

    def lines(*sessions: str) -> list[str]:
        return [Event(user_id="", user_session=session, price="-1").line() for session in sessions]

    own = [Event(user_id="1", user_session="of-1"), Event(user_id="2", user_session="of-2")]
    house.deliver("own.csv", own)
    mixed = [Event(user_id="1", user_session="of-2", price="-1").line(), *lines("of-1", "of-2")]
    good = [Event(user_id="2", event_time=f"2019-10-0{day} 12:00:00 UTC").line() for day in (2, 3, 4, 5)]
    house.deliver("mixed.csv", csv_lines(*mixed, good[0]))
    house.build(*UP_TO_EVENTS)
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="1").succeeded
    assert house.operation("rotate_key", CLIENTELE_PSEUDONYM_KEY_NEW=NEXT_KEY).succeeded
    again = {"CLIENTELE_PSEUDONYM_KEY": NEXT_KEY}
    for n_good, delivered in ((2, mixed), (3, lines("of-1", "of-2")), (4, lines("of-2", "of-1", "of-1"))):
        house.deliver("mixed.csv", csv_lines(*delivered, *good[:n_good]))
        house.build(*UP_TO_EVENTS, **again)
        kept = [text for (text,) in house.rows("select line_text from vault.vault.quarantined_lines")]
        assert kept == lines("of-2"), n_good
        assert {account.unaccounted for account in house.accounts().values()} == {0}


def test_a_session_of_somebody_erased_is_nobodys_whoever_has_it_beside_them_or_later(house):
    """Until the same line is read again, from the whole lake or another file, is not for good.

    And what is erased stays so when its file is read beside one in which somebody else has the session.
    """
    house.variables["quarantine_refuse_share"] = 1

    def unnamed(session: str, price: str) -> str:
        return Event(user_id="", user_session=session, price=price).line()

    def kept() -> list[tuple[str, bool]]:
        lines = "vault.vault.quarantined_lines order by file_name, line_number"
        return house.rows(f"select line_text, session_sk = 0 from {lines}")

    owners = (("1", "shared"), ("2", "shared"), ("2", "till"), ("1", "own"))
    mixed = [Event(user_id=user, user_session=session).line() for user, session in owners]
    shared, till, living = unnamed("shared", "-1"), unnamed("till", "-2"), unnamed("till", "-3")
    house.deliver("a.csv", csv_lines(*mixed, shared, till))
    house.build(*UP_TO_EVENTS)
    assert kept() == [(shared, False), (till, False)]
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="2").succeeded
    assert kept() == [(shared, True)]

    house.build(*UP_TO_EVENTS, "--full-refresh")
    assert kept() == [(shared, True)]
    house.deliver("b.csv", csv_lines(Event(user_id="3").line(), shared))
    later = Event(user_id="4", user_session="till").line()
    house.deliver("c.csv", csv_lines(later, living))
    house.build(*UP_TO_EVENTS)
    assert sorted(kept()) == sorted([(shared, True), (shared, True), (living, False)])
    house.build(*UP_TO_EVENTS, "--full-refresh")
    assert sorted(kept()) == sorted([(shared, True), (shared, True), (living, False)])
    assert {account.unaccounted for account in house.accounts().values()} == {0}


def test_a_session_that_an_erased_customer_had_can_be_somebodys_own_again(house):
    """That of who came later, or of who was erased and is readmitted: their lines go with them."""
    house.variables["quarantine_refuse_share"] = 1

    def own(user: str, session: str, price: str = "1") -> list[str]:
        event = Event(user_id=user, user_session=session, price=price)
        return [event.line(), replace(event, user_id="", price=f"-{price}").line()]

    def kept() -> list[tuple[str, bool]]:
        return house.rows("select file_name, session_sk = 0 from vault.vault.quarantined_lines order by 1")

    house.deliver("a.csv", csv_lines(*own("1", "s"), *own("2", "till"), *own("3", "t")))
    house.build(*UP_TO_EVENTS)
    for user in ("2", "3"):
        assert house.operation("erase_subjects", CLIENTELE_SUBJECT=user).succeeded
    assert house.operation("readmit_subjects", CLIENTELE_SUBJECT="3").succeeded
    house.deliver("b.csv", csv_lines(*own("3", "t", "2"), *own("4", "till", "2")))
    house.build(*UP_TO_EVENTS)
    assert kept() == [("a.csv", False), ("b.csv", False), ("b.csv", False)]
    for user in ("3", "4"):
        assert house.operation("erase_subjects", CLIENTELE_SUBJECT=user).succeeded
    assert kept() == [("a.csv", False)]


def test_a_line_that_an_erasure_has_deleted_stays_away_whatever_its_file_says_then(house):
    """A file that has become another one, with somebody living in the session, brings none back."""
    house.variables["quarantine_refuse_share"] = 1
    gone = Event(user_id="", user_session="till", price="-1").line()
    fresh = Event(user_id="", user_session="till", price="-2").line()
    living = Event(user_id="1").line()
    house.deliver("a.csv", csv_lines(Event(user_id="2", user_session="till").line(), living))
    house.deliver("b.csv", csv_lines(living, gone))
    house.build(*UP_TO_EVENTS)
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="2").succeeded
    till = Event(user_id="4", user_session="till").line()
    house.deliver("b.csv", csv_lines(living, gone, till, fresh))
    for how in ((), ("--full-refresh",)):
        house.build(*UP_TO_EVENTS, *how)
        assert house.rows("select line_text from vault.vault.quarantined_lines") == [(fresh,)]
        assert {account.unaccounted for account in house.accounts().values()} == {0}
        assert house.accounts()["b.csv"].erased == 1


def test_a_line_is_known_by_all_of_it_however_long_it_is(house):
    """Two lines of two customers that differ at their end alone, after a long description."""
    house.variables["quarantine_refuse_share"] = 1
    columns = ("brand", *(name for name in COLUMNS if name != "brand"))
    unnamed = {
        user: Event(user_id="", user_session=f"of-{user}", brand="x" * 60_000).line(columns) for user in "24"
    }
    events = [Event(user_id=user, user_session=f"of-{user}").line(columns) for user in "24"]
    house.deliver("a.csv", f"{','.join(columns)}\n{chr(10).join([*events, *unnamed.values()])}\n".encode())
    house.build(*UP_TO_EVENTS)
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="2").succeeded
    for how in ((), ("--full-refresh",)):
        house.build(*UP_TO_EVENTS, *how)
        assert house.rows("select line_text from vault.vault.quarantined_lines") == [(unnamed["4"],)]


def test_a_line_of_somebody_erased_that_was_never_seen_goes_by_its_file(house):
    """An old file that comes after the erasure: lines of the erased, though another has the session."""
    house.variables["quarantine_refuse_share"] = 1
    events = {user: Event(user_id=user, user_session="till").line() for user in ("2", "4")}
    theirs, fresh = (Event(user_id="", user_session="till", price=price).line() for price in ("-1", "-2"))
    house.deliver("a.csv", csv_lines(events["2"], Event(user_id="1").line()))
    house.build(*UP_TO_EVENTS)
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="2").succeeded
    unknown = [
        Event(user_id=user, user_session="new", price=price).line()
        for user, price in (("2", "3"), ("", "-3"))
    ]
    mixed = [Event(user_id=user, user_session="mixed", price="4").line() for user in ("2", "4", "x")]
    house.deliver("old.csv", csv_lines(events["2"], theirs, *unknown, *mixed))
    house.deliver("new.csv", csv_lines(events["4"], fresh))
    house.build(*UP_TO_EVENTS)
    assert house.rows("select line_text, session_sk = 0 from vault.vault.quarantined_lines order by 1") == [
        (fresh, False),
        (mixed[2], True),
    ]
    assert {account.unaccounted for account in house.accounts().values()} == {0}


def test_lines_of_nobody_are_let_go_and_counted(house):
    """90 days after their file came, reckoned to the newest delivery; lines that name somebody stay."""
    good = Event(event_time="2019-01-01 12:00:00 UTC")
    nobodys = ["view,cut off", Event(user_id="").line(), Event(user_id="?", user_session="").line()]
    named = Event(user_id="7", price="-1").line()
    house.variables["quarantine_refuse_share"] = 1
    for name, day in (("old.csv", good), ("young.csv", Event())):
        house.deliver(name, csv_text([day]) + "\n".join([*nobodys, named, ""]).encode())
    house.build(*UP_TO_EVENTS)
    with house.connection(read_only=False) as connection:
        for name, age in (("old.csv", 91), ("young.csv", 89)):
            connection.execute(
                f"update vault.vault.event_files set delivered_at = delivered_at - interval {age} day "
                "where file_name = ?",
                [name],
            )
    kept = [("old.csv", 6, "negative_price"), *[("young.csv", line) for line in (3, 4, 5, 6)]]
    assert len(house.quarantine()) == 8  # the newest delivery is 89 days old, and the other two days older
    house.deliver("new.csv", [Event(event_time="2019-11-01 12:00:00 UTC")])
    for flags in ([], [], ["--full-refresh"]):
        house.build(*UP_TO_EVENTS, *flags)
        assert [row[:2] for row in house.quarantine()] == [row[:2] for row in kept]
        accounts = house.accounts()
        assert (accounts["old.csv"].expired, accounts["young.csv"].expired) == (3, 0)
        assert {account.unaccounted for account in accounts.values()} == {0}
