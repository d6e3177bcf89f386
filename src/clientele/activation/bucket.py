"""A prefix of an S3 bucket as a destination: files first, and the manifest that names them last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any
from urllib.parse import urlsplit

from clientele import scratch
from clientele.activation.destinations import DeliveryError, DestinationError, is_this_machine, written
from clientele.activation.ledger import Export

__all__ = ["Bucket"]

_REMEDIES = {
    "403": "may the credentials read, write, list and delete below the prefix?",
    "AccessDenied": "may the credentials read, write, list and delete below the prefix?",
    "ExpiredToken": "the credentials have expired",
    "InvalidAccessKeyId": "the credentials are nobody's",
    "NoSuchBucket": "there is no such bucket",
    "PermanentRedirect": "the bucket is in another region: say region",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key",
}


class Bucket:
    """A prefix below which each audience has a manifest, and the files of the export that it names.

    ============================================  ========================================================
    ``<prefix>/<audience>/manifest.json``         the export in force, written last: S3 replaces an object
                                                  whole, so a reader sees one export or the one before
    ``<prefix>/<audience>/exports/<number>/…``    the files that a folder has (`destinations.Folder`)
    ============================================  ========================================================

    A reader takes the manifest, and the files that it names. Files of other exports, and parts of uploads
    that a killed process has left, are deleted once the manifest stands: who was removed stays named there
    no longer than until the next export. An export that is repeated writes the same objects once more.

    Who asks is found by boto3 in the usual places (environment, profile, role): no key is in the project.

    Parameters
    ----------
    name : str
    url : str
        ``s3://bucket/prefix``.
    region : str, optional
        As the environment says when it is not given.
    endpoint : str, optional
        Of a service that speaks S3's protocol: https; http for this machine alone.
    retries : int
        Repetitions of a request that fails, is refused for now (429, 5xx) or has no answer in time.
    timeout_seconds : float
        Without an answer for so long, a request has failed.

    Raises
    ------
    DestinationError
    """

    def __init__(
        self,
        name: str,
        url: str,
        region: str | None = None,
        endpoint: str | None = None,
        retries: int = 4,
        timeout_seconds: float = 60,
    ) -> None:
        parts = urlsplit(str(url))
        if parts.scheme != "s3" or not parts.netloc or not parts.path.strip("/"):
            raise DestinationError("url is the place below which audiences stand, like s3://bucket/prefix")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise DestinationError("url is s3://bucket/prefix and nothing else: it stands in dbt's manifest")
        if endpoint is not None:
            where = urlsplit(str(endpoint))
            if where.scheme != "https" and not (where.scheme == "http" and is_this_machine(where.hostname)):
                raise DestinationError("endpoint begins with https://; http is for this machine alone")
        for key, value, least in (("retries", retries, 0), ("timeout_seconds", timeout_seconds, 0.01)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < inf:
                raise DestinationError(f"{key} is '{value}', it must be a number from {least} on")
        self.name = name
        self.bucket = parts.netloc
        self.prefix = parts.path.strip("/")
        self.region = region
        self.endpoint = endpoint
        self.retries = int(retries)
        self.timeout_seconds = timeout_seconds
        self._session: Any = None

    @property
    def place(self) -> object:
        """The prefix of the bucket."""
        return self.endpoint, self.bucket, self.prefix

    def send(self, export: Export) -> None:
        """Upload an export, then its manifest, and clear away other exports; raise :class:`DeliveryError`."""
        audience = export.audience.name
        place = f"{self.prefix}/{audience}"
        own = f"{place}/exports/{export.number:06d}/"
        with self._asked() as s3, scratch.folder("export") as drafts:
            manifest = written(drafts, export)
            for path in sorted(drafts.iterdir()):
                # parts are checked by S3 against a checksum, and an upload without all of them is no object
                s3.upload_file(str(path), self.bucket, f"{own}{path.name}")
            manifest["files"] = {
                f"exports/{export.number:06d}/{file}": facts for file, facts in manifest["files"].items()
            }
            s3.put_object(
                Bucket=self.bucket,
                Key=f"{place}/manifest.json",
                Body=json.dumps(manifest, indent=2, ensure_ascii=False).encode(),
                ContentType="application/json",
            )
            self._clear(s3, f"{place}/exports/", own)

    def has_leftovers(self, audience: str, n_members: int) -> bool:
        """Return whether the last export has named who was removed, is not there, or cannot be read."""
        try:
            with self._asked() as s3:
                found = s3.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{audience}/manifest.json")
                files = json.loads(found["Body"].read())["files"]
            rows = {name.rpartition("/")[2]: facts["rows"] for name, facts in files.items()}
            return rows["removed.csv"] > 0 or rows["members.csv"] != n_members
        except DeliveryError as problem:
            return n_members > 0 or "NoSuchKey" not in str(problem)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return True

    def _clear(self, s3: Any, below: str, own: str) -> None:
        """Delete what stands below a prefix, but for the export in force."""
        for upload in _listed(s3, "list_multipart_uploads", "Uploads", self.bucket, below):
            s3.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        old = [
            {"Key": found["Key"]}
            for found in _listed(s3, "list_objects_v2", "Contents", self.bucket, below)
            if not found["Key"].startswith(own)
        ]
        for place in range(0, len(old), 1000):
            gone = s3.delete_objects(
                Bucket=self.bucket, Delete={"Objects": old[place : place + 1000], "Quiet": True}
            )
            for error in gone.get("Errors", []):
                raise DeliveryError(self._told(error.get("Code", "an error")))

    @contextmanager
    def _asked(self) -> Iterator[Any]:
        """Yield a client of the bucket; what goes wrong with it is a :class:`DeliveryError`."""
        try:
            import boto3
            from boto3.exceptions import Boto3Error
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
        except ImportError:
            raise DeliveryError(f"{self.name} needs boto3: pip install 'clientele[s3]'") from None
        settings = Config(
            retries={"total_max_attempts": self.retries + 1, "mode": "standard"},
            connect_timeout=self.timeout_seconds,
            read_timeout=self.timeout_seconds,
            # a name before another service's host is nobody's, and this machine is behind no proxy
            s3={"addressing_style": "path"} if self.endpoint else None,
            proxies={} if self.endpoint and is_this_machine(urlsplit(self.endpoint).hostname) else None,
        )
        try:
            self._session = self._session or boto3.session.Session()
            yield self._session.client(
                "s3", region_name=self.region, endpoint_url=self.endpoint, config=settings
            )
        except NoCredentialsError:
            raise DeliveryError(f"{self.name}: there are no credentials for AWS in the environment") from None
        except ClientError as problem:
            raise DeliveryError(
                self._told(problem.response.get("Error", {}).get("Code", "an error"))
            ) from None
        except Boto3Error as problem:  # of an upload: it wraps what has happened
            cause = problem.__context__
            code = cause.response.get("Error", {}).get("Code") if isinstance(cause, ClientError) else None
            raise DeliveryError(self._told(code or type(problem).__name__)) from None
        except BotoCoreError as problem:
            raise DeliveryError(f"{self.name} gave no answer ({type(problem).__name__})") from None
        except OSError as problem:
            raise DeliveryError(f"{self.name}: {problem.strerror or problem}") from None

    def _told(self, code: str) -> str:
        remedy = f": {_REMEDIES[code]}" if code in _REMEDIES else ""
        return f"{self.name} answered {code}{remedy}"


def _listed(s3: Any, operation: str, kind: str, bucket: str, below: str) -> list[dict[str, Any]]:
    pages = s3.get_paginator(operation).paginate(Bucket=bucket, Prefix=below)
    return [found for page in pages for found in page.get(kind, [])]
