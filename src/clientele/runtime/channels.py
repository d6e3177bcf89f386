"""The ways to those who answer: a webhook (JSON by POST), and e-mail through ``CLIENTELE_SMTP``."""

from __future__ import annotations

import http.client
import json
import os
import queue
import smtplib
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import EmailMessage
from urllib.parse import urlsplit

__all__ = ["CHANNELS", "get_ready", "tell"]

SECONDS = 10  # for a webhook or a mail server to answer
_SUBJECT = 120  # characters


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A word that is redirected is asked for with GET, and lost: the answer says where nothing was told."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
_asked: dict[str, queue.SimpleQueue] = {}


def tell(channel: str, kind: str, sentence: str, told: Mapping, seconds: float = SECONDS) -> tuple[bool, str]:
    """Send a word; returns whether it has come, and a sentence where not all is well.

    Parameters
    ----------
    channel : str
        One of `CHANNELS`, the variable of the environment that has the address.
    kind, sentence : str
        What has happened.
    told : mapping
        The figures of the run. Values that JSON can hold.
    seconds : float
        How long to wait for all of it, names of servers included, for which nothing else has a limit.

    Returns
    -------
    tuple of bool and str
        No address is in the sentence: that of a webhook is a secret.
    """
    get_ready()
    answer: queue.SimpleQueue[tuple[bool, str]] = queue.SimpleQueue()
    _asked[channel].put((kind, sentence, told, answer))
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        del _asked[channel]  # what hangs there would have the next word wait
        return False, f"{channel} could not be told: nothing answers within {seconds:g} seconds"


def get_ready() -> None:
    """Start what sends words to those who are to be told: a Python that is about to end starts no thread."""
    for channel in CHANNELS:
        if os.environ.get(channel) and channel not in _asked:
            _asked[channel] = queue.SimpleQueue()
            threading.Thread(target=_send, args=(channel, _asked[channel]), daemon=True).start()


def _send(channel: str, asked: queue.SimpleQueue) -> None:
    while True:
        kind, sentence, told, answer = asked.get()
        try:
            answer.put((True, CHANNELS[channel](os.environ[channel], kind, sentence, told)))
        except Exception as problem:  # of the libraries that read addresses and answers, any
            answer.put((False, f"{channel} could not be told: {_why(problem, channel)}"))


def _why(problem: Exception, channel: str) -> str:
    """Return what is wrong in words, and not in those of Python, which quote addresses and answers."""
    match problem:
        case urllib.error.HTTPError():
            leads = ", which leads elsewhere: name that address" if problem.code // 100 == 3 else ""
            return f"it answers {problem.code}{leads}"
        case urllib.error.URLError(reason=OSError() as reason):
            return _why(reason, channel)
        case smtplib.SMTPRecipientsRefused():
            return "the mail server takes nothing for these addresses"
        case smtplib.SMTPResponseException():
            return f"the mail server answers {problem.smtp_code}"
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted, {problem.verify_message}: "
                "SSL_CERT_FILE may name a file of others to trust"
            )
        case urllib.error.URLError() | http.client.InvalidURL() | ValueError() | LookupError():
            also = ", or that in CLIENTELE_SMTP" if channel == "CLIENTELE_ALERT_EMAIL" else ""
            return f"the address there{also} is not one that can be used"
        case OSError():
            return problem.strerror or str(problem)
    return "what answers there does not speak HTTP"


def _post(address: str, kind: str, sentence: str, told: Mapping) -> str:
    if urlsplit(address).scheme not in ("http", "https"):
        raise ValueError(address)
    body = json.dumps({"kind": kind, "text": sentence, "run": dict(told)}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with _OPENER.open(request, timeout=SECONDS):
        return ""


def _mail(addresses: str, kind: str, sentence: str, told: Mapping) -> str:
    message = EmailMessage()
    message["To"] = addresses
    message["From"] = os.environ.get("CLIENTELE_ALERT_FROM") or addresses.split(",")[0]
    message["Subject"] = sentence[:_SUBJECT].replace("\n", " ")
    message.set_content(f"{sentence}\n\n{json.dumps(dict(told), indent=2)}\n")
    place = urlsplit(f"//{os.environ.get('CLIENTELE_SMTP') or 'localhost'}")
    with smtplib.SMTP(place.hostname or "localhost", place.port or 25, timeout=SECONDS) as server:
        user = os.environ.get("CLIENTELE_SMTP_USER")
        if user:
            server.starttls(context=ssl.create_default_context())  # a password goes to nobody else
            server.login(user, os.environ.get("CLIENTELE_SMTP_PASSWORD", ""))
        refused = server.send_message(message)
    return (
        f"CLIENTELE_ALERT_EMAIL: the mail server refused {len(refused)} of the addresses" if refused else ""
    )


CHANNELS = {"CLIENTELE_ALERT_WEBHOOK": _post, "CLIENTELE_ALERT_EMAIL": _mail}
