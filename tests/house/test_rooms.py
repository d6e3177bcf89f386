"""The layout: one word per subject, data goes one way, and what is looked for is where its name says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from support import House, parsed

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {".py", ".sql", ".yml"}
FIRST = ("--select", "shop_calendar", "--exclude-resource-type", "test", "unit_test")
ROOMS = sorted(path.name for path in (ROOT / "models").iterdir() if path.is_dir())
QUESTIONS = tomllib.loads(Path(__file__).with_name("questions.toml").read_text())


def reading(model: str, parent: str):
    """Return a change of the project: one more table that a model reads."""

    def change(manifest) -> None:
        manifest.nodes[f"model.clientele.{model}"].depends_on.add_node(f"model.clientele.{parent}")

    return change


@pytest.mark.parametrize(
    ("model", "parent", "sentence"),
    [
        ("user_features", "segment_labels", "user_features (customers) reads segment_labels (personas)"),
        ("reconciliation", "user_sessions", "reconciliation (intake) reads user_sessions (shop)"),
        ("segment_gates", "persona_scores", "segment_gates (registry) reads persona_scores (personas)"),
    ],
)
def test_a_build_refuses_an_arrow_back(house: House, model, parent, sentence):
    stopped = house.run(*FIRST, change=reading(model, parent))
    assert not stopped.succeeded and not stopped.rebuilt("shop_calendar")
    assert sentence in stopped.said


def test_dbt_refuses_to_read_a_room_s_private_table(house: House, tmp_path):
    """The wall is dbt's own: a ref to a private table of another room does not parse."""
    private = parsed().nodes["model.clientele.stg_lake__lines"]
    assert private.access == "private" and private.config.group == "intake"
    elsewhere = [node for node in parsed().nodes.values() if node.resource_type == "model"]
    assert {node.config.group for node in elsewhere} == set(ROOMS)
    for node in elsewhere:
        for parent in node.depends_on.nodes:
            if parent.startswith("model."):
                other = parsed().nodes[parent]
                assert other.config.group == node.config.group or other.access != "private", node.name


def test_every_room_says_what_it_is():
    for room in ROOMS:
        lines = (ROOT / "models" / room / "README.md").read_text().splitlines()
        assert lines[0].startswith(f"# {room}: ") and len(lines) <= 20, room
        assert any(line.startswith("- **Does not hold:**") for line in lines), room


def test_rooms_have_the_same_names_everywhere():
    """models/ names the rooms; what is in other trees is one of them, or one of the few named here."""
    others = {
        "macros": {"engine", "learning", "privacy", "runtime", "serving"},
        "python_models": set(),
        "src/clientele": {"learning", "privacy", "runtime", "serving"},
    }
    for tree, more in others.items():
        folders = {
            path.name for path in (ROOT / tree).iterdir() if path.is_dir() and path.name != "__pycache__"
        }
        assert folders <= {*ROOMS, *more}, tree


def test_no_folder_model_or_macro_is_too_large():
    """At most 16 models a folder, 150 lines a model, 100 lines a macro."""
    for folder in [path for path in (ROOT / "models").rglob("*") if path.is_dir()]:
        assert len(list(folder.glob("*.sql"))) <= 16, folder
    for path in (ROOT / "models").rglob("*.sql"):
        assert len(path.read_text().splitlines()) <= 150, path
    for path in (ROOT / "macros").rglob("*.sql"):
        for macro in re.finditer(r"{%-?\s*macro (\w+).*?endmacro", path.read_text(), re.DOTALL):
            assert macro[0].count("\n") <= 100, macro[1]


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_looked_for_is_there(question):
    """The 24 questions of somebody who has read the README: the place that answers exists and is small."""
    if not QUESTIONS[question]["places"]:
        pytest.skip("asks for what is not built yet")
    for place in QUESTIONS[question]["places"]:
        path = ROOT / place
        assert path.exists(), place
        assert (
            path.is_file()
            or len([file for file in path.rglob("*") if file.is_file() and file.suffix in SOURCES]) <= 12
        ), place
