"""The table of planted faults: each names one place and one test that is there."""

import pytest

from tools import mutants


def test_every_row_names_one_place_and_a_test():
    rows = mutants.read()
    assert len(rows) >= 9
    for mutant in rows:
        assert (mutants.ROOT / mutant.test.split("::")[0]).is_file(), mutant.name


def project(folder, body: str, old: str = "a + b"):
    """Make a project of one function and one test."""
    (folder / "tests").mkdir()
    (folder / "src").mkdir()
    (folder / "src" / "adding.py").write_text("def add(a, b):\n    return a + b\n")
    (folder / "tests" / "test_adding.py").write_text(
        f"from adding import add\n\n\ndef test_add():\n    {body}\n"
    )
    table = folder / "tests" / "mutants.toml"
    table.write_text(
        f'["minus"]\nfile = "src/adding.py"\nold = "{old}"\nnew = "a - b"\ntest = "tests/test_adding.py"\n'
    )
    return table


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("assert add(2, 3) == 5", []),
        ("assert add(2, 0) == 2", ["minus: tests/test_adding.py passes with 'a - b' in src/adding.py"]),
        ("assert add(2, 3) == 6", ["minus: tests/test_adding.py fails without the fault"]),
    ],
    ids=["noticed", "survives", "never passed"],
)
def test_a_fault_is_noticed_or_survives(tmp_path, body, said):
    rows = mutants.read(project(tmp_path, body))
    assert mutants.run(rows, tmp_path) == said
    assert "a + b" in (tmp_path / "src" / "adding.py").read_text()


def test_a_row_that_fits_no_place_is_refused(tmp_path):
    table = project(tmp_path, "assert True", old="a * b")
    with pytest.raises(ValueError, match=r"minus: its text stands in src/adding\.py 0 times"):
        mutants.read(table)
