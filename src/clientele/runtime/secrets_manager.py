"""The password of Redshift's user from AWS Secrets Manager: ``clientele redshift-password``.

The secret is a text, or the JSON in which AWS keeps a database's login, with a field ``password``. Each start
asks for it, so a rotation changes nothing else. boto3, which comes with Redshift's driver, finds who asks
in the usual places: a pod's role, an instance's, a profile.
"""

from __future__ import annotations

import json
import os
from typing import Any

from clientele.errors import ClienteleError

__all__ = ["SecretError", "password"]


class SecretError(ClienteleError, RuntimeError):
    """The secret cannot be read; the message says which and why, and has nothing of what is in it."""


def password(name: str, client: Any = None) -> str:
    """Return the password that a secret holds.

    Parameters
    ----------
    name : str
        Name or ARN of the secret.
    client : optional
        boto3's client for ``secretsmanager``; made here when it is not given.

    Returns
    -------
    str
        The password, without line ends around it.

    Raises
    ------
    SecretError
        If AWS does not give the secret, or there is no password in it.

    Examples
    --------
    >>> password("clientele-build")  # doctest: +SKIP
    'A1…'
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise SecretError(
            "AWS Secrets Manager needs boto3, which comes with the extra redshift: pip install '.[redshift]'."
        ) from None
    try:
        client = client or boto3.client("secretsmanager", region_name=os.environ.get("AWS_REGION") or None)
        text = client.get_secret_value(SecretId=name).get("SecretString", "")
    except ClientError as problem:
        told = problem.response.get("Error", {})
        reason = told.get("Message") or told.get("Code")
        raise SecretError(
            f"Secrets Manager does not give the secret {name}: {reason}. May this role do "
            "secretsmanager:GetSecretValue, and is it the right region?"
        ) from None
    except BotoCoreError as problem:
        reason = str(problem).rstrip(".")
        raise SecretError(f"Secrets Manager cannot be asked for the secret {name}: {reason}.") from None
    try:
        held = json.loads(text)
    except ValueError:
        held = text
    if isinstance(held, dict):
        held = held.get("password", "")
    found = str(held).strip()
    if not found:
        raise SecretError(
            f"The secret {name} holds no password: it is a text, or JSON with a field password."
        )
    return found
