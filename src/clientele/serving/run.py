"""How the service is started."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from clientele.serving.app import create_app
from clientele.serving.keys import KeyFile

__all__ = ["serve"]

_HOME, _KEYS, _SCORERS, _LEVEL = (
    f"CLIENTELE_SERVICE_{name}" for name in ("HOME", "KEYS", "SCORERS", "LOG_LEVEL")
)


def serve(
    home: Path, keys: Path, *, host: str, port: int, workers: int, scorers: int, log_level: str
) -> None:
    """Answer until the process is asked to stop; requests that are being answered then are answered.

    Raises
    ------
    KeyFileError
        If the file of keys cannot be used.
    """
    KeyFile(keys)  # said before the first process is started
    os.environ |= {_HOME: str(home), _KEYS: str(keys), _SCORERS: str(scorers), _LEVEL: log_level}
    uvicorn.run(
        "clientele.serving.run:app",
        factory=True,
        host=host,
        port=port,
        workers=workers if workers > 1 else None,
        access_log=False,  # a path has a pseudonym
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def app() -> FastAPI:
    """Return the service of the environment's settings; every process of it calls this."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("clientele.serving")
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(os.environ[_LEVEL].upper())
    return create_app(Path(os.environ[_HOME]), Path(os.environ[_KEYS]), int(os.environ[_SCORERS]))
