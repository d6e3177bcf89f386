"""The image: built from the Dockerfile and run, where there is a builder; else its recipe followed by hand.

`make test-image` runs this; it takes minutes and a package index, so it is no part of `make test`. It prints
what was done: built on the recipe's base, built on a base made of Debian's packages (when no registry can be
reached), or followed by hand in a clean virtual environment and folder.
"""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
BASE = re.search(r"^ARG PYTHON_IMAGE=(\S+)", RECIPE, re.MULTILINE)[1]
KEY = "0123456789abcdef0123456789abcdef0123456789abcdef"


def run(*call: object, seconds: int = 900, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in call], capture_output=True, text=True, timeout=seconds, **options
    )


def succeed(*call: object, **options: object) -> str:
    ran = run(*call, **options)
    assert ran.returncode == 0, f"{shlex.join(map(str, call))}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
    return ran.stdout


# --- ways to have the image


class ByBuildah:
    """The image in a storage of its own, built and run without a daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.call = ["buildah", "--root", folder / "images", "--runroot", folder / "run"]
        self.isolation = ["--isolation", "chroot"]

    def base(self) -> str | None:
        wanted = os.environ.get("CLIENTELE_BASE_IMAGE", BASE)
        if run(*self.call, "pull", wanted, seconds=120).returncode == 0:
            self.how = f"built with buildah on {wanted}"
            return wanted
        if os.getuid() or not shutil.which("debootstrap"):
            return None
        system = self.folder / "debian"
        packages = "--include=python3,python3-venv,ca-certificates"
        if run("debootstrap", "--variant=minbase", packages, "bookworm", system).returncode:
            return None
        container = succeed(*self.call, "from", "scratch").strip()
        succeed(*self.call, "add", "--quiet", container, f"{system}/")
        succeed(*self.call, "commit", "--quiet", "--rm", container, "localhost/debian-python")
        self.how = f"built with buildah on Debian bookworm from its packages; {wanted} is out of reach"
        return "localhost/debian-python"

    def build(self, base: str) -> None:
        configuration, folders = pip_settings()
        file = self.folder / "pip.conf"
        file.write_text(configuration)
        mounts = [part for folder in folders for part in ("--volume", f"{folder}:{folder}:ro")]
        succeed(
            *self.call, "build", *self.isolation, "--format", "docker", "--build-arg", f"PYTHON_IMAGE={base}",
            "--secret", f"id=pip,src={file}", *mounts, "--tag", "localhost/clientele", ROOT,
        )  # fmt: skip
        self.container = succeed(*self.call, "from", "localhost/clientele").strip()

    def start(
        self, *command: str, data: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        settings = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        mounts = ["--volume", f"{data}:/data"] if data else []
        return run(*self.call, "run", *self.isolation, *settings, *mounts, self.container, "--", *command)

    def remove(self) -> None:
        run(*self.call, "rm", "--all")
        run(*self.call, "rmi", "--all", "--force")


class ByHand:
    """The recipe's steps in a clean virtual environment and folder."""

    how = "no builder, or no base image: the recipe was followed by hand"

    def __init__(self, folder: Path) -> None:
        self.app, self.venv = folder / "app", folder / "venv"

    def base(self) -> str:
        return sys.executable

    def build(self, base: str) -> None:
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

    def start(
        self, *command: str, data: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
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
        here["PATH"] = f"{self.venv}/bin:/usr/bin:/bin"
        return run(*[part.replace("/app", str(self.app)) for part in command], env=here, cwd=data)

    def remove(self) -> None:
        pass


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


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    shop = [sys.executable, "-m", "shop_simulator", folder, "--users", "300", "--months", "1", "--quiet"]
    succeed(*shop)
    (folder / "warehouse").mkdir()
    (folder / "key").write_text(KEY)
    if not os.getuid():
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, 10001, 10001)
        os.chmod(folder / "key", 0o444)
    return folder


def test_a_build_runs_in_it(image, data):
    entrypoint = "/app/deploy/container/entrypoint"
    ran = image.start(entrypoint, "build", data=data, CLIENTELE_PSEUDONYM_KEY_FILE="/data/key")
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert "Completed successfully" in ran.stdout
    published = {path.name for path in (data / "warehouse" / "published").glob("*.parquet")}
    assert {"user_segments.parquet", "segment_profiles.parquet"} <= published
    assert KEY not in ran.stdout + ran.stderr


def test_without_a_key_it_says_what_to_do(image, data):
    ran = image.start("/app/deploy/container/entrypoint", "build", data=data)
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
