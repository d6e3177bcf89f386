"""The proxy: a server that looks like Redshift to a driver and passes everything on to PostgreSQL.

It speaks the wire protocol of PostgreSQL, version 3, of which Redshift uses a part. At the start of a
connection it drops the parameters that only Redshift knows and reports Redshift's version. After that it
reads every statement (messages Query and Parse), records it, and lets `dialect` translate or refuse it.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable

from standin import dialect

_SSL_REQUEST, _GSS_REQUEST, _PROTOCOL_3 = 80877103, 80877104, 196608
_ONLY_REDSHIFT = {
    b"client_protocol_version",
    b"driver_version",
    b"driver_discovery_version",
    b"os_version",
    b"plugin_name",
    b"idp_type",
    b"provider_name",
}
_VERSION = b"8.0.2"


class Proxy:
    """Listens from `start` to `stop`, in a thread of its own.

    Parameters
    ----------
    port : int
        Port of the PostgreSQL server on this machine.
    lint : callable, optional
        Takes a statement and returns what Redshift would say against it. A statement with a fault is refused.
    unload : callable, optional
        Carries out an UNLOAD, whose query it is given as PostgreSQL's; raises `dialect.RefusedError`.
        Without it nothing is unloaded.

    Attributes
    ----------
    port : int
        Port to connect to.
    statements : list of str
        Every statement received, as it was written, in order of arrival.
    refusals : list of (str, str)
        Statements that were refused, each with the reason.
    """

    def __init__(
        self,
        port: int,
        lint: Callable[[str], list[str]] | None = None,
        unload: Callable[[dialect.Unload, str], None] | None = None,
    ) -> None:
        self._unload = unload
        self._backend = port
        self._lint = lint
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="redshift-standin", daemon=True)
        self.port = 0
        self.statements: list[str] = []
        self.refusals: list[tuple[str, str]] = []

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        opening = asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 22)
        self._server = asyncio.run_coroutine_threadsafe(opening, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stop listening and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end_sessions(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end_sessions(self) -> None:
        self._server.close()
        sessions = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def _translated(self, statement: str) -> str:
        self.statements.append(statement)
        try:
            if self._lint is not None and not dialect.is_catalogue_query(statement):
                faults = self._lint(statement)
                if faults:
                    raise dialect.RefusedError("; ".join(faults))
            asked = dialect.Unload.read(statement)
            if asked is not None and self._unload is not None:
                self._unload(asked, dialect.translated(asked.query))
            return dialect.translated(statement)
        except dialect.RefusedError as refusal:
            self.refusals.append((statement, str(refusal)))
            return dialect.raising(str(refusal))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend = None
        try:
            while True:
                length, code = struct.unpack("!II", await reader.readexactly(8))
                body = await reader.readexactly(length - 8)
                if code not in (_SSL_REQUEST, _GSS_REQUEST):
                    break
                writer.write(b"N")
            backend_reader, backend = await asyncio.open_connection("127.0.0.1", self._backend)
            if code == _PROTOCOL_3:
                body = _without_redshift_parameters(body)
            backend.write(struct.pack("!II", len(body) + 8, code) + body)
            await asyncio.gather(self._forward(reader, backend), _answer(backend_reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # one side has closed: that is how every session ends
        finally:
            for side in (writer, backend):
                if side is not None:
                    side.close()

    async def _forward(self, reader: asyncio.StreamReader, backend: asyncio.StreamWriter) -> None:
        try:
            while True:
                kind, body = await _message(reader)
                if kind == b"Q":
                    body = self._translated(body[:-1].decode()).encode() + b"\0"
                elif kind == b"P":
                    name, statement, types = body.split(b"\0", 2)
                    body = b"\0".join([name, self._translated(statement.decode()).encode(), types])
                backend.write(_packed(kind, body))
                await backend.drain()
        finally:
            backend.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        kind = b""
        while kind != b"Z":  # ReadyForQuery: the greeting is over
            kind, body = await _message(reader)
            if kind == b"S" and body.startswith(b"server_version\0"):
                body = b"server_version\0" + _VERSION + b"\0"
            writer.write(_packed(kind, body))
        while data := await reader.read(1 << 18):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _without_redshift_parameters(body: bytes) -> bytes:
    texts = body.split(b"\0")
    pairs = [
        pair
        for pair in zip(texts[::2], texts[1::2], strict=False)
        if pair[0] and pair[0] not in _ONLY_REDSHIFT
    ]
    return b"".join(name + b"\0" + value + b"\0" for name, value in pairs) + b"\0"
