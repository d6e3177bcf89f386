"""Events as lines of text or as Arrow tables, and the files they go to."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shop_simulator.activity import EVENT_TYPES, Month, Rows, Sessions, is_promotion_day
from shop_simulator.behaviours import Customers
from shop_simulator.catalogue import SWITCHED_FAMILY, SWITCHED_TO, Catalogue

# The format of the public REES46 files, in the order of theirs.
COLUMNS = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)
HEADER = ",".join(COLUMNS).encode() + b"\n"
FORMATS = ("csv", "csv.gz", "parquet")

_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
_UUID_PLACES = np.delete(np.arange(36), [8, 13, 18, 23])


def quoted(field: str) -> str:
    """Return a field as RFC 4180 writes it."""
    return '"' + field.replace('"', '""') + '"' if any(mark in field for mark in ',"\n\r') else field


def _fixed_width(text: np.ndarray) -> pa.Array:
    """Return rows of bytes, shape (n, width), as a binary array without copying."""
    n, width = text.shape
    offsets = np.arange(0, (n + 1) * width, width, dtype=np.int32)
    return pa.BinaryArray.from_buffers(pa.binary(), n, [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def _mixed(counter: np.ndarray) -> np.ndarray:
    """Return the splitmix64 finaliser (Steele, Lea and Flood, 2014) of 64-bit counters."""
    x = counter * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return x ^ x >> np.uint64(31)


def session_uuids(first: int, count: int, salt: int) -> np.ndarray:
    """Return the text of version 4 UUIDs, shape (count, 36): a function of position and salt."""
    position = np.arange(first, first + count, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    words = np.stack(
        [_mixed(position ^ np.uint64(salt)), _mixed(position + np.uint64(1) ^ np.uint64(salt))], axis=1
    )
    octets = np.ascontiguousarray(words).astype("<u8").view(np.uint8)
    octets[:, 6] = octets[:, 6] & 0x0F | 0x40
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    text = np.full((count, 36), ord("-"), np.uint8)
    text[:, _UUID_PLACES] = _HEX[octets].reshape(count, 32)
    return text


def _digits(number: np.ndarray, width: int) -> np.ndarray:
    """Return decimal digits of non-negative integers, shape (n, width)."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (number[:, None] // powers % 10 + ord("0")).astype(np.uint8)


class EventText:
    """Turns events of one shop into lines or tables, month by month.

    Parameters
    ----------
    catalogue : Catalogue
        What is on sale.
    category_switch : datetime.date, optional
        From this local day on, the smartphone family is filed under another top category.
    """

    def __init__(self, catalogue: Catalogue, category_switch: dt.date | None = None) -> None:
        self._switch = category_switch
        self._n = len(catalogue)
        switched = [SWITCHED_TO if code == SWITCHED_FAMILY else code for code in catalogue.code]
        # Variants of each product: usual and promotion price, before and, if there is one, after the switch.
        variants = [
            (code, price)
            for code in ([catalogue.code] if category_switch is None else [catalogue.code, switched])
            for price in (catalogue.price, catalogue.promo_price)
        ]
        ids, groups = catalogue.product_id.tolist(), catalogue.category_id.tolist()
        brands = [quoted(brand) for brand in catalogue.brand]
        text = pa.array(
            [
                f"{product},{group},{code},{brand},{amount:.2f}".encode()
                for codes, price in variants
                for product, group, code, brand, amount in zip(
                    ids, groups, codes, brands, price.tolist(), strict=True
                )
            ],
            pa.binary(),
        )
        self._kinds_and_products = pa.concat_arrays(
            [pc.binary_join_element_wise(pa.scalar(kind.encode()), text, b",") for kind in EVENT_TYPES]
        )
        self._n_variants = len(variants)
        repeat = len(variants)
        self._columns = {
            "product_id": pa.array(np.tile(catalogue.product_id, repeat)),
            "category_id": pa.array(np.tile(catalogue.category_id, repeat)),
            "category_code": pa.array([code or None for codes, _ in variants for code in codes], pa.string()),
            "brand": pa.array([brand or None for brand in catalogue.brand] * repeat, pa.string()),
            "price": pa.array(np.concatenate([price for _, price in variants])),
        }
        clock = np.arange(86_400)
        self._clock = np.empty((86_400, 13), np.uint8)
        self._clock[:] = np.frombuffer(b"00:00:00 UTC,", np.uint8)
        for place, part in ((0, clock // 3600), (3, clock // 60 % 60), (6, clock % 60)):
            self._clock[:, place : place + 2] = _digits(part, 2)
        self._clock = self._clock[:, :12]

    def _variant(self, rows: Rows, month: Month) -> np.ndarray:
        day = month.local_day(rows.second)
        of_day = [
            is_promotion_day(date) + 2 * (self._switch is not None and date >= self._switch)
            for date in month.local_dates()
        ]
        return np.array(of_day)[day]

    def lines(
        self, rows: Rows, customers: Customers, sessions: Sessions, month: Month, salt: int
    ) -> pa.BinaryArray:
        """Return events as lines of the input format, each with its line end.

        Parameters
        ----------
        rows : Rows
            Events.
        customers, sessions, month
            What the rows refer to.
        salt : int
            Makes the session ids of this month differ from those of others.

        Returns
        -------
        pyarrow.BinaryArray
            One line per event.
        """
        if not len(rows):
            return pa.array([], pa.binary())
        dates = [(month.first + dt.timedelta(days=day)).isoformat() + " " for day in range(month.days)]
        date_text = np.frombuffer("".join(dates).encode(), np.uint8).reshape(-1, 11)
        day, second = np.divmod(rows.second, 86_400)
        stamp = np.empty((len(rows), 23), np.uint8)
        stamp[:, :11] = date_text[day]
        stamp[:, 11:] = self._clock[second]

        what = (
            rows.kind.astype(np.int64) * self._n_variants + self._variant(rows, month)
        ) * self._n + rows.product
        low, high = int(rows.session.min()), int(rows.session.max()) + 1
        who = np.empty((high - low, 47), np.uint8)
        who[:, :9] = _digits(customers.user_id[sessions.user[low:high]], 9)
        who[:, 9] = ord(",")
        who[:, 10:46] = session_uuids(low, high - low, salt)
        who[:, 46] = ord("\n")
        return pc.binary_join_element_wise(
            _fixed_width(stamp),
            self._kinds_and_products.take(pa.array(what)),
            _fixed_width(who[rows.session - low]),
            b",",
        )

    def table(
        self, rows: Rows, customers: Customers, sessions: Sessions, month: Month, salt: int
    ) -> pa.Table:
        """Return events as a typed table with the columns of the input format; parameters as for `lines`."""
        epoch = np.datetime64(month.first, "s").astype(np.int64)
        product = pa.array(self._variant(rows, month) * self._n + rows.product)
        low = int(rows.session.min(initial=len(sessions)))
        high = int(rows.session.max(initial=low - 1)) + 1
        uuid = _fixed_width(session_uuids(low, high - low, salt)).cast(pa.string())
        columns = {
            "event_time": pa.array((rows.second + epoch).astype("datetime64[s]").astype("datetime64[ms]")),
            "event_type": pa.array(EVENT_TYPES, pa.string()).take(pa.array(rows.kind)),
            **{name: column.take(product) for name, column in self._columns.items()},
            "user_id": pa.array(customers.user_id[sessions.user[rows.session]]),
            "user_session": uuid.take(pa.array(rows.session - low)),
        }
        return pa.table({name: columns[name] for name in COLUMNS})


class EventFile:
    """One file of events, written under another name until it is complete.

    Parameters
    ----------
    path : Path
        Where to write; the name's ending tells the format.

    Attributes
    ----------
    lines : int
        Physical lines so far, the header included (Parquet: rows).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self._part = path.with_name(path.name + ".part")
        self._sink: BinaryIO | None = None
        self._close: list[Callable[[], None]] = []
        self._parquet: pq.ParquetWriter | None = None

    def __enter__(self) -> EventFile:
        """Open the file and write the header."""
        if self.path.suffix == ".parquet":
            return self
        raw = self._part.open("wb")
        self._close.append(raw.close)
        self._sink = raw
        if self.path.suffix == ".gz":
            # Neither name nor time in the gzip header: same events, same bytes.
            self._sink = gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0)
            self._close.insert(0, self._sink.close)
        self.write_bytes(HEADER, 1)
        return self

    def write(self, lot: pa.BinaryArray | pa.Table) -> None:
        """Append lines, or rows of a table."""
        if isinstance(lot, pa.Table):
            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self._part, lot.schema, compression="zstd")
                self._close.append(self._parquet.close)
            self._parquet.write_table(lot)
            self.lines += len(lot)
        elif len(lot):
            offsets = np.frombuffer(lot.buffers()[1], np.int32)[lot.offset : lot.offset + len(lot) + 1]
            self.write_bytes(memoryview(lot.buffers()[2])[offsets[0] : offsets[-1]], len(lot))

    def write_bytes(self, text: bytes | memoryview, lines: int) -> None:
        """Append bytes that hold the given number of physical lines."""
        self._sink.write(text)
        self.lines += lines

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Close the file and, when all went well, give it its name."""
        for close in self._close:
            close()
        if failed is None:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)
