"""A password from AWS Secrets Manager, with AWS's own stand-in for its answers."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from clientele import cli
from clientele.runtime import secrets_manager
from clientele.runtime.secrets_manager import SecretError, password

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:clientele-build-AbCdEf"


@pytest.fixture
def aws():
    client = boto3.client(
        "secretsmanager", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        yield client, stub


@pytest.mark.parametrize(
    "text", ["A1secret\n", json.dumps({"username": "clientele_build", "password": "A1secret"})]
)
def test_a_secret_is_a_text_or_a_login(aws, text):
    client, stub = aws
    stub.add_response("get_secret_value", {"ARN": ARN, "SecretString": text}, {"SecretId": "clientele-build"})
    assert password("clientele-build", client) == "A1secret"


@pytest.mark.parametrize("text", [" ", "{}", json.dumps({"user": "hidden text"})])
def test_a_secret_without_a_password_is_told_without_what_is_in_it(aws, text):
    client, stub = aws
    stub.add_response("get_secret_value", {"ARN": ARN, "SecretString": text})
    with pytest.raises(SecretError, match="The secret a holds no password") as told:
        password("a", client)
    assert "hidden" not in str(told.value)


def test_what_aws_refuses_is_a_sentence(aws, monkeypatch):
    client, stub = aws
    stub.add_client_error("get_secret_value", "AccessDeniedException", "User is not authorized")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    regions = []
    monkeypatch.setattr(boto3, "client", lambda _, region_name: regions.append(region_name) or client)
    ran = CliRunner().invoke(cli.main, ["redshift-password", "--secret", "a"])
    assert ran.exit_code == 1 and isinstance(ran.exception, SystemExit)
    assert (
        "does not give the secret a: User is not authorized" in ran.output and "Traceback" not in ran.output
    )
    assert regions == ["eu-west-3"]


def test_nobody_to_ask_as_is_a_sentence(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(SecretError, match="cannot be asked for the secret a"):
        secrets_manager.password("a")
