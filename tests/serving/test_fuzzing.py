"""Requests that nobody would write: no answer is an error of the service's own."""

from __future__ import annotations

import random
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from support import IS_LONG

from clientele.runtime import publishing
from clientele.serving import keys
from clientele.serving.app import create_app
from clientele.serving.scoring import BadEventsError, Scorer
from serving.test_scoring import EVENT, HEADER

N_REQUESTS = 400 if IS_LONG else 30
OPERATIONS = [
    ("/customers/{user_key}", "get"),
    ("/customers", "post"),
    ("/score", "post"),
    ("/health", "get"),
    ("/alive", "get"),
]
N_BODIES = 500 if IS_LONG else 25


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("fuzzing") / "service-keys.json"
    return path, keys.add(path, "fuzz", list(keys.SCOPES), days=1, requests_per_second=1e9)


@pytest.fixture(scope="module")
def described(built_shop, key):
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(built_shop.home, key[0]))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_request_makes_an_error_of_the_service(described, key, operation):
    path, method = operation
    made = described[path][method]
    statuses = set()

    @hypothesis.settings(
        max_examples=N_REQUESTS,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=made.as_strategy())
    def ask(case) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {key[1]}"})
        assert answer.status_code < 500, (answer.status_code, answer.text[:200])
        statuses.add(answer.status_code)

    ask()
    assert statuses and statuses <= {200, 400, 401, 404, 405, 413, 422}


def test_every_operation_is_asked(described):
    told = {(path, method) for path, item in described.raw_schema["paths"].items() for method in item}
    assert told == set(OPERATIONS)


def test_no_body_makes_an_error_of_a_scorer(built_shop):
    """Good lines of a file with something in them replaced: all are scored, or told by line and reason."""
    scorer = Scorer(publishing.current(built_shop.home))
    draw = random.Random(7)
    odd = [
        "",
        '"',
        '""',
        ",",
        "\0",
        "\r",
        "\n",
        "\ufeff",
        "9" * 40,
        "-",
        "é",
        "٣",
        "1e9",
        "NaN",
        "'",
        "\\",
        "%s",
    ]
    scored, reasons = 0, set()
    for _ in range(N_BODIES):
        lines = [HEADER, *(EVENT.replace("10:00", f"10:{draw.randrange(60):02d}") for _ in range(5))]
        for _ in range(draw.randrange(1, 4)):
            number = draw.randrange(0 if draw.random() < 0.1 else 1, len(lines))
            place = draw.randrange(len(lines[number]) + 1)
            end = place + draw.choice([0, 1, 5])
            lines[number] = lines[number][:place] + draw.choice(odd) + lines[number][end:]
        try:
            assert scorer.score("\n".join(lines).encode())["counts"]["events"] > 0
            scored += 1
        except BadEventsError as problem:
            reasons |= {one["reason"] for one in problem.problems}
    assert scored and len(reasons) > 3, (scored, reasons)
