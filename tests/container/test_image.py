"""The image: built from the Dockerfile and run, where there is a builder; else its recipe followed by hand.

`make test-image` runs this; it takes minutes and a package index, so it is no part of `make test`. It prints
what was done: built and run by Docker; built by buildah, on the recipe's base or on one made of Debian's
packages (when no registry can be reached); or followed by hand in a clean virtual environment and folder.

A build in it has user 10001, no capability, no network and, but with buildah, a root that cannot be written
to. Docker keeps it to 2 GB; elsewhere the largest process is measured.
"""

import ast
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import IS_LONG

ROOT = Path(__file__).resolve().parents[2]
RECIPE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
BASE = re.search(r"^ARG PYTHON_IMAGE=(\S+)", RECIPE, re.MULTILINE)[1]
KEY = "0123456789abcdef0123456789abcdef0123456789abcdef"
ENTRYPOINT = "/app/deploy/container/entrypoint"
MEMORY = 2 * 2**30


def run(*call: object, seconds: int = 900, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in call], capture_output=True, text=True, timeout=seconds, **options
    )


def succeed(*call: object, **options: object) -> str:
    ran = run(*call, **options)
    assert ran.returncode == 0, f"{shlex.join(map(str, call))}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
    return ran.stdout


# --- ways to have the image


class Way:
    """A way to build the image and to run what is in it."""

    def call(self, *command: str, data: Path | None = None, **environment: str) -> tuple[list, dict]:
        """Return what is to be started, and how, to run `command` in the image."""
        raise NotImplementedError

    def start(
        self, *command: str, data: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        call, options = self.call(*command, data=data, **environment)
        return run(*call, **options)

    def remove(self) -> None:
        """Leave nothing behind."""


class ByDocker(Way):
    """The image as most people have it: by a daemon, with every limit that deploy/kubernetes sets."""

    name = "clientele:test-image"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def base(self) -> str:
        wanted = os.environ.get("CLIENTELE_BASE_IMAGE", BASE)
        self.how = f"built and run with Docker on {wanted}"
        return wanted

    def build(self, base: str) -> None:
        configuration, _ = pip_settings()
        file = self.folder / "pip.conf"
        file.write_text(configuration)
        succeed(
            "docker", "build", "--quiet", "--build-arg", f"PYTHON_IMAGE={base}", "--secret",
            f"id=pip,src={file}", "--tag", self.name, ROOT, env=os.environ | {"DOCKER_BUILDKIT": "1"},
        )  # fmt: skip

    def call(self, *command: str, data: Path | None = None, **environment: str) -> tuple[list, dict]:
        settings = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        mounts = ["--volume", f"{data}:/data"] if data else []
        return [
            *("docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges:true", "--network", "none", "--user", "10001:10001"),
            *("--memory", f"{MEMORY}", "--memory-swap", f"{MEMORY}", *settings, *mounts),
            *("--entrypoint", command[0], self.name, *command[1:]),
        ], {}


class ByBuildah(Way):
    """The image in a storage of its own, built and run without a daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.buildah = ["buildah", "--root", folder / "images", "--runroot", folder / "run"]
        self.isolation = ["--isolation", "chroot"]

    def base(self) -> str | None:
        wanted = os.environ.get("CLIENTELE_BASE_IMAGE", BASE)
        if run(*self.buildah, "pull", wanted, seconds=120).returncode == 0:
            self.how = f"built with buildah on {wanted}"
            return wanted
        if os.getuid() or not shutil.which("debootstrap"):
            return None
        system = self.folder / "debian"
        packages = "--include=python3,python3-venv,ca-certificates"
        if run("debootstrap", "--variant=minbase", packages, "bookworm", system).returncode:
            return None
        container = succeed(*self.buildah, "from", "scratch").strip()
        succeed(*self.buildah, "add", "--quiet", container, f"{system}/")
        succeed(*self.buildah, "commit", "--quiet", "--rm", container, "localhost/debian-python")
        self.how = f"built with buildah on Debian bookworm from its packages; {wanted} is out of reach"
        return "localhost/debian-python"

    def build(self, base: str) -> None:
        configuration, folders = pip_settings()
        file = self.folder / "pip.conf"
        file.write_text(configuration)
        mounts = [part for folder in folders for part in ("--volume", f"{folder}:{folder}:ro")]
        succeed(
            *self.buildah, "build", *self.isolation, "--format", "docker",
            "--build-arg", f"PYTHON_IMAGE={base}", "--secret", f"id=pip,src={file}", *mounts,
            "--tag", "localhost/clientele", ROOT,
        )  # fmt: skip
        self.container = succeed(*self.buildah, "from", "localhost/clientele").strip()

    def call(self, *command: str, data: Path | None = None, **environment: str) -> tuple[list, dict]:
        settings = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        mounts = ["--volume", f"{data}:/data"] if data else []
        alone = ["--network", "none", "--cap-drop", "ALL"]
        begin = [*self.buildah, "run", *self.isolation, *alone, *settings, *mounts]
        return [*begin, self.container, "--", *command], {}

    def remove(self) -> None:
        run(*self.buildah, "rm", "--all")
        run(*self.buildah, "rmi", "--all", "--force")


class ByHand(Way):
    """The recipe's steps in a clean virtual environment and folder; run as in a container, where root may."""

    how = "no builder, or no base image: the recipe was followed by hand"
    # No network; then nothing but the data can be written to; then no right is left.
    cell = (
        'mount --make-rprivate / && mount --bind "$0" "$0" && mount -o remount,bind,ro / && '
        "exec setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --inh-caps=-all "
        '--no-new-privs "$@"'
    )

    def __init__(self, folder: Path) -> None:
        self.app, self.venv = folder / "app", folder / "venv"

    def base(self) -> str:
        """Return a Python that the image's user can start: root's own may be in a folder of root alone."""
        if not self.is_alone():
            return sys.executable
        for python in (sys.executable, "/usr/bin/python3"):
            cell = ("unshare", "--net", "--mount", "sh", "-c", self.cell, self.app.parent)
            wanted = "import sys, venv, ensurepip; assert sys.version_info >= (3, 11)"
            # as a child of that user's shell, as the entry point starts dbt
            there = run(*cell, "sh", "-c", f"{python} -c '{wanted}'; exit $?")
            if there.returncode == 0:
                return python
        return sys.executable

    def build(self, base: str) -> None:
        reachable(self.venv)
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        for path in (path for line in lines if line.startswith("!") for path in ROOT.glob(line[1:])):
            target = self.app / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(path, target, ignore=ignore, dirs_exist_ok=True)
            else:
                shutil.copy2(path, target)
        stage = re.sub(r"\\\n", " ", RECIPE.split("\nFROM ")[1])
        for step in re.findall(r"^RUN (.*)", stage, re.MULTILINE):
            step = re.sub(r"--mount=\S+", "", step).replace("/opt/venv", str(self.venv))
            succeed("sh", "-c", step.replace("python3 -m venv", f"{shlex.quote(base)} -m venv"), cwd=self.app)

    def call(self, *command: str, data: Path | None = None, **environment: str) -> tuple[list, dict]:
        final = re.sub(r"\\\n", " ", RECIPE.split("\nFROM ")[2])
        variables = dict(
            re.findall(r"(\w+)=(\S+)", " ".join(re.findall(r"^ENV (.*)", final, re.MULTILINE))),
            **environment,
        )
        here = {
            name: value.replace("/opt/venv", str(self.venv)).replace("/app", str(self.app)).replace(
                "/data", str(data)
            )
            for name, value in variables.items()
        }  # fmt: skip
        here["PATH"] = f"{self.venv}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        call = [part.replace("/app", str(self.app)) for part in command]
        if self.is_alone() and data:
            here["TMPDIR"] = str(data)  # in the image /tmp is a folder in memory
            call = ["unshare", "--net", "--mount", "sh", "-c", self.cell, str(data), *call]
        return call, {"env": here, "cwd": data}

    @staticmethod
    def is_alone() -> bool:
        return not os.getuid() and all(map(shutil.which, ("unshare", "setpriv")))


def reachable(folder: Path) -> None:
    """Let user 10001 pass through the folders above, which pytest keeps for its own user."""
    for parent in folder.parents:
        if os.getuid() or parent.stat().st_mode & 0o001 or parent == Path.home():
            return
        parent.chmod(parent.stat().st_mode | 0o011)


def pip_settings() -> tuple[str, list[str]]:
    """Return pip's settings here as a configuration file, and the folders of this machine that they name."""
    listing = succeed(sys.executable, "-m", "pip", "config", "list")
    settings, folders = {}, set()
    for key, value in re.findall(r"^(?:global|install|:env:)\.([\w-]+)=(.*)$", listing, re.MULTILINE):
        settings[key] = ast.literal_eval(value)
        for part in settings[key].split():
            path = Path(part.removeprefix("file://"))
            if path.is_absolute() and path.exists():
                # a local index has its packages beside the folder of its pages
                folders.add(str(path if path.is_dir() and path.name != "simple" else path.parent))
    lines = [f"{key} = {' '.join(value.split())}" for key, value in settings.items()]
    return "\n".join(["[global]", *lines, ""]), sorted(folders)


# --- the tests


@pytest.fixture(scope="module")
def image(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("image")
    if run("docker", "info").returncode == 0 if shutil.which("docker") else False:
        way = ByDocker(folder)
    else:
        way = ByBuildah(folder) if shutil.which("buildah") else ByHand(folder)
    try:
        base = way.base()
        if base is None:
            way = ByHand(folder)
            base = way.base()
        way.build(base)
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\nThe image: {way.how}")
        yield way
    finally:
        way.remove()


def filled(folder: Path, *shop: str) -> Path:
    """Fill a folder with what a container finds under /data: a synthetic shop, a key, room for a home."""
    succeed(sys.executable, "-m", "shop_simulator", folder, *shop, "--quiet")
    (folder / "warehouse").mkdir()
    (folder / "key").write_text(KEY)
    if not os.getuid():
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, 10001, 10001)
        os.chmod(folder / "key", 0o400)
        reachable(folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("data"), "--users", "300", "--months", "1")


def test_a_build_runs_in_it(image, data):
    ran = image.start(ENTRYPOINT, "build", data=data, CLIENTELE_PSEUDONYM_KEY_FILE="/data/key")
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " ERROR=0 " in ran.stdout  # a shop this small may have a day that warns
    published = {path.name for path in (data / "warehouse" / "published").glob("*.parquet")}
    assert {"user_segments.parquet", "segment_profiles.parquet"} <= published
    assert KEY not in ran.stdout + ran.stderr
    if isinstance(image, ByHand):
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MEMORY


@pytest.mark.skipif(not IS_LONG, reason="make test-image builds the shop of make demo, too")
def test_the_shop_of_the_demo_is_built_in_it(image, tmp_path):
    shop = ("--users", "20000", "--months", "4", "--dirt", "0.002", "--format", "csv.gz")
    home = filled(tmp_path / "data", *shop)
    ran = image.start(ENTRYPOINT, "build", data=home, CLIENTELE_PSEUDONYM_KEY_FILE="/data/key")
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " WARN=0 ERROR=0 " in ran.stdout
    assert "personas: " in ran.stdout
    if isinstance(image, ByHand):
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MEMORY


# What the log says last before the signal: at the start, among files, in a model, in the fit, at the end.
MOMENTS = (
    "Running with dbt",
    "START .*stg_lake__lines",
    "START .*user_sessions",
    "START .*persona_fit_fields",
    "on-run-end",
)


def stopped(image: Way, data: Path, build: tuple[str, ...], moment: str) -> None:
    """Start a build and stop it at a moment: it ends within ten seconds, with a sentence."""
    call, options = image.call(*build, data=data, CLIENTELE_PSEUDONYM_KEY_FILE="/data/key")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([str(part) for part in call], **pipes, **options) as process:
        for line in process.stdout:
            if re.search(moment, line):
                break
        else:
            pytest.fail(f"the build never said {moment}")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
        status = process.wait(timeout=10)
    assert time.monotonic() - began < 10, moment
    assert status == 143, said[-2000:]
    assert "Asked to stop" in said and "Traceback" not in said


def test_it_ends_within_ten_seconds_when_told_to(image, data, tmp_path):
    """At one moment after another, in one home: each build goes on from what the one before has left."""
    home = tmp_path / "data"
    shutil.copytree(data, home, symlinks=True, ignore=shutil.ignore_patterns("warehouse", "target", "logs"))
    (home / "warehouse").mkdir()
    for path in [home, *home.rglob("*")] if not os.getuid() else []:
        os.chown(path, 10001, 10001)
    reachable(home)
    build = (ENTRYPOINT, "build", "--exclude-resource-type", "test", "unit_test")
    for moment in MOMENTS:
        stopped(image, home, build, moment)
    ran = image.start(*build, data=home, CLIENTELE_PSEUDONYM_KEY_FILE="/data/key")
    assert ran.returncode == 0 and " ERROR=0 " in ran.stdout, ran.stdout[-4000:]
    ours, theirs = (
        (folder / "warehouse" / "published" / "user_segments.parquet").read_bytes() for folder in (home, data)
    )
    assert ours == theirs, "five stops have changed who is who"


def test_it_has_no_network_and_no_right(image, data):
    if isinstance(image, ByHand) and not image.is_alone():
        pytest.skip("followed by hand, and this user may not make a room without a network")
    ran = image.start(
        "sh", "-c", "id -u; cat /proc/net/route | wc -l; grep CapEff /proc/self/status", data=data
    )
    user, routes, rights = ran.stdout.split("\n")[:3]
    assert (user, int(rights.split()[1], 16)) == ("10001", 0), ran.stdout + ran.stderr
    assert int(routes) <= 1, "a header, and no route"
    if not isinstance(image, ByBuildah):
        assert image.start("touch", "/var/anything", data=data).returncode != 0


def test_without_a_key_it_says_what_to_do(image, data):
    ran = image.start(ENTRYPOINT, "build", data=data)
    assert ran.returncode != 0
    assert "CLIENTELE_PSEUDONYM_KEY is not set" in ran.stdout + ran.stderr


def test_it_runs_as_a_user_who_cannot_change_the_project(image, data):
    if isinstance(image, ByHand):
        pytest.skip("followed by hand: there is no other user")
    assert image.start("id", "-u").stdout.strip() == "10001"
    assert image.start("touch", "/app/dbt_project.yml").returncode != 0
    assert image.start("sh", "-c", "command -v pip").returncode != 0


def test_it_can_speak_to_redshift(image, data):
    ran = image.start(
        "python", "-c", "import redshift_connector, dbt.adapters.redshift, clientele", data=data
    )
    assert ran.returncode == 0, ran.stderr
