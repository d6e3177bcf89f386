"""What a file is that comes as event file: how it is packed, and what it is instead."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["Refusal", "lines", "packing", "refuse_foreign", "unpack", "unpacked"]

_PACKINGS = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
_STREAMS = {"bzip2": bz2.BZ2Decompressor, "xz": lzma.LZMADecompressor}
_FOREIGN = {
    b"PARE": "an encrypted Parquet file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3": "a SQLite database",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "a spreadsheet in Excel's old format",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"ARROW1": "an Arrow (Feather) file",
    b"\x04\x22\x4d\x18": "an lz4 file",
    b"\xff\x06\x00\x00sNaPpY": "a snappy file",
    b"\x1f\x9d": "a file of compress (.Z)",
    b"\x80\x03": "a pickle of Python",
    b"\x80\x04": "a pickle of Python",
    b"\x80\x05": "a pickle of Python",
    b"\x89PNG": "a picture",
    b"<stata_dta>": "a Stata file",
}
# Byte order marks, the longer ones first: that of UTF-32 begins like that of UTF-16.
_WIDE_MARKS = {
    (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"): "UTF-32",
    (b"\xff\xfe", b"\xfe\xff"): "UTF-16",
}
_CONVERT = "and UTF-8 is read: convert it: iconv -f {0} -t UTF-8 old.csv > new.csv"
_TAR_PLACE = slice(257, 262)
_HEAD = 4096


class Refusal(Exception):
    """A file that must not be loaded; the message is the reason."""


def packing(first: bytes) -> str:
    """Return how a file is packed, by its first bytes: `none` when it is not."""
    return next((name for magic, name in _PACKINGS.items() if first.startswith(magic)), "none")


def refuse_foreign(head: bytes, packed: str) -> None:
    """Raise what a file is, unpacked, when it is no text of events."""
    within = "" if packed == "none" else f" within {packed}"
    inner = packing(head)
    if inner != "none":
        raise Refusal(f"is {inner}{within}: unpack it once and deliver the result")
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise Refusal(f"is {kind}{within}: deliver CSV in UTF-8 or Parquet")
    if head.startswith(b"PAR1"):
        raise Refusal(f"is a Parquet file{within}: unpack it")
    if head[_TAR_PLACE] == b"ustar":
        raise Refusal(f"is a tar archive{within}: unpack it, and name the files in it")
    for marks, encoding in _WIDE_MARKS.items():
        if head.startswith(marks):
            raise Refusal(f"is text in {encoding}{within}, {_CONVERT.format(encoding)}")
    if encoding := _wide_encoding(head):
        raise Refusal(
            f"is text in {encoding[:-2]} without a byte order mark{within}, {_CONVERT.format(encoding)}"
        )
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        raise Refusal("is a pointer of Git LFS and not the file itself: fetch it with git lfs pull")
    start = head[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    pages = (b"<!doctype html", b"<html", b"<head", b"<body")
    if start.startswith(pages) or (start.startswith(b"<!--") and b"<html" in start):
        raise Refusal("is a web page (to sign in, or of an error) and not the file: download it again")
    if start.startswith((b"<?xml", b"<error>")):
        raise Refusal("is XML, perhaps a storage's message of an error: deliver CSV or Parquet")
    if start.startswith(b"<"):
        raise Refusal("is a web page or XML and not the file: download it again, or deliver CSV or Parquet")
    if start.startswith((b"{", b"[{", b"[[", b'["', b"[\r", b"[\n", b"[ ")):
        raise Refusal("is JSON: deliver CSV in UTF-8 or Parquet, with the columns side by side")


def _wide_encoding(head: bytes) -> str | None:
    """Return the encoding of a western text without a mark, most of whose bytes are zero, as iconv has it."""
    sample = head[:_HEAD]
    for width, name in ((4, "UTF-32"), (2, "UTF-16")):
        sample = sample[: len(sample) // width * width]
        if len(sample) < 8:
            return None
        zeros = [sample[place::width].count(0) * width / len(sample) for place in range(width)]
        for order, low in (("LE", 0), ("BE", width - 1)):
            if zeros[low] < 0.1 and all(share > 0.8 for n, share in enumerate(zeros) if n != low):
                return name + order
    return None


def unpacked(path: str, packed: str, block_bytes: int) -> Iterator[bytes]:
    """Yield the text of a packed file in blocks; raise :class:`Refusal` for a damaged one or several."""
    try:
        if packed in _STREAMS:
            yield from _streams(path, packed, block_bytes)
            return
        with _opened(path, packed) as file:
            while block := file.read(block_bytes):
                yield block
    except EOFError as error:
        raise Refusal(f"is a {packed} file cut short: deliver it again") from error
    except (OSError, lzma.LZMAError, zipfile.BadZipFile) as error:
        what = "cut short" if "runcated" in str(error) or "end of" in str(error).lower() else "damaged"
        raise Refusal(f"is a {packed} file that is {what}: deliver it again") from error
    except (RuntimeError, NotImplementedError) as error:
        raise Refusal(f"is a {packed} file with a password or an unknown method: unpack it") from error


def _streams(path: str, packed: str, block_bytes: int) -> Iterator[bytes]:
    """Yield the text of streams that follow each other. The modules' own readers pass over a damaged one."""
    with open(path, "rb") as file:
        waiting = file.read(block_bytes)
        while waiting:
            stream = _STREAMS[packed]()
            while not stream.eof:
                if not waiting and stream.needs_input and not (waiting := file.read(block_bytes)):
                    raise EOFError
                block, waiting = stream.decompress(waiting, block_bytes), b""
                if block:
                    yield block
            waiting = stream.unused_data or file.read(block_bytes)
            while packed == "xz" and waiting and not (waiting := waiting.lstrip(b"\0")):
                waiting = file.read(block_bytes)  # zeros may fill a file up between its streams


def _opened(path: str, packed: str) -> BinaryIO:
    if packed == "zstd":
        import pyarrow as pa  # late: few deliveries need it

        return pa.CompressedInputStream(pa.OSFile(path), "zstd")
    archive = zipfile.ZipFile(path)
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir()
        and not member.filename.startswith("__MACOSX/")
        and not os.path.basename(member.filename).startswith(".")
    ]
    if any(member.filename in ("[Content_Types].xml", "xl/workbook.xml") for member in members):
        raise Refusal("is a spreadsheet: save it as CSV in UTF-8")
    if len(members) != 1:
        raise Refusal(
            f"is a zip archive of {len(members)} files, and one with a single file is read: unpack it"
        )
    return archive.open(members[0])


def unpack(path: str, packed: str, target: Path) -> None:
    """Write a packed file's text, for a reader that does not know how it is packed."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with io.FileIO(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        for block in unpacked(path, packed, 4 * 2**20):
            file.write(block)


def lines(path: str, packed: str) -> Iterator[bytes]:
    """Yield the lines of a text, with their ends."""
    with _as_file(path, packed) as file:
        yield from file


def _as_file(path: str, packed: str) -> BinaryIO:
    if packed == "none":
        return Path(path).open("rb")
    if packed == "gzip":
        return gzip.open(path)
    return io.BufferedReader(_Blocks(unpacked(path, packed, 1 << 20)))


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file that can be read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:
        if not self._held:
            self._held = next(self._blocks, b"")
        n_bytes = min(len(buffer), len(self._held))
        buffer[:n_bytes], self._held = self._held[:n_bytes], self._held[n_bytes:]
        return n_bytes
