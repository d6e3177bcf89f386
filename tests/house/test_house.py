"""The house around the models: lock files, make targets, the check that CI runs, what no file may hold."""

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
import shop_simulator.writing
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import parsed

import clientele
from clientele.intake.lake import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCKS = sorted(path.name for path in REQUIREMENTS.glob("*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
BUILD = PROJECT["build-system"]["requires"]
INTERNAL_TARGETS = {"check-build", "lint-sql", "lint-style", "pytest"}
KEY = "k" * 64


def locked(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """Return the requirement and the hashes of every package in a lock file."""
    found = {}
    for entry in (REQUIREMENTS / name).read_text().replace("\\\n", " ").splitlines():
        if entry and not entry.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", entry.strip())
            parsed = Requirement(requirement)
            assert canonicalize_name(parsed.name) not in found, f"{parsed.name} is locked twice"
            found[canonicalize_name(parsed.name)] = (parsed, hashes)
    return found


def version_of(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_and_hashes_every_package(name):
    for requirement, hashes in locked(name).values():
        version_of(requirement)
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_no_index(name):
    text = (REQUIREMENTS / name).read_text().replace("    --hash=", "")
    assert not re.search(r"://|^\s*-", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("run.lock", PROJECT["project"]["dependencies"] + BUILD),
        ("dev.lock", PROJECT["project"]["dependencies"] + BUILD + EXTRAS["dev"] + EXTRAS["redshift"]),
        ("installer.lock", PROJECT["dependency-groups"]["installer"]),
    ],
)
def test_lock_covers_what_pyproject_asks_for(name, wanted):
    packages = locked(name)
    for requirement in map(Requirement, wanted):
        package, _ = packages[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version_of(package)), "run `make lock`"


def test_what_runs_is_what_was_tested():
    # Hashes included: a package that is in both is the very same one.
    assert locked("run.lock").items() <= locked("dev.lock").items()


def test_setuptools_is_asked_for_once():
    assert PROJECT["dependency-groups"]["build"] == BUILD


def test_version_is_the_same_everywhere():
    assert yaml.safe_load((ROOT / "dbt_project.yml").read_text())["version"] == clientele.__version__
    assert clientele.__version__ in (ROOT / "CHANGELOG.md").read_text()


@pytest.fixture(scope="module")
def installer():
    spec = importlib.util.spec_from_file_location("install", REQUIREMENTS / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pip_settings_reach_uv(installer):
    listing = "\n".join(
        [
            "global.index-url='https://index.example/simple'",
            "global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'",
            "global.find-links='one two'",
            "global.cert='/etc/authority.pem'",
            "global.no-cache-dir='true'",
        ]
    )
    assert installer.uv_environment(listing, {}) == {
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_FIND_LINKS": "one,two",
        "SSL_CERT_FILE": "/etc/authority.pem",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def test_nearer_pip_setting_wins_whatever_the_order(installer):
    listing = [":env:.index-url='environment'", "install.index-url='command'", "global.index-url='all'"]
    for lines in (listing, listing[::-1]):
        assert installer.uv_environment("\n".join(lines), {})["UV_DEFAULT_INDEX"] == "environment"
    assert installer.uv_environment("\n".join(listing[1:]), {})["UV_DEFAULT_INDEX"] == "command"


def test_uv_settings_of_the_caller_win(installer):
    mine = {"UV_DEFAULT_INDEX": "mine", "PATH": "/bin"}
    assert installer.uv_environment("global.index-url='pip'", mine).items() >= mine.items()


@pytest.mark.parametrize("arguments", [[], ["other.lock"], ["installer.lock"], ["run.lock", "dev.lock"]])
def test_installer_refuses_an_unknown_lock(installer, arguments, capsys, monkeypatch):
    monkeypatch.setattr(installer, "install", lambda lock: pytest.fail(f"{lock} would have been installed"))
    assert installer.main(arguments) == 2
    assert "{dev.lock,run.lock,warehouse.lock}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lock", "names"),
    [
        ("run.lock", {"shop-simulator"}),
        ("warehouse.lock", {"shop-simulator", "dbt-redshift-python"}),
        ("dev.lock", {"shop-simulator", "dbt-redshift-python", "redshift-lint"}),
    ],
)
def test_packages_are_installed_with_the_locks_that_have_what_they_need(installer, lock, names):
    folders = installer.packages_of(REQUIREMENTS / lock)
    assert {folder.name for folder in folders} == names
    pinned = locked(lock)
    for folder in folders:
        needed = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["dependencies"]
        for requirement in map(Requirement, needed):
            package, _ = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version_of(package)), requirement


def test_the_simulator_writes_the_columns_that_are_read():
    assert shop_simulator.writing.COLUMNS == COLUMNS


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def copy_of_house(tmp_path):
    """Copy the Makefile beside a built environment, whose clientele says what it was given."""
    house = tmp_path / "a house"
    shutil.copytree(REQUIREMENTS, house / "requirements", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(ROOT / name, house / name)
    executable(
        house / ".venv/bin/clientele",
        'printf "clientele %s|events=%s|home=%s\\n" "$*" "$CLIENTELE_EVENTS" "${CLIENTELE_HOME-}"',
    )
    (house / ".venv/run.stamp").touch()
    return house


def make(house: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # Not what the make that runs this test hands down, nor the caller's own settings.
    ours = ("CLIENTELE_", "MAKE", "MFLAGS", "EVENTS", "HOME_DIR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    call = ["make", *arguments]
    return subprocess.run(call, cwd=house, env={**kept, **environment}, capture_output=True, text=True)


def test_help_lists_every_target(copy_of_house):
    targets = set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = re.findall(r"^  ([a-z-]+) +\S", make(copy_of_house).stdout, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == targets - INTERNAL_TARGETS


@pytest.mark.parametrize(
    "path", ["data/*.csv.gz", 'it\'s "here"/*.csv', "$HOME/a;b|c#d $(x) $( `y` %20/*.csv"]
)
def test_build_hands_paths_over_unchanged(copy_of_house, path):
    by_argument = make(
        copy_of_house, "build", f"EVENTS={path}", f"HOME_DIR={path}", CLIENTELE_PSEUDONYM_KEY=KEY
    )
    by_environment = make(
        copy_of_house, "build", CLIENTELE_EVENTS=path, CLIENTELE_HOME=path, CLIENTELE_PSEUDONYM_KEY=KEY
    )
    assert by_argument.stdout == by_environment.stdout == f"clientele build|events={path}|home={path}\n"
    forced = make(copy_of_house, "build", "EVENTS=x.csv", "FORCE=1", CLIENTELE_PSEUDONYM_KEY=KEY)
    assert forced.stdout == "clientele build --force|events=x.csv|home=\n" and not forced.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ([], {"CLIENTELE_PSEUDONYM_KEY": KEY}, "make build EVENTS="),
        (["EVENTS=x.csv"], {}, "export CLIENTELE_PSEUDONYM_KEY=$("),
    ],
)
def test_build_says_what_is_missing(copy_of_house, arguments, environment, message):
    made = make(copy_of_house, "build", *arguments, **environment)
    assert made.returncode != 0
    assert message in made.stderr
    assert "dbt" not in made.stdout


def test_ci_runs_make_test_and_nothing_else(tmp_path):
    shutil.copytree(ROOT / ".ci", tmp_path / "house/.ci")
    called = tmp_path / "called"
    executable(tmp_path / "bin/make", f'echo "$PWD make $*" >> "{called}"; exit 3')
    # The script has nothing to call but the shell's own tools and this make.
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    ran = subprocess.run([tmp_path / "house/.ci/run"], cwd=tmp_path, env=environment, capture_output=True)
    assert called.read_text() == f"{tmp_path / 'house'} make test\n"
    assert ran.returncode == 3
    assert (ROOT / ".ci/run").stat().st_mode & stat.S_IXUSR


def test_hooks_need_no_network():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]
    languages = {hook["language"] for repository in hooks["repos"] for hook in repository["hooks"]}
    assert languages <= {"system", "pygrep"}


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(r"(?<![\w.$}~*-])/(home|Users|root|tmp|work)/\w", id="a path of somebody's machine"),
        pytest.param(
            r"(index-url|find-links)[ =]+['\"]?https?://(?![a-z.]*\.example\b)",
            id="the host of a package index",
        ),
        pytest.param(r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b", id="a secret"),
        pytest.param(r"^(<{7} |>{7} |={7}$)", id="a conflict marker"),
    ],
)
def test_no_file_holds(forbidden):
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the project is not known")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    found = []
    for path in (ROOT / name for name in names if name):
        if path.is_file():
            text = path.read_bytes().decode(errors="replace")
            matches = re.finditer(forbidden, text, re.MULTILINE)
            found += [f"{path.relative_to(ROOT)}: {match[0]!r}" for match in matches]
    assert not found


def test_engines_differ_in_macros_only():
    """A model that asks for its engine is two models. dbt_project.yml may: it names databases."""
    texts = (".sql", ".py", ".yml", ".md")  # and not what Python compiles
    found = [path for folder in ("models", "python_models") for path in sorted((ROOT / folder).rglob("*"))]
    files = [path for path in found if path.suffix in texts]
    asking = [
        str(path.relative_to(ROOT))
        for path in [*files, *sorted((ROOT / "tests").rglob("*.sql"))]
        if path.is_file() and re.search(r"\btarget\s*\.\s*(type|name)\b|adapter\.type\(", path.read_text())
    ]
    assert asking == []


def test_every_dispatched_macro_is_there_for_both_engines():
    texts = [path.read_text() for path in sorted((ROOT / "macros").rglob("*.sql"))]
    names = {name for text in texts for name in re.findall(r"adapter\.dispatch\('(\w+)'", text)}
    macros = {name for text in texts for name in re.findall(r"{% macro (\w+)\(", text)}
    assert len(names) > 10
    for engine in ("duckdb", "redshift"):
        assert {name for name in names if not {f"{engine}__{name}", f"default__{name}"} & macros} == set()


def test_texts_have_a_length():
    """On Redshift a table gets the types of its yml, and VARCHAR alone has 256 bytes."""
    for folder in ("models", "python_models"):
        for path in (ROOT / folder).rglob("*.yml"):
            assert not re.search(r"data_type: *(varchar|text) *(,|$)", path.read_text(), re.MULTILINE), path


def test_unit_tests_of_kept_tables_do_not_ask_for_the_table():
    """A first build has none: dbt asks it for the types of every format but SQL."""
    of_kept = [
        (test.name, given.format)
        for test in parsed().unit_tests.values()
        for given in test.given
        if given.input == "this"
    ]
    assert len(of_kept) >= 3
    assert [name for name, form in of_kept if str(getattr(form, "value", form)) != "sql"] == []
