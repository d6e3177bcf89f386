"""Install the locked packages, then the project itself, into the environment whose Python runs this file.

Usage: ``.venv/bin/python requirements/install.py run.lock`` (or ``dev.lock``).

pip fetches uv and uv fetches the rest, which is four times as quick as pip alone on an empty cache. uv does
not read pip's settings, so a private index, a proxy or a certificate configured for pip is handed over to it;
where uv cannot be had or fails, pip does the whole job. Either way every package is checked against its hash.
"""

import ast
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent

UV_NAME_OF_PIP_SETTING = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
}


def uv_environment(pip_settings: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Translate pip's settings into the environment variables that uv reads.

    Parameters
    ----------
    pip_settings : str
        What ``pip config list`` prints: one ``scope.name='value'`` a line.
    environment : Mapping[str, str]
        The caller's environment variables; those that uv already understands win over pip's settings.

    Returns
    -------
    dict of str to str
        The environment to start uv with.
    """
    settings: dict[str, str] = {}
    # pip's own order: a setting for one command beats a global one, the environment beats both.
    for scope in ("global", "install", ":env:"):
        for line in pip_settings.splitlines():
            key, _, value = line.partition("=")
            section, _, name = key.rpartition(".")
            if section == scope and name in UV_NAME_OF_PIP_SETTING:
                settings[UV_NAME_OF_PIP_SETTING[name]] = " ".join(str(ast.literal_eval(value)).split())
    settings["UV_FIND_LINKS"] = ",".join(settings.get("UV_FIND_LINKS", "").split())
    # pip weighs all indexes alike. For uv that is "unsafe" because a stranger's package could shadow a
    # private one; with every hash pinned it cannot.
    settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    settings["UV_PYTHON_DOWNLOADS"] = "never"
    return {**{name: value for name, value in settings.items() if value}, **environment}


def packages_of(lock: Path) -> list[Path]:
    """Return the folders of packages/ that are installed beside the project with this lock file."""
    names = ["shop-simulator"]
    if "\ndbt-redshift==" in lock.read_text(encoding="utf-8"):
        names.append("dbt-redshift-python")
    if lock.name == "dev.lock":
        names.append("redshift-lint")
    return [HERE.parent / "packages" / name for name in names]


def install(lock: Path) -> str:
    """Install one lock file and the project, editable, beside this Python.

    With it come those of packages/ that the lock has everything for: the shop simulator always, because
    ``make demo`` writes a shop; the adapter with the dbt-redshift that it extends; the lint for development.

    Parameters
    ----------
    lock : Path
        Lock file with a hash for every package.

    Returns
    -------
    str
        The installer that did it: ``"uv"`` or ``"pip"``.

    Raises
    ------
    subprocess.CalledProcessError
        When pip fails too; its own message has been printed.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
    uv = [sys.executable, "-m", "uv", "--quiet", "pip"]
    packages = ["install", "--require-hashes", "--requirement"]
    project = ["install", "--no-deps", "--no-build-isolation", "--editable", str(HERE.parent)]
    for folder in packages_of(lock):
        project += ["--editable", str(folder)]
    try:
        subprocess.run([*pip, *packages, str(HERE / "installer.lock")], check=True)
        listing = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
        environment = uv_environment(listing, {**os.environ, "VIRTUAL_ENV": sys.prefix})
        for arguments in ([*packages, str(lock)], project):
            subprocess.run([*uv, *arguments], check=True, env=environment)
        return "uv"
    except subprocess.CalledProcessError:
        print("uv could not do it here (see above); pip takes over: about a minute more.", flush=True)
        for arguments in ([*packages, str(lock)], project):
            subprocess.run([*pip, *arguments], check=True)
        return "pip"


def main(arguments: list[str]) -> int:
    """Install the lock file named on the command line; return the exit status."""
    locks = sorted(path.name for path in HERE.glob("*.lock") if path.name != "installer.lock")
    if len(arguments) != 1 or arguments[0] not in locks:
        print(f"usage: python requirements/install.py {{{','.join(locks)}}}", file=sys.stderr)
        return 2
    if sys.prefix == sys.base_prefix:
        print("Refusing to install outside a virtual environment: use `make env`.", file=sys.stderr)
        return 2
    print(f"Installing requirements/{arguments[0]} into {sys.prefix} …", flush=True)
    started = time.monotonic()
    try:
        installer = install(HERE / arguments[0])
    except subprocess.CalledProcessError:
        print("The packages could not be installed: see pip's message above.", file=sys.stderr)
        return 1
    print(f"Installed with {installer} in {time.monotonic() - started:.0f} s.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
