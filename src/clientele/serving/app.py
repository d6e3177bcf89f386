"""The HTTP service: look-ups by pseudonym, and scores (docs/serving.md).

What a request names stands in no log: uvicorn writes none of requests, and what is written here has the
method, the route's pattern, the status, the caller's name and the time it took.
"""

from __future__ import annotations

import logging
import math
import queue
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response, params
from fastapi import Path as InPath
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clientele import __version__
from clientele.errors import sentence_of
from clientele.serving.keys import KeyFile
from clientele.serving.limits import Bucket
from clientele.serving.scoring import MOST_TOLD, BadEventsError, Scorers, ScoringMissingError
from clientele.serving.store import Opened, Store, StoreMissingError

__all__ = ["MOST_BYTES", "MOST_KEYS", "create_app"]

MOST_KEYS = 1_000  # in one batch
MOST_BYTES = 2 * 2**20  # of a body
USER_KEY = "^[0-9a-f]{32}$"
_JSON = "application/json"
_PSEUDONYM = "one has 32 characters of 0-9 and a-f, as in marts.user_segments"
_BODY = (
    'The body has to be JSON, sent as application/json: {"user_keys": […]} with '
    f"1 to {MOST_KEYS:,} pseudonyms."
)
_TOO_LARGE = f"A body of more than {MOST_BYTES} bytes is not read: send less at a time."
_SENTENCES = {  # for what FastAPI says
    "Not Found": "There is nothing at this path: /openapi.json describes what there is.",
    "Method Not Allowed": "This path is not asked in this way: /openapi.json describes how it is.",
    "There was an error parsing the body": _BODY,
}
_LOG = logging.getLogger("clientele.serving")
_BEARER = HTTPBearer(auto_error=False, description="A key made by clientele service-key")
_Found = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


class Detail(BaseModel):
    """What went wrong, in a sentence."""

    detail: str


class Batch(BaseModel):
    """Pseudonyms to look up."""

    user_keys: Annotated[
        list[Annotated[str, Field(pattern=USER_KEY)]], Field(min_length=1, max_length=MOST_KEYS)
    ]


class Persona(BaseModel):
    """A group of customers with like habits."""

    id: int
    name: str | None
    name_fr: str | None
    confidence: float | None = Field(description="How often such a verdict is right, from 0 to 1.")
    runner_up_id: int | None
    previous_id: int | None = None
    since: str | None = None
    margin: float | None = None


class Profile(BaseModel):
    """What is published on a customer; the columns' meanings are those of the marts."""

    user_key: str
    as_of: str
    status: str = Field(description="settled, provisional, not_enough_events or no_model")
    model_status: str
    model_version: str | None
    persona: Persona | None
    reasons: list[str]
    reasons_fr: list[str]
    value_tier: int | None
    lifecycle_state: str | None
    events_missing: int
    predictions: dict[str, Any] | None
    families: list[dict[str, Any]]
    recommendations: list[dict[str, Any]]


class Publication(BaseModel):
    """Of which build an answer is."""

    name: str
    as_of: str | None
    model_version: str | None


class Profiles(BaseModel):
    """The answer to a batch; all of it is of one publication."""

    publication: Publication
    customers: list[Profile]
    unknown: list[str] = Field(description="Pseudonyms that nothing is published on.")


class Health(BaseModel):
    """Whether customers can be looked up."""

    status: str
    publication: Publication
    n_customers: int
    version: str


class Problem(BaseModel):
    """Why a line is no event."""

    line: int = Field(description="1 is the header, 0 the whole body.")
    reason: str
    sentence: str


class BadEvents(BaseModel):
    """The events that cannot be scored."""

    detail: str
    problems: list[Problem] = Field(description=f"The first {MOST_TOLD}, by line.")


class Score(BaseModel):
    """Persona, value and status for the events of one customer."""

    as_of: str | None = None
    status: str = Field(
        description="settled, provisional, not_enough_events, no_model or bot_like (no session of a person)"
    )
    model_status: str | None = None
    model_version: str | None = None
    persona: Persona | None
    reasons: list[str] = []
    value_tier: int | None = None
    lifecycle_state: str | None = None
    events_missing: int | None = None
    value: dict[str, float | None] | None
    counts: dict[str, int]


_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Detail, "description": "No key, nobody's key, or one that has expired"},
    403: {"model": Detail, "description": "The key has not this scope"},
    413: {"model": Detail, "description": f"The body has more than {MOST_BYTES} bytes"},
    429: {"model": Detail, "description": "More requests than the key allows"},
    503: {"model": Detail, "description": "Nothing is published, or all scorers are busy"},
}


def create_app(home: Path, keys_path: Path, n_scorers: int = 1) -> FastAPI:
    """Return the service of what is published in a home.

    Parameters
    ----------
    home : Path
        The folder in which ``published`` is. It is only read.
    keys_path : Path
        The file of keys.
    n_scorers : int
        How many customers one process scores at a time.

    Raises
    ------
    KeyFileError
        If there is no file of keys.
    """
    store, scorers, keys = Store(home), Scorers(home, n_scorers), KeyFile(keys_path)
    buckets: dict[tuple[str, float], Bucket] = {}
    app = FastAPI(
        title="clientele",
        version=__version__,
        summary="Customers by their pseudonym: persona, reasons, tier, predictions, recommendations.",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
    )

    def may(scope: str) -> params.Depends:
        async def allowed(request: Request, found: _Found) -> None:
            caller = keys.caller(found.credentials) if found else None
            if caller is None:
                raise _refusal(401, "A key is needed: the header Authorization: Bearer <key>.")
            request.state.caller = caller.name
            if caller.expires <= datetime.now(UTC):
                raise _refusal(401, "This key has expired: ask for another one.")
            if scope not in caller.scopes:
                raise _refusal(403, f"This key has not the scope {scope}.")
            rate = caller.requests_per_second
            # A caller may have keys of several rates while it changes over: neither fills the other's bucket.
            if not buckets.setdefault((caller.name, rate), Bucket(rate)).takes():
                raise HTTPException(
                    429,
                    "More requests than this key allows in a second.",
                    {"Retry-After": str(math.ceil(1 / rate))},
                )

        return Depends(allowed)

    # Without awaiting: a request is answered by one publication, and in its turn.
    @app.get(
        "/customers/{user_key}",
        dependencies=[may("look-up")],
        response_model=Profile,
        responses={404: {"model": Detail}, 422: {"model": Detail}, **_REFUSALS},
    )
    async def look_up(user_key: Annotated[str, InPath(pattern=USER_KEY)]) -> Response:
        """Return what is published on a customer."""
        profile = _opened(store).profile(user_key)
        if profile is None:
            raise HTTPException(404, "Nothing is published on this pseudonym.")
        return Response(profile, media_type=_JSON)

    @app.post(
        "/customers",
        dependencies=[may("look-up")],
        response_model=Profiles,
        responses={400: {"model": Detail}, 422: {"model": Detail}, **_REFUSALS},
    )
    async def look_up_many(batch: Batch) -> Response:
        """Return what is published on up to a thousand customers, in the order asked, all of one build."""
        opened = _opened(store)
        asked = list(dict.fromkeys(batch.user_keys))
        found = opened.profiles(asked)
        profiles = ",".join(found[key] for key in asked if key in found)
        unknown = ",".join(f'"{key}"' for key in asked if key not in found)
        told = _publication(opened).model_dump_json()
        return Response(
            f'{{"publication":{told},"customers":[{profiles}],"unknown":[{unknown}]}}', media_type=_JSON
        )

    @app.post(
        "/score",
        dependencies=[may("score")],
        response_model=Score,
        responses={
            422: {"model": BadEvents, "description": "A line is no event, or there are several customers"},
            **_REFUSALS,
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "description": "A CSV file of the input format with the events of one customer",
                "content": {"text/csv": {"schema": {"type": "string"}}},
            }
        },
    )
    async def score(request: Request) -> Response:
        """Return persona, value and status for the events of one customer, by the SQL of the last build."""
        body = await request.body()

        def scored() -> dict[str, Any]:
            with scorers.one() as scorer:
                return scorer.score(body)

        try:
            return JSONResponse(await run_in_threadpool(scored))
        except BadEventsError as problem:
            return JSONResponse({"detail": str(problem), "problems": problem.problems}, 422)
        except ScoringMissingError as problem:
            raise HTTPException(503, sentence_of(str(problem)), {"Retry-After": "60"}) from None
        except queue.Empty:
            raise HTTPException(503, "All scorers are busy: try again.", {"Retry-After": "1"}) from None

    @app.get("/health", response_model=Health, responses={503: {"model": Detail}})
    async def health() -> Health:
        """Say whether customers can be looked up, and as of when. For probes of readiness; needs no key."""
        opened = _opened(store)
        return Health(
            status="ok",
            publication=_publication(opened),
            n_customers=int(opened.facts["n_customers"]),
            version=__version__,
        )

    @app.get("/alive")
    async def alive() -> dict[str, str]:
        """Say that the process answers. For probes of liveness; needs no key."""
        return {"status": "alive"}

    @app.exception_handler(RequestValidationError)
    async def _say_what_is_wrong(_: Request, problem: RequestValidationError) -> JSONResponse:
        # without the values that FastAPI would repeat: an answer is kept in more places than a request
        return JSONResponse({"detail": _wrong([one["loc"] for one in problem.errors()])}, 422)

    @app.exception_handler(StarletteHTTPException)
    async def _say_it_in_a_sentence(request: Request, problem: StarletteHTTPException) -> Response:
        detail = _SENTENCES.get(problem.detail, problem.detail)
        return await http_exception_handler(
            request, HTTPException(problem.status_code, detail, problem.headers)
        )

    app.add_middleware(_Watch)
    return app


def _wrong(places: list[Sequence[str | int]]) -> str:
    """Return a sentence on a request that is not of its form; `places` are where, as FastAPI names them."""
    if places[0][0] == "path":
        return f"This is no pseudonym: {_PSEUDONYM}."
    if len(places[0]) > 2:
        first = f"place {int(places[0][2]) + 1} of user_keys"
        others = f", and {len(places) - 1:,} more" if len(places) > 1 else ""
        return f"No pseudonym in {first}{others}: {_PSEUDONYM}."
    return _BODY


def _refusal(status: int, sentence: str) -> HTTPException:
    return HTTPException(status, sentence, {"WWW-Authenticate": "Bearer"} if status == 401 else None)


def _opened(store: Store) -> Opened:
    try:
        return store.opened()
    except StoreMissingError as problem:
        raise HTTPException(503, sentence_of(str(problem)), {"Retry-After": "60"}) from None


def _publication(opened: Opened) -> Publication:
    facts = opened.facts
    return Publication(name=opened.name, as_of=facts.get("as_of"), model_version=facts.get("model_version"))


class _Watch:
    """Refuses large bodies, writes a line a request, and turns what nobody expected into a sentence."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, n_bytes = time.perf_counter(), 0, 0
        scope.setdefault("state", {})

        async def received() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > MOST_BYTES:
                raise HTTPException(413, _TOO_LARGE)
            return message

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def answer(code: int, sentence: str) -> None:
            if not status:
                await JSONResponse({"detail": sentence}, code)(scope, receive, sent)

        try:
            length = dict(scope["headers"]).get(b"content-length", b"0")
            if length.isdigit() and int(length) > MOST_BYTES:
                await answer(413, _TOO_LARGE)
            else:
                await self._app(scope, received, sent)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception as problem:  # what it says may hold what was asked
            where = problem.__traceback__
            while where and where.tb_next:
                where = where.tb_next
            at = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else "?"
            _LOG.error("%s at %s", type(problem).__name__, at)
            await answer(500, "Something went wrong here. The service's log says where.")
        finally:
            route = scope.get("route")
            pattern = getattr(route, "path", "none") if status != 404 or route else "none"
            _LOG.info(
                "%s %s %s %.1f ms, %s",
                scope["method"] if re.fullmatch("[A-Z]{1,10}", scope["method"]) else "?",
                pattern,
                status or "dropped",
                1000 * (time.perf_counter() - began),
                scope["state"].get("caller", "nobody"),
            )
