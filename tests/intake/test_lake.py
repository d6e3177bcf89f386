"""The look at event files: each fault is put into a real file, and the facts must name it exactly."""

import bz2
import gzip
import hashlib
import json
import lzma
import os
import random
import re
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clientele.intake import lake
from clientele.intake.lake import COLUMNS, FileFacts, LakeError, inventory, known_from_json

HEADER = ",".join(COLUMNS).encode()
EVENT = b"2019-10-01 00:00:00 UTC,view,1,2,,,3.5,4,5a"


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def look(path: Path) -> FileFacts:
    (facts,) = inventory(str(path))
    return facts


def refusal(path: Path) -> str:
    facts = look(path)
    assert facts.status == "refused"
    assert facts.reason.startswith(f"{facts.file_path} ") and facts.reason.endswith(".")
    return facts.reason


def scan(facts: FileFacts) -> tuple[list[str | None], int]:
    """Lines that DuckDB yields for the facts, and the number of those it rejects."""
    connection = duckdb.connect()
    lines = connection.execute(
        """
        select line
        from read_csv(
            $path, delim = $delimiter, new_line = $new_line, compression = $compression, parallel = $parallel,
            max_line_size = $longest, columns = {'line': 'varchar'}, quote = '', escape = '', header = false,
            strict_mode = false, auto_detect = false, hive_partitioning = false, store_rejects = true
        )
        """,
        {
            "path": facts.reader_path,
            "delimiter": facts.reader_delimiter,
            "new_line": facts.reader_new_line,
            "compression": facts.file_compression,
            "parallel": facts.reader_is_parallel,
            "longest": facts.reader_max_line_size,
        },
    ).fetchall()
    n_rejected = connection.execute("select count(distinct line) from reject_errors").fetchall()[0][0]
    return [line for (line,) in lines], n_rejected


@pytest.fixture
def small_blocks(monkeypatch):
    """Read in blocks of a few bytes, so that every border falls somewhere bad."""
    monkeypatch.setattr(lake, "_BLOCK_BYTES", 7)


# --- lines


@pytest.mark.parametrize(
    ("body", "n_lines", "n_blank", "new_line", "is_parallel"),
    [
        (EVENT + b"\n", 2, 0, r"\n", True),
        (EVENT, 2, 0, r"\n", True),
        (EVENT + b"\n\n\n" + EVENT + b"\n", 5, 2, r"\n", True),
        (EVENT + b"\n   \n", 3, 0, r"\n", True),
        (EVENT + b"\r\n", 2, 0, r"\r\n", False),
        (EVENT + b"\n" + EVENT + b"\r\n\r\n" + EVENT, 5, 1, r"\r\n", False),
        (EVENT + b"\r" + EVENT + b"\r", 3, 0, r"\n", False),
        (EVENT + b"\n\r" + EVENT, 4, 1, r"\n", False),
        (EVENT + b"\r\r\n" + EVENT + b"\r", 5, 2, r"\n", False),
        (EVENT + b"\0\n\0\n", 3, 0, r"\n", True),
        ("é€\U0001f600\u2028\x85\x0b\x0c\n".encode() + EVENT, 3, 0, r"\n", True),
        (b"a\x01b\n" + EVENT, 3, 0, r"\n", True),
        (b"\xff\xfe\n" + EVENT + b"\n\xc0\xaf\n\xc3", 5, 0, r"\n", True),
        (b'"a\nb"\n', 3, 0, r"\n", True),
    ],
)
@pytest.mark.parametrize("byte_mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("is_gzip", [False, True])
def test_lines_are_counted_as_duckdb_finds_them(
    tmp_path, small_blocks, body, n_lines, n_blank, new_line, is_parallel, byte_mark, is_gzip
):
    content = byte_mark + HEADER + b"\n" + body
    facts = look(write(tmp_path / "x", gzip.compress(content) if is_gzip else content))
    assert (facts.status, facts.reason) == ("readable", None)
    assert (facts.n_lines, facts.n_blank) == (n_lines, n_blank)
    assert (facts.reader_new_line, facts.reader_is_parallel) == (new_line, is_parallel)
    assert facts.has_byte_mark == bool(byte_mark)
    assert (facts.has_cr, facts.has_nul, facts.has_quotes) == (b"\r" in body, b"\0" in body, b'"' in body)
    assert facts.longest_line_bytes == max(map(len, re.split(b"[\r\n]", HEADER + b"\n" + body)))
    lines, n_rejected = scan(facts)
    assert facts.has_invalid_utf8 == (n_rejected > 0)
    assert (len(lines) + n_rejected, lines.count(None)) == (n_lines, n_blank)
    if b"\x01" in body:
        assert "a\x01b" in lines


@pytest.mark.parametrize(
    "ends", [("\n",), ("\r\n",), ("\n", "\r\n"), ("\r",), ("\n", "\r"), ("\n", "\r", "\r\n")]
)
@pytest.mark.parametrize("seed", range(3))
def test_any_mix_of_line_ends_in_any_blocks(tmp_path, monkeypatch, ends, seed):
    chance = random.Random(seed)
    monkeypatch.setattr(lake, "_BLOCK_BYTES", chance.choice([2, 5, 64, 1000]))
    lines = [HEADER.decode()] + [
        "".join(chance.choices('ab,"é€', k=chance.randrange(40))) for _ in range(300)
    ]
    # The text at the end keeps the reference from having to say what a line end at the very end means.
    content = "".join(line + chance.choice(ends) for line in lines) + "last"
    facts = look(write(tmp_path / "x.csv", content.encode()))
    has_lone_cr = "\r" in content.replace("\r\n", "")
    expected = re.split("\r|\n" if has_lone_cr else "\r\n|\n", content)
    assert facts.n_lines == len(expected)
    assert facts.n_blank == expected.count("")
    assert facts.longest_line_bytes == max(len(line.encode()) for line in expected)
    assert scan(facts) == ([line or None for line in expected], 0)


@pytest.mark.parametrize(
    ("tail", "is_invalid"),
    [
        (b"\xc3\xa9", False),
        (b"\xc3", True),
        (b"\xc3a\xa9\n", True),
        (b"\xe2\x82\r\n\r\n", True),
        (b"\r", False),
    ],
)
def test_characters_and_byte_marks_cut_by_blocks(tmp_path, monkeypatch, tail, is_invalid):
    monkeypatch.setattr(lake, "_BLOCK_BYTES", 1)
    facts = look(write(tmp_path / "x.csv", b"\xef\xbb\xbf" + HEADER + b"\n" + EVENT + tail))
    assert (facts.status, facts.has_byte_mark, facts.has_invalid_utf8) == ("readable", True, is_invalid)
    lines, n_rejected = scan(facts)
    assert (len(lines) + n_rejected, n_rejected) == (facts.n_lines, int(is_invalid))


def test_one_kind_of_line_end_is_read_in_parallel(tmp_path):
    content = HEADER + b"\n" + EVENT + b"\n"
    for line_end, new_line in ((b"\n", r"\n"), (b"\r\n", r"\r\n")):
        facts = look(write(tmp_path / "x.csv", content.replace(b"\n", line_end)))
        assert (facts.reader_new_line, facts.reader_is_parallel) == (new_line, True)


def test_long_lines(tmp_path):
    three_megabytes = look(write(tmp_path / "a.csv", HEADER + b"\n" + b"x" * 3_000_000 + b"\nlast"))
    assert (three_megabytes.longest_line_bytes, three_megabytes.reader_max_line_size) == (
        3_000_000,
        3_000_001,
    )
    lines, n_rejected = scan(three_megabytes)
    assert (len(lines), len(lines[1]), n_rejected) == (3, 3_000_000, 0)
    too_long = look(write(tmp_path / "b.csv", HEADER + b"\n" + b"x" * (lake.MAX_LINE_BYTES + 1) + b"\nlast"))
    assert too_long.reader_max_line_size == lake.MAX_LINE_BYTES
    lines, n_rejected = scan(too_long)
    assert (len(lines), n_rejected, too_long.n_lines) == (2, 1, 3)


def test_delimiter_is_in_no_line(tmp_path, small_blocks):
    plain = HEADER + b"\n" + EVENT + b"\n"
    barred = f"xxx{''.join(lake._DELIMITERS[1:])}\n".encode()
    assert look(write(tmp_path / "a.csv", plain)).reader_delimiter == "\x01"
    assert look(write(tmp_path / "b.csv", plain + b"\x01")).reader_delimiter == "\U0010ffff"
    two = plain + "\x01\U0010ffff".encode()
    assert look(write(tmp_path / "d.csv", two)).reader_delimiter == "\U0010fffe"
    for width in range(8):
        both = plain + b"\x01" + b"y" * width + barred
        assert "U+0001 and U+10FFFF and six others" in refusal(write(tmp_path / "c.csv", both))


# --- headers


def test_a_wide_header_is_not_quoted_back(tmp_path, capfd):
    wide = HEADER + b"".join(b",column_%s" % name for name in (str(n).encode() for n in range(100, 999)))
    path = write(tmp_path / "x.csv", wide + b"\n" + EVENT + b"," * 899 + b"\n")
    (facts,) = lake.inventory(str(path), [])
    assert len(facts.passed_over) == 21 and facts.passed_over[-1] == "and 879 more"
    assert len(capfd.readouterr().err) < 1000 and facts.n_columns == 908


def test_header_in_any_order_case_and_dress(tmp_path):
    order = list(reversed(COLUMNS))
    dressed = ", ".join(f'" {name.upper()} "' for name in order).encode()
    facts = look(write(tmp_path / "x.csv", b"\xef\xbb\xbf" + dressed + b" \r\n" + EVENT + b"\r\n"))
    assert (facts.status, facts.column_positions) == ("readable", (*range(8, -1, -1), -1))
    # what copying and encoding twice leave in names: a second mark, characters without width, full width
    odd = HEADER.decode().replace("price", "p\u200brice").replace("brand", "\uff42rand")
    facts = look(write(tmp_path / "y.csv", f"\ufeff\ufeff{odd}\u200b\n".encode() + EVENT + b"\n"))
    assert (facts.status, facts.column_positions) == ("readable", (*range(9), -1))


@pytest.mark.parametrize(
    ("first_line", "sentence"),
    [
        (HEADER.replace(b",price", b""), "lacks column price: expected the header event_time,"),
        (HEADER.replace(b"price", b"Prizes"), "lacks column price; has unknown column prizes:"),
        (
            HEADER.replace(b"price", b"Prizes"),
            "A row of seeds/column_map.csv says which column",
        ),
        (b"event_time^event_type^price", "has no header, the first line has 1 field, which is not known:"),
        (b"event_time^event_type^price", "in any order, with commas"),
        (HEADER + b",PRICE", "has more than one column price:"),
        (
            HEADER.replace(b"user_id,user_session", b"4f7,550e8400 e29b;"),
            "has unknown column (2 not quoted):",
        ),
        (
            HEADER.replace(b"user_id", b"Jane Doe,Order Time,Dr. Hans Mueller,Jane"),
            "lacks column user_id; has unknown column order time, jane, and 2 more:",
        ),
        (HEADER.replace(b",", b";"), "has ';' between its columns:"),
        (HEADER.replace(b",", b"\t"), "has a tab between its columns:"),
        (EVENT, "has no header, the first line looks like an event:"),
        (b"a,b,c", "has no header, the first line has 3 fields, none of them known:"),
        (b"", "starts with a blank line:"),
        (b"event_time,\xff", "has a first line that is not UTF-8:"),
        (b"x" * 200_000, "has no header, the first line has 1 field, which is not known:"),
    ],
)
def test_faulty_headers_are_refused_and_named(tmp_path, first_line, sentence):
    path = write(tmp_path / "x.csv", first_line + b"\n" + EVENT + b"\n")
    assert sentence in refusal(path)
    assert look(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_reasons_never_quote_an_event(tmp_path):
    reason = refusal(write(tmp_path / "x.csv", EVENT.replace(b",5a", b",a11ce-b0b") + b"\n"))
    assert "a11ce" not in reason and "view" not in reason


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_file_of_nothing_is_empty(tmp_path, content):
    facts = look(write(tmp_path / "x.csv", content))
    assert (facts.status, facts.n_lines, facts.n_blank) == ("empty", 0, 0)
    assert facts.reason == f"{tmp_path}/x.csv holds no line."
    assert scan(facts) == ([], 0)


@pytest.mark.parametrize(("content", "n_lines"), [(b"\n", 1), (b"\r\n\r\n", 2), (b"\xef\xbb\xbf\n\n", 2)])
def test_file_of_blank_lines_is_empty(tmp_path, content, n_lines):
    facts = look(write(tmp_path / "x.csv", content))
    assert (facts.status, facts.n_lines, facts.n_blank) == ("empty", n_lines, n_lines)
    assert facts.reason == f"{tmp_path}/x.csv holds blank lines alone."
    assert scan(facts) == ([None] * n_lines, 0)


@pytest.mark.parametrize(("tail", "n_lines"), [(b"", 1), (b"\n", 1), (b"\r\n\r\n", 2)])
def test_header_alone_is_empty(tmp_path, tail, n_lines):
    facts = look(write(tmp_path / "x.csv.gz", gzip.compress(HEADER + tail)))
    assert (facts.status, facts.n_lines, facts.n_blank) == ("empty", n_lines, n_lines - 1)
    assert facts.column_positions == (*range(9), -1)


# --- gzip


TEXT = HEADER + b"\n" + b"".join(b"%d" % number + EVENT + b"\n" for number in range(2000))
PACKED = gzip.compress(TEXT, mtime=0)


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 0x10
    return bytes(changed)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            flipped(PACKED, -8),
            "is a damaged gzip file (Error -3 while decompressing data: incorrect data check, member 1)",
        ),
        (flipped(PACKED, -1), "incorrect length check, member 1"),
        (PACKED + flipped(PACKED, -6), "incorrect data check, member 2"),
        (flipped(PACKED, len(PACKED) // 2), "is a damaged gzip file"),
        (PACKED[:-1], "is a gzip file cut short"),
        (PACKED[:-8], "is a gzip file cut short"),
        (PACKED[: len(PACKED) // 2], "is a gzip file cut short"),
        (PACKED[:10], "is a gzip file cut short"),
        (PACKED[:2], "is a gzip file cut short"),
        (PACKED + PACKED[:-3], "is a gzip file cut short"),
        (PACKED + b"\x1f", "is a gzip file cut short"),
        (PACKED + b"garbage", "has bytes that are not gzip after the end of its gzip data"),
        (PACKED + bytes(512), "has zero bytes after the end of its gzip data"),
    ],
)
@pytest.mark.parametrize("block_bytes", [11, 1 << 22])
def test_damaged_gzip_is_refused(tmp_path, monkeypatch, content, sentence, block_bytes):
    monkeypatch.setattr(lake, "_BLOCK_BYTES", block_bytes)
    path = write(tmp_path / "x.csv.gz", content)
    assert sentence in refusal(path)
    assert look(path).sha256 == hashlib.sha256(content).hexdigest()


def test_duckdb_takes_a_wrong_checksum_in_silence(tmp_path):
    """Why checksums are verified here: when this fails, DuckDB has learnt to."""
    facts = look(write(tmp_path / "x.csv.gz", PACKED))
    write(tmp_path / "x.csv.gz", flipped(PACKED, -8))
    assert len(scan(facts)[0]) == facts.n_lines == 2001


@pytest.mark.parametrize("block_bytes", [3, 50, 1 << 22])
def test_gzip_of_several_members(tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(lake, "_BLOCK_BYTES", block_bytes)
    parts = [TEXT[:100], b"", TEXT[100:777], TEXT[777:], b""]
    facts = look(write(tmp_path / "x.csv.gz", b"".join(map(gzip.compress, parts))))
    assert (facts.status, facts.n_lines, facts.n_blank) == ("readable", 2001, 0)
    assert scan(facts) == (TEXT.decode().split("\n")[:-1], 0)


def test_gzip_that_grows_a_thousandfold(tmp_path):
    content = HEADER + b"\n" + bytes(30 << 20) + b"\n"
    facts = look(write(tmp_path / "x.csv.gz", gzip.compress(content)))
    assert (facts.status, facts.n_lines, facts.longest_line_bytes) == ("readable", 2, 30 << 20)


def test_content_decides_and_not_the_name(tmp_path):
    packed = look(write(tmp_path / "packed.csv", PACKED))
    plain = look(write(tmp_path / "plain.csv.gz", TEXT))
    assert (packed.file_format, packed.file_compression) == ("csv", "gzip")
    assert (plain.file_format, plain.file_compression) == ("csv", "none")
    assert scan(packed) == scan(plain) == (TEXT.decode().split("\n")[:-1], 0)


@pytest.mark.parametrize(
    ("magic", "kind"),
    [
        (b"PK\x03\x04", "is a zip file that is damaged"),
        (b"\x28\xb5\x2f\xfd", "is a zstd file that is damaged"),
        (b"BZh9", "is a bzip2 file that is damaged"),
        (b"\n <!DOCTYPE html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b'{"event_time": 1}', "is JSON"),
        (b"x" * 257 + b"ustar", "is a tar archive"),
        (gzip.compress(gzip.compress(HEADER, mtime=0), mtime=0), "is gzip within gzip"),
        ("event_time,event_type".encode("utf-16-le"), "is text in UTF-16 without a byte order mark"),
        ("event_time,event_type".encode("utf-16-be"), "is text in UTF-16 without a byte order mark"),
        ("\ufeffevent_time".encode("utf-16-le"), "is text in UTF-16"),
        (
            "\ufeffevent_time".encode("utf-32-le"),
            "is text in UTF-32, and UTF-8 is read: convert it: iconv -f UTF-32 -t",
        ),
        ("\ufeffevent_time".encode("utf-32-be"), "is text in UTF-32"),
        ("event_time,event_type".encode("utf-32-le"), "is text in UTF-32 without a byte order mark"),
        ("event_time,event_type".encode("utf-16-be"), "iconv -f UTF-16BE -t UTF-8"),
        (b"ARROW1\0\0", "is an Arrow (Feather) file"),
        (b"\x04\x22\x4d\x18", "is an lz4 file"),
        (b"\xff\x06\x00\x00sNaPpY", "is a snappy file"),
        (b"\x1f\x9d\x90", "is a file of compress (.Z)"),
        (b"\x80\x05\x95", "is a pickle of Python"),
        (b"\x89PNG\r\n", "is a picture"),
        (b'["event_time", "view"]', "is JSON"),
        (b"<!-- proxy -->\n<html>", "is a web page"),
        (b"<div>Sign in</div>", "is a web page or XML"),
        (b"<stata_dta>", "is a Stata file"),
    ],
)
def test_other_formats_are_named(tmp_path, magic, kind):
    assert kind in refusal(write(tmp_path / "x.csv", magic + b"more"))


# --- Parquet


def parquet(path: Path, **changed: pa.Array | None) -> Path:
    columns = {name: pa.array(["1", "2"]) for name in COLUMNS} | changed
    pq.write_table(pa.table({name: values for name, values in columns.items() if values is not None}), path)
    return path


def test_parquet_columns_by_name(tmp_path):
    path = tmp_path / "x.csv"
    times = pa.array([0, 1], pa.timestamp("us", "UTC"))
    table = pa.table(
        {name.upper(): times if name == "event_time" else pa.array([1, 2]) for name in reversed(COLUMNS)}
    )
    pq.write_table(table, path)
    facts = look(path)
    assert (facts.status, facts.file_format, facts.n_lines, facts.n_blank) == ("readable", "parquet", 2, 0)
    assert facts.column_positions == (*range(8, -1, -1), -1)
    assert facts.column_types == ("timestamp[us, tz=UTC]",) + ("int64",) * 8
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_parquet_faults(tmp_path):
    assert "lacks column price:" in refusal(parquet(tmp_path / "a.parquet", price=None))
    assert look(parquet(tmp_path / "b.parquet", colour=pa.array(["x", "y"]))).passed_over == ("colour",)
    nested = parquet(tmp_path / "c.parquet", price=pa.array([[1], [2]]))
    assert "has column price of type list<" in refusal(nested)
    cut = write(tmp_path / "d.parquet", parquet(tmp_path / "e.parquet").read_bytes()[:-9])
    assert "is a damaged or incomplete Parquet file" in refusal(cut)
    table = pq.read_table(parquet(tmp_path / "f.parquet")).slice(0, 0)
    pq.write_table(table, tmp_path / "f.parquet")
    assert look(tmp_path / "f.parquet").status == "empty"


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_ids_that_a_float_does_not_hold_exactly_are_refused(tmp_path, kind):
    """Two customers would be one: 541312140541312141.0 and 541312140541312142.0 are the same number."""
    first = {pa.float32(): 2**24, pa.float64(): 2**53}[kind]
    below = pa.array([first - 1, float("nan")], kind)
    whole = parquet(tmp_path / "a.parquet", user_id=below, product_id=below, category_id=below)
    assert look(whole).status == "readable"
    for column in ("user_id", "product_id", "category_id"):
        path = parquet(tmp_path / f"{column}.parquet", **{column: pa.array([-first, float("inf")], kind)})
        assert f"has column {column} of type {kind} with ids of {first:,} or more" in refusal(path)


@pytest.mark.parametrize(
    ("column", "kind"),
    [("event_time", pa.float16()), ("event_time", pa.float32()), ("price", pa.float16())],
)
def test_times_and_prices_that_a_float_does_not_hold_are_refused(tmp_path, column, kind):
    """Seconds since 1970 as a float of 32 bits are two minutes apart, and 12.30 as one of 16 is 12.297."""
    values = pa.array(np.array([1.5, 2.5], kind.to_pandas_dtype()), kind)
    reason = refusal(parquet(tmp_path / "a.parquet", **{column: values}))
    assert f"has column {column} of type {kind}, which does not hold it exactly" in reason


def test_bytes_are_no_text_however_long_they_are(tmp_path):
    of_bytes = parquet(tmp_path / "a.parquet", user_id=pa.array([b"x" * 16] * 2, pa.binary(16)))
    assert "has column user_id of type fixed_size_binary[16]" in refusal(of_bytes)
    of_uuids = parquet(tmp_path / "b.parquet", user_id=pa.array([b"x" * 16] * 2, pa.uuid()))
    assert look(of_uuids).status == "readable"


def test_a_parquet_file_with_a_damaged_page_is_refused_before_the_load(tmp_path):
    """Its footer is whole, so rows and columns can be told; what stands in the page cannot be decoded."""
    rows = pq.read_table(parquet(tmp_path / "a.parquet")).take([0, 1] * 5000)
    unpacked = {"compression": "none", "write_page_checksum": True}
    for name, settings in {"packed": {}, "unpacked": unpacked}.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(rows, path, use_dictionary=False, **settings)
        assert look(path).n_lines == 10_000
        content = bytearray(path.read_bytes())
        start = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset + 60
        content[start : start + 20] = bytes(20)
        path.write_bytes(content)
        assert "is a damaged or incomplete Parquet file: deliver it again" in refusal(path)


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_a_damaged_stream_behind_a_whole_one_refuses_its_file(tmp_path, pack):
    first, second = pack(HEADER + b"\n" + EVENT + b"\n"), pack(EVENT + b"\n")
    assert look(write(tmp_path / "a", first + second)).n_lines == 3
    assert "that is damaged: deliver it again" in refusal(write(tmp_path / "b", first + b"?" + second[1:]))
    assert "cut short: deliver it again" in refusal(write(tmp_path / "c", first + second[:-4]))


def test_zeros_between_the_streams_of_an_xz_file_are_no_text(tmp_path):
    packed = lzma.compress(HEADER + b"\n"), bytes(8), lzma.compress(EVENT + b"\n"), bytes(4)
    assert look(write(tmp_path / "a", b"".join(packed))).n_lines == 2


@pytest.mark.parametrize("value", ["a;b", "x" * 65, "%ff"])
def test_a_hive_folder_of_which_no_value_can_be_read_refuses_its_files(tmp_path, value):
    (tmp_path / f"brand={value}").mkdir()
    path = parquet(tmp_path / f"brand={value}" / "a.parquet", brand=None)
    assert "stands in a folder whose name says its brand" in refusal(path)


def test_the_same_bytes_in_the_folders_of_two_kinds_of_event_are_two_contents(tmp_path):
    content = HEADER.replace(b"event_type,", b"") + b"\n2019-10-01 00:00:00 UTC,1,2,,acme,1.00,7,s\n"
    for folder in ("event_type=cart", "event_type=purchase", "run=1", "run=2"):
        (tmp_path / folder).mkdir()
    kinds = [tmp_path / f"event_type={kind}" / "x.csv" for kind in ("cart", "purchase")]
    runs = [tmp_path / f"run={number}" / "x.csv" for number in (1, 2)]
    for path in kinds:
        path.write_bytes(content)
    for path in runs:
        path.write_bytes(HEADER + b"\n")
    found = {facts.file_path: facts.sha256 for facts in inventory(str(tmp_path / "*" / "*.csv"))}
    assert found[str(kinds[0])] != found[str(kinds[1])]
    assert found[str(runs[0])] == found[str(runs[1])], "a folder that names no column"


# --- finding files


def names(patterns: str) -> list[str]:
    return [facts.file_name for facts in inventory(patterns)]


@pytest.fixture
def lake_folder(tmp_path, monkeypatch):
    for name in (
        "a.csv",
        "b.csv.gz",
        "deep/c.csv",
        "deep/er/d.csv",
        "one,two.csv",
        "notes.txt",
        ".hidden.csv",
    ):
        write(tmp_path / name, TEXT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ("a.csv", ["a.csv"]),
        (" a.csv ,, b.csv.gz,\n", ["a.csv", "b.csv.gz"]),
        ("b.csv.gz\na.csv\n", ["a.csv", "b.csv.gz"]),
        ("one,two.csv", ["one,two.csv"]),
        ("one,*.csv", ["one,two.csv"]),
        ("a.csv\none,two.csv", ["a.csv", "one,two.csv"]),
        (".", ["a.csv", "b.csv.gz", "one,two.csv"]),
        ("**/*.csv", ["a.csv", "c.csv", "d.csv", "one,two.csv"]),
        ("deep/**", ["c.csv", "d.csv"]),
        ("~/a.csv", ["a.csv"]),
        ("*.csv,a.csv,./a.*", ["a.csv", "one,two.csv"]),
    ],
)
def test_patterns(lake_folder, patterns, found):
    assert names(patterns) == found
    assert all(os.path.isabs(facts.file_path) for facts in inventory(patterns))


@pytest.mark.parametrize("patterns", ["x*.csv", "a.csv,x*.csv", "a.csv\nx*.csv"])
def test_pattern_without_a_file_is_an_error(lake_folder, patterns):
    with pytest.raises(
        LakeError, match=re.escape(f"No event file matches 'x*.csv' (looked in {lake_folder})")
    ):
        inventory(patterns)


@pytest.mark.parametrize("patterns", ["", " \n", ",,"])
def test_no_pattern_is_an_error(patterns):
    with pytest.raises(LakeError, match="CLIENTELE_EVENTS is empty"):
        inventory(patterns)


def test_directory_without_event_files_is_an_error(tmp_path):
    with pytest.raises(LakeError, match="No event file matches"):
        inventory(str(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "it's; drop table x --.csv",
        'a "b" c.csv',
        "we[1]rd*?.csv",
        "back\\slash.csv",
        "é 日本.csv",
        "a\nb.csv",
        "y=1/x.csv",
    ],
)
def test_odd_names_reach_duckdb_unharmed(tmp_path, name):
    write(tmp_path / "we1rdXY.csv", b"another file that the name matches as a pattern")
    path = write(tmp_path / name, TEXT)
    (facts,) = inventory(str(path.parent if "\n" in name else path))[:1]
    assert facts.file_path == str(path)
    assert scan(facts) == (TEXT.decode().split("\n")[:-1], 0)


def test_names_that_duckdb_cannot_open_are_refused(tmp_path):
    assert "backslash" in refusal(write(tmp_path / "back\\slash*.csv", TEXT))
    (tmp_path / "folder").mkdir()
    with open(os.fsencode(tmp_path / "folder") + b"/caf\xe9.csv", "wb") as file:
        file.write(TEXT)
    reason = refusal(tmp_path / "folder")
    assert "is not UTF-8" in reason and reason.encode()


def test_one_file_by_several_paths_is_listed_once(tmp_path):
    write(tmp_path / "b.csv", TEXT)
    (tmp_path / "a.csv").symlink_to("b.csv")
    assert names(f"{tmp_path}/b.csv,{tmp_path}/*.csv") == ["a.csv"]


def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "gone.csv").symlink_to("nowhere")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    write(tmp_path / "secret.csv", TEXT)
    write(tmp_path / "vanished.csv", TEXT)

    def refuse(path, mode):
        if path.endswith("secret.csv"):
            raise PermissionError(13, "Permission denied")
        if path.endswith("vanished.csv"):
            os.unlink(path)
        return open(path, mode)

    # Tests may run as root, whom no permission stops.
    monkeypatch.setattr(lake, "open", refuse, raising=False)
    reasons = {facts.file_name: facts.reason for facts in inventory(f"{tmp_path}/*.csv")}
    assert {name: reason.removeprefix(f"{tmp_path}/{name} ") for name, reason in reasons.items()} == {
        "folder.csv": "is a directory: to read the files in it, name the directory itself.",
        "gone.csv": "is a link to nothing.",
        "pipe.csv": "is not a regular file.",
        "secret.csv": "may not be read by this user: change its permissions.",
        "vanished.csv": "was gone when it was to be read.",
    }


def test_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch, small_blocks):
    path = write(tmp_path / "x.csv", TEXT)
    read = lake.Header.of_text

    def grow(*arguments):
        with path.open("ab") as file:
            file.write(EVENT)
        return read(*arguments)

    monkeypatch.setattr(lake.Header, "of_text", grow)
    assert "changed while it was read" in refusal(path)


# --- what is known already


def test_unchanged_files_are_not_read_again(tmp_path, monkeypatch):
    path = write(tmp_path / "x.csv", TEXT)
    parquet(tmp_path / "y.parquet")
    first = inventory(str(tmp_path))
    rows = json.dumps([facts.as_row() for facts in first])
    assert known_from_json(rows) == first
    monkeypatch.setattr(lake, "_read", lambda *_: pytest.fail("read again"))
    again = inventory(str(tmp_path), known_from_json(rows))
    assert all(facts.is_known for facts in again)
    assert [facts.as_row() | {"is_known": False} for facts in again] == json.loads(rows)
    monkeypatch.undo()
    os.utime(path, ns=(0, 12345))
    changed, kept = inventory(str(tmp_path), first)
    assert (changed.is_known, changed.modified_ns, changed.sha256) == (False, 12345, first[0].sha256)
    assert kept.is_known
    write(path, TEXT + EVENT)
    os.utime(path, ns=(0, 12345))
    assert inventory(str(path), [changed])[0].n_lines == first[0].n_lines + 1


def test_known_rows_of_a_ledger():
    row = {
        "file_path": "/a",
        "file_bytes": 3,
        "modified_ns": 4,
        "sha256": "ff",
        "column_positions": "1,0",
        "other": 1,
    }
    assert known_from_json(json.dumps([row | {"n_lines": None}])) == [
        FileFacts("/a", file_bytes=3, modified_ns=4, sha256="ff", column_positions=(1, 0))
    ]
    assert known_from_json("null") == known_from_json(None) == known_from_json("[]") == []


def test_row_of_facts_is_plain(tmp_path):
    row = look(write(tmp_path / "x.csv", TEXT)).as_row()
    assert (row["file_name"], row["column_positions"], row["column_types"]) == (
        "x.csv",
        "0,1,2,3,4,5,6,7,8,-1",
        "",
    )
    assert json.loads(json.dumps(row)) == row


# --- progress


def test_progress_every_two_seconds_and_at_the_end(tmp_path, monkeypatch):
    path = write(tmp_path / "x.csv", TEXT)
    monkeypatch.setattr(lake, "_BLOCK_BYTES", len(TEXT) // 4)
    ticks = iter(range(1000))
    monkeypatch.setattr(lake, "monotonic", lambda: next(ticks))
    said = []
    inventory(str(path), progress=said.append)
    shares = [re.fullmatch(r"clientele: checking 1 of 1 · x\.csv · (\d+) %", line) for line in said[:-1]]
    assert [int(match[1]) for match in shares] == [49, 99, 100]
    assert re.fullmatch(r"clientele: checked 1 of 1 · x\.csv · \d+ s", said[-1])


def test_no_progress_for_short_work(tmp_path, capsys):
    look(write(tmp_path / "x.csv", TEXT))
    assert capsys.readouterr() == ("", "")


def test_event_files_that_are_hidden_are_told_and_what_table_formats_leave_is_not(tmp_path):
    for name in ("a.csv", ".b.csv", "_c.csv.gz", "_SUCCESS", ".a.csv.crc"):
        write(tmp_path / name, TEXT)
    said = []
    inventory(str(tmp_path), progress=said.append)
    assert said == [f"clientele: not read in {tmp_path}: .b.csv, _c.csv.gz"]


def test_columns_that_are_passed_over_are_not_all_quoted_back(tmp_path):
    wide = tmp_path / "wide.csv"
    wide.write_text(",".join([*COLUMNS, "x" * 9000, *(f"c{n}" for n in range(9000))]) + "\n")
    said = []
    inventory(str(wide), progress=said.append)
    (told,) = [line for line in said if "passed over" in line]
    assert len(told) < 300 and told.endswith("and 8,981 more passed over in wide.csv")


def test_a_column_that_is_passed_over_is_quoted_where_it_looks_like_a_name_of_a_column(tmp_path):
    """A header may be a line of somebody: what else is told is how many columns there are."""
    strangers = ["jane.doe at shop.example", "Müller Hans", "0612345678", "+33 6", "x500001248", "", "a/b"]
    names = ["colour", "Order Time", "first-click", "größe", "utm_source", "price 2"]
    said = []
    for name, others in {"a.csv": names + strangers, "b.csv": strangers, "c.csv": ["colour"]}.items():
        (tmp_path / name).write_text(",".join([*COLUMNS, *others]) + "\n")
        inventory(str(tmp_path / name), progress=said.append)
    assert [line for line in said if "passed over" in line] == [
        "clientele: columns colour, order time, first-click, größe, utm_source, price 2, and 7 more "
        "passed over in a.csv",
        "clientele: column (7 not quoted) passed over in b.csv",
        "clientele: column colour passed over in c.csv",
    ]


OTHER_HEADER = ",".join([*COLUMNS[:2], COLUMNS[3], COLUMNS[2], *COLUMNS[4:]]).encode()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(
    "other",
    [
        OTHER_HEADER,
        OTHER_HEADER.upper(),
        OTHER_HEADER.replace(b",", b" , "),
        b'"' + OTHER_HEADER.replace(b",", b'","') + b'"',
        OTHER_HEADER.title(),
    ],
)
def test_a_second_header_with_other_columns_refuses_its_file(tmp_path, end, other):
    """Its lines would be read by the first one's places, and the id of a category makes a product, too."""
    path = write(tmp_path / "a.csv", end.join([HEADER, EVENT, other, EVENT, b""]))
    assert "has a second header with its columns in other places" in refusal(path)
    assert "has a second header" in refusal(write(tmp_path / "b.csv", end.join([HEADER, EVENT, other])))


def test_a_header_that_repeats_or_stands_in_a_text_refuses_nothing(tmp_path):
    lines = [HEADER, EVENT, b"\xef\xbb\xbf" + HEADER, HEADER.upper(), EVENT.replace(b"5a", b"event_time")]
    assert look(write(tmp_path / "a.csv", b"\n".join([*lines, b""]))).status == "readable"


def test_a_second_header_is_found_in_the_spelling_of_the_first(tmp_path):
    header, other = (line.replace(b"event_time", b"eVent_tiMe") for line in (HEADER, OTHER_HEADER))
    path = write(tmp_path / "a.csv", b"\n".join([header, EVENT, other, EVENT, b""]))
    assert "has a second header with its columns in other places" in refusal(path)


def test_a_second_header_is_found_over_the_border_of_blocks(tmp_path):
    many = b"\n".join([HEADER, *[EVENT] * (4 * 2**20 // (len(EVENT) + 1) - 4)])
    for shift in range(0, 120, 7):
        content = b"\n".join([many, b"x" * shift, OTHER_HEADER, EVENT, b""])
        assert "second header" in refusal(write(tmp_path / "a.csv", content)), shift
