"""A page as PDF, by a Chromium that is there: nothing is downloaded, and without one nothing is printed."""

from __future__ import annotations

import shutil
import subprocess

from clientele import scratch

__all__ = ["FLAGS", "browser", "to_pdf"]

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 120
# A browser that shows a page and calls nobody.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def browser() -> str | None:
    """Return the path of a browser that prints, or None."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def to_pdf(page: str) -> bytes | None:
    """Return a page as PDF, on the paper and with the styles that the page asks for.

    Parameters
    ----------
    page : str
        A self-contained HTML text.

    Returns
    -------
    bytes or None
        None without a browser, or where it prints nothing.
    """
    program = browser()
    if program is None:
        return None
    with scratch.folder("print") as folder:
        source, target = folder / "page.html", folder / "page.pdf"
        source.write_text(page, encoding="utf-8")
        command = [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--no-pdf-header-footer"]
        try:
            subprocess.run(
                [*command, f"--print-to-pdf={target}", source.as_uri()],
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return target.read_bytes() if target.exists() else None
