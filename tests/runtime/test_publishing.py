"""Publications: changed in one step whatever happens, kept, rolled back to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from clientele.cli import main
from clientele.runtime import locking, publishing, rewriting
from clientele.runtime.publishing import PublicationError, publications, rollback

MARTS = ("user_features", "user_segments")


def publish(home: Path, version: int, n_rows: int = 3) -> Path:
    """Publish marts that all say `version`."""
    folder = publishing.start(home, {"run_id": f"run {version}", "as_of": "2019-11-20", "model_version": "m"})
    for name in MARTS:
        pq.write_table(pa.table({"version": [version] * n_rows}), folder / f"{name}.parquet")
    return publishing.finish(folder)


def read(folder: Path) -> set[int]:
    """Return the versions that the marts of a folder tell of."""
    return {
        version
        for name in MARTS
        for version in pq.read_table(folder / f"{name}.parquet")["version"].to_pylist()
    }


def state(home: Path) -> tuple[list[int], int | None]:
    """Return the numbers that are kept and the one that is published."""
    found = publications(home)
    return [one.number for one in found], next((one.number for one in found if one.is_current), None)


@pytest.fixture
def home(tmp_path) -> Path:
    for version in (1, 2, 3, 4):
        publish(tmp_path, version)
    return tmp_path


def test_the_last_three_are_kept_and_described(home):
    assert state(home) == ([2, 3, 4], 4)
    assert (home / "published").is_symlink() and read(home / "published") == {4}
    manifest = json.loads((publishing.current(home) / "manifest.json").read_text())
    assert (manifest["run_id"], manifest["as_of"], manifest["model_version"]) == ("run 4", "2019-11-20", "m")
    assert {name: facts["rows"] for name, facts in manifest["files"].items()} == {
        f"{name}.parquet": 3 for name in MARTS
    }
    assert all(one.problem() is None for one in publications(home))


def test_rollback_goes_back_and_forth(home):
    assert rollback(home).number == 3
    assert read(home / "published") == {3} and state(home) == ([2, 3, 4], 3)
    assert rollback(home).number == 2
    with pytest.raises(PublicationError, match=r"none before it is kept \(kept: 2, 3, 4\)"):
        rollback(home)
    assert rollback(home, 4).is_current and read(home / "published") == {4}
    with pytest.raises(PublicationError, match=r"no publication 1 .*kept: 2, 3, 4"):
        rollback(home, 1)


def test_a_build_after_a_rollback_publishes_anew(home):
    rollback(home, 2)
    publish(home, 5)
    assert state(home) == ([3, 4, 5], 5) and read(home / "published") == {5}


@pytest.mark.parametrize("fault", ["changed", "missing", "too many"])
def test_a_damaged_publication_is_not_published_again(home, fault):
    folder = home / "publications" / "000003"
    if fault == "changed":
        pq.write_table(pa.table({"version": [9, 9, 9]}), folder / "user_segments.parquet")
    elif fault == "missing":
        (folder / "user_segments.parquet").unlink()
    else:
        (folder / "more.parquet").write_bytes(b"")
    with pytest.raises(PublicationError, match="publication 3 is damaged, nothing was changed"):
        rollback(home)
    assert read(home / "published") == {4}


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    call = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]
    if subprocess.run(call, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)  # a failed write may hold a file open


@pytest.mark.parametrize("moment", ["the folder", "a file", "the manifest"])
def test_on_a_full_disk_the_old_publication_stays_and_the_next_one_comes(small_disk, moment):
    publish(small_disk, 1)
    filler = small_disk / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"0" * 4096):
                pass

    # the manifest may find room: the note of the draft that it replaces has gone by then
    fails = pytest.raises(OSError, match="No space left")
    with suppress(OSError) if moment == "the manifest" else fails:
        if moment == "the folder":
            fill()
        folder = publishing.start(small_disk, {"run_id": "run 2"})
        for name in MARTS:
            if moment == "a file":
                fill()
            pq.write_table(pa.table({"version": [2] * 3}), folder / f"{name}.parquet")
        fill()
        publishing.finish(folder)
    shown = read(small_disk / "published")
    assert shown == {1} or (shown == {2} and moment == "the manifest")
    assert all(one.problem() is None for one in publications(small_disk))
    filler.unlink()
    publish(small_disk, 3)
    assert read(small_disk / "published") == {3}
    whole = {one.folder.name for one in publications(small_disk)}
    assert {path.name for path in (small_disk / "publications").iterdir()} - {".lock"} == whole


def begin_taking_over(home: Path, contents: str) -> tuple[Path, bool]:
    """Begin a publication; whether it takes over user_features, and its folder."""
    folder = publishing.start(home, {"run_id": "run"})
    return folder, publishing.take_over(folder, "user_features.parquet", contents)


def test_what_holds_the_same_is_taken_over(tmp_path):
    folder, is_taken = begin_taking_over(tmp_path, "one")
    assert not is_taken, "nothing is published yet"
    pq.write_table(pa.table({"version": [1]}), folder / "user_features.parquet")
    publishing.finish(folder)
    for contents, expected in (("one", True), ("another", False)):
        folder, is_taken = begin_taking_over(tmp_path, contents)
        assert is_taken == expected and (folder / "user_features.parquet").exists() == expected
        if not expected:
            pq.write_table(pa.table({"version": [2]}), folder / "user_features.parquet")
        publishing.finish(folder)
    files = [one.folder / "user_features.parquet" for one in publications(tmp_path)]
    versions = [pq.read_table(file)["version"].to_pylist() for file in files]
    assert versions == [[1], [1], [2]], "compared with what is published, not with what was before"
    assert [one.problem() for one in publications(tmp_path)] == [None] * 3
    rollback(tmp_path, 1)
    assert begin_taking_over(tmp_path, "one")[1] and not begin_taking_over(tmp_path, "another")[1]
    with files[0].open("r+b") as file:
        file.write(b"damaged")
    assert not begin_taking_over(tmp_path, "one")[1]
    assert publications(tmp_path)[1].problem() is None, "a copy, no link: the other one is whole"


def test_publications_written_anew_share_their_work_and_forget_what_they_held(tmp_path):
    for version in (1, 1, 2):
        folder, is_taken = begin_taking_over(tmp_path, f"contents {version}")
        if not is_taken:
            table = pa.table({"user_key": ["a", "b"], "version": [version] * 2})
            pq.write_table(table, folder / "user_features.parquet")
        publishing.finish(folder)
    pairs = rewriting.start_publications(tmp_path)
    assert [Path(pair["old"]).parent.name for pair in pairs] == ["000001", "000003"]
    for pair in pairs:
        pq.write_table(pq.read_table(pair["old"]).slice(1), pair["new"])
    rewriting.finish_publications(tmp_path, 3)
    rewriting.mark_whole(tmp_path)
    assert rewriting.finish(tmp_path)
    found = publications(tmp_path)
    assert [pq.read_table(one.folder / "user_features.parquet").to_pylist() for one in found] == [
        [{"user_key": "b", "version": version}] for version in (1, 1, 2)
    ]
    assert [one.problem() for one in found] == [None] * 3 and found[-1].is_current
    assert not begin_taking_over(tmp_path, "contents 2")[1], "with a customer who has come back, say"


def test_nothing_of_others_is_touched(tmp_path):
    (tmp_path / "publications" / "notes").mkdir(parents=True)
    publish(tmp_path, 1)
    assert (tmp_path / "publications" / "notes").is_dir()
    shutil.rmtree(tmp_path / "publications")
    (tmp_path / "published").unlink()
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "theirs").touch()
    with pytest.raises(PublicationError, match="is not a link to a publication"):
        publish(tmp_path, 1)
    assert (tmp_path / "published" / "theirs").exists()


def test_readers_never_see_a_mixture(tmp_path):
    """One thread publishes and rolls back; others read, file by file, what they found published."""
    publish(tmp_path, 0, n_rows=2000)
    problems: list[str] = []
    seen: set[int] = set()
    done = threading.Event()
    newest = 0

    def keep_reading() -> None:
        while not done.is_set():
            before = newest
            try:
                folder = publishing.current(tmp_path)
                versions = read(folder)
                seen.update(versions)
                if len(versions) != 1:
                    problems.append(f"{folder.name} has {versions}")
                # One file by way of the link is always whole, too.
                one_file = pq.read_table(tmp_path / "published" / "user_segments.parquet")
                if len(set(one_file["version"].to_pylist())) != 1:
                    problems.append("a file is a mixture")
            except Exception as problem:
                # A folder stays until the third publication after it; rolled back to, until the second.
                # A reader that was held up for longer has been promised nothing.
                if newest - before < publishing.KEPT - 1:
                    problems.append(repr(problem))

    readers = [threading.Thread(target=keep_reading) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for version in range(1, 40):
            newest = version
            publish(tmp_path, version, n_rows=2000)
            if version % 5 == 0:
                rollback(tmp_path)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert not problems, problems[:3]
    assert len(seen) > 3, "the readers have seen too little for this to mean anything"


# --- killed at every step


def killed_at(step: int, home: Path, version: int) -> bool:
    """Publish in a child that is killed before this act on the file system; say whether there was one."""
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, arguments: tuple) -> None:
            nonlocal left
            is_ours = event == "open" and str(home) in str(arguments[0])
            if is_ours or event.split(".")[0] in ("os", "shutil"):
                left -= 1
                if left < 0:
                    signal.raise_signal(signal.SIGKILL)

        try:
            sys.addaudithook(count)
            publish(home, version)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_killed_anywhere_the_old_or_the_new_stays_and_the_next_one_goes_on(tmp_path):
    template = tmp_path / "template"
    template.mkdir()
    for version in (1, 2, 3):
        publish(template, version)
    ended_with: list[int] = []
    step = 0
    while True:
        home = tmp_path / f"at_{step}"
        shutil.copytree(template, home, symlinks=True)
        was_killed = killed_at(step, home, 4)
        kept, current = state(home)
        assert current in (3, 4) and read(home / "published") == {current}
        assert all(one.problem() is None for one in publications(home))
        ended_with.append(current)
        publish(home, 5)
        kept, current = state(home)
        assert len(kept) == 3 and read(home / "published") == {5}
        assert sorted(path.name for path in home.iterdir()) == ["publications", "published"]
        left = {path.name for path in (home / "publications").iterdir()}
        assert left == {".lock", *(f"{number:06d}" for number in kept)}
        if not was_killed:
            break
        step += 1
    assert step > 15 and ended_with == sorted(ended_with) and {3, 4} == set(ended_with)


def test_a_rollback_is_not_undone_by_files_that_a_killed_operation_left(tmp_path):
    """An erasure was killed when its new files were whole: these take their place before anything is done."""
    home = tmp_path
    for version in (1, 2):
        folder = publishing.start(home, {"run_id": f"run {version}"})
        for name in MARTS:
            pq.write_table(
                pa.table({"user_key": ["a", "b"], "version": [version] * 2}), folder / f"{name}.parquet"
            )
        publishing.finish(folder)
    for pair in rewriting.start_publications(home):
        pq.write_table(pq.read_table(pair["old"]).slice(1), pair["new"])
    rewriting.finish_publications(home, 1)
    rewriting.mark_whole(home)
    locking.release(home)
    ran = CliRunner().invoke(main, ["rollback", "--home", str(home)])
    assert ran.exit_code == 0, ran.output
    rewriting.finish(home)  # as the next process does
    locking.release(home)
    assert read(home / "published") == {1}
    assert pq.read_table(home / "published" / "user_features.parquet").num_rows == 1, "the erased one is back"
