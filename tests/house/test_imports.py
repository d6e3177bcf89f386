"""Who imports whom: the contracts of pyproject.toml hold, and a breach of each is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "tools", "packages/redshift-lint/src", "packages/shop-simulator/src")


def lint(root: Path) -> tuple[bool, str]:
    """Check the contracts over the sources below a folder; return whether they hold, and what was said."""
    paths = [str(root), *(str(root / folder) for folder in FOLDERS)]
    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    return ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture
def copy(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy2(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_goes_one_way():
    holds, said = lint(ROOT)
    assert holds, said


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        pytest.param(
            "src/clientele/learning/metrics.py",
            "from clientele.personas import Settings",
            "clientele.learning is not allowed to import clientele.personas",
            id="learning knows no persona",
        ),
        pytest.param(
            "src/clientele/personas/rules.py",
            "def late():\n    from clientele.intake import lake\n    return lake",
            "clientele.personas is not allowed to import clientele.intake",
            id="rooms do not meet in Python, not even late",
        ),
        pytest.param(
            "src/clientele/personas/rules.py",
            "import clientele.privacy.keys",
            "clientele.personas is not allowed to import clientele.privacy",
            id="a persona knows no key",
        ),
        pytest.param(
            "src/clientele/privacy/rights.py",
            "from clientele.runtime import publishing",
            "clientele.privacy is not allowed to import clientele.runtime",
            id="runtime is above privacy",
        ),
        pytest.param(
            "src/clientele/runtime/dbt.py",
            "from clientele import cli",
            "clientele.runtime is not allowed to import clientele.cli",
            id="the command is on top",
        ),
        pytest.param(
            "src/clientele/demo.py",
            "from tools import compare",
            "clientele is not allowed to import tools",
            id="tools are in no wheel",
        ),
        pytest.param(
            "packages/shop-simulator/src/shop_simulator/shop.py",
            "from clientele.intake.lake import COLUMNS",
            "shop_simulator is not allowed to import clientele",
            id="packages stand alone",
        ),
        pytest.param(
            "src/clientele/value/__init__.py",
            "from clientele.personas import Settings",
            "clientele.value is not allowed to import clientele.personas",
            id="a room that is still to come",
        ),
        pytest.param("src/clientele/misc.py", "", "clientele.misc", id="a module that is in no room"),
    ],
)
def test_a_breach_is_found(copy, file, line, found):
    path = copy / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")
    holds, said = lint(copy)
    assert not holds
    assert found in " ".join(said.split()), said


LOADED = """
import runpy, sys
for path in sys.argv[1:]:
    assert callable(runpy.run_path(path)["model"]), path
print({"pandas", "sklearn", "scipy", "joblib", "statsmodels"} & sys.modules.keys())
"""


def test_a_python_model_with_nothing_to_fit_waits_for_no_library_that_fits():
    paths = sorted(map(str, (ROOT / "python_models").rglob("*.py")))
    assert len(paths) >= 10
    said = subprocess.run([sys.executable, "-c", LOADED, *paths], capture_output=True, text=True, check=True)
    assert said.stdout == "{'pandas'}\n"
