"""What may be written: no input under any name, and no file of the user's, unless overwriting is allowed."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from encnet.system.errors import InputError
from encnet.system.files import RECORD, replacing, write_text
from encnet.system.outputs import LONGEST_NAME, Records, check_outputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file of the user's, ``mine.txt``, and one of encnet's, ``ours.txt``."""
    (tmp_path / "mine.txt").write_text("of the user")
    write_text(tmp_path / "ours.txt", "of encnet")
    return tmp_path


def replace(path: Path) -> None:
    path.write_text("edited by hand")


def same_size(path: Path) -> None:
    path.write_text("0f encnet")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def restore(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    os.utime(copy, (1, 1))
    copy.replace(path)


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("mine.txt")


def dangle(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize("change", [replace, same_size, restore, link, dangle])
def test_a_file_that_was_changed_is_the_users(folder: Path, change: Callable[[Path], None]) -> None:
    ours = folder / "ours.txt"
    check_outputs([ours])
    change(ours)
    with pytest.raises(InputError, match=r"ours\.txt exists, and encnet did not write it, or it was changed") as caught:
        check_outputs([ours])
    assert caught.value.argument == "overwrite"
    check_outputs([ours], overwrite=True)
    with replacing(ours) as temporary:
        temporary.write_text("of encnet again")
    check_outputs([ours])


def test_renamed_and_moved_folders_keep_their_records(folder: Path, tmp_path: Path) -> None:
    write_text(folder / "out/a.txt", "a")
    (folder / "out").rename(folder / "moved")
    check_outputs([folder / "moved/a.txt"])
    shutil.copytree(folder / "moved", folder / "copied")  # with the times of the files
    check_outputs([folder / "copied/a.txt"])


def test_every_foreign_file_is_counted_and_the_first_is_named(folder: Path) -> None:
    (folder / "too.txt").write_text("of the user")
    targets = [folder / name for name in ("new.txt", "ours.txt", "mine.txt", "too.txt")]
    with pytest.raises(InputError, match=r"mine\.txt \(and 1 more\) exists"):
        check_outputs(targets)


def hard_link(folder: Path) -> Path:
    os.link(folder / "mine.txt", folder / "other.txt")
    return folder / "other.txt"


def soft_link(folder: Path) -> Path:
    (folder / "other.txt").symlink_to("mine.txt")
    return folder / "other.txt"


def linked_folder(folder: Path) -> Path:
    (folder / "link").symlink_to(folder, target_is_directory=True)
    return folder / "link/mine.txt"


def other_case(folder: Path) -> Path:
    if not (folder / "MINE.TXT").exists():
        pytest.skip("this file system distinguishes case")
    return folder / "MINE.TXT"


def detour(folder: Path) -> Path:
    (folder / "sub").mkdir()
    return folder / "sub/../mine.txt"


@pytest.mark.parametrize(
    "name", [lambda folder: folder / "mine.txt", hard_link, soft_link, linked_folder, other_case, detour]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_refused_by_any_name(folder: Path, name: Callable[[Path], Path], overwrite: bool) -> None:
    target = name(folder)
    with pytest.raises(InputError, match="which is never replaced") as caught:
        check_outputs([folder / "new.txt", target], ["owner/of-the-hub", folder / "mine.txt"], overwrite, "folder")
    assert str(target) in str(caught.value) and str(folder / "mine.txt") in str(caught.value)
    assert caught.value.argument == "folder"


def test_an_input_that_encnet_wrote_is_refused_too(folder: Path) -> None:
    with pytest.raises(InputError, match=r"ours\.txt is an input"):
        check_outputs([folder / "ours.txt"], [folder / "ours.txt"], overwrite=True)


def test_a_folder_of_inputs_stands_for_its_files(folder: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.txt is an input"):
        check_outputs([folder / "mine.txt"], [folder], overwrite=True)
    check_outputs([folder / "new.txt"], [folder])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("sub", "sub is a folder"),
        ("mine.txt/a.txt", "cannot write .*mine.txt/a.txt: .*mine.txt is a file"),
        ("mine.txt/deep/a.txt", "mine.txt is a"),
    ],
)
def test_a_target_that_cannot_be_made_is_refused(folder: Path, target: str, message: str) -> None:
    (folder / "sub").mkdir()
    with pytest.raises(InputError, match=message):
        check_outputs([folder / target], overwrite=True)


def test_nothing_is_asked_where_nothing_exists(folder: Path) -> None:
    check_outputs([folder / "new/deep/a.txt", folder / "b.txt"], [folder / "missing.txt"])
    assert not (folder / "new").exists()


def test_an_interrupted_file_is_neither_there_nor_in_the_way(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt), replacing(folder / "out/a.txt"):
        raise KeyboardInterrupt
    assert not (folder / "out").exists()
    check_outputs([folder / "out/a.txt"])


def test_a_file_that_nobody_may_have_twice_is_recorded_by_any_case(folder: Path) -> None:
    (folder / "ours.txt").rename(folder / "OURS.txt")
    check_outputs([folder / "OURS.txt"])


def test_damaged_lines_and_other_files_do_not_matter(folder: Path) -> None:
    with (folder / RECORD).open("ab") as record:
        record.write(b'["half a li\xff\n')
    write_text(folder / 'gr\u00fcn "1"\n.txt', "a name that needs quotes")
    assert Records().wrote(folder / 'gr\u00fcn "1"\n.txt')
    assert Records().wrote(folder / "ours.txt") and Records().wrote(folder / RECORD)
    assert not Records().wrote(folder / "mine.txt") and not Records().wrote(folder / "missing.txt")


def test_threads_that_write_to_one_folder_keep_all_lines(folder: Path) -> None:
    def write(first: int) -> None:
        for i in range(first, first + 25):
            write_text(folder / f"out/{i}.txt", str(i))

    threads = [threading.Thread(target=write, args=[25 * i]) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_outputs([folder / f"out/{i}.txt" for i in range(100)])
    assert len((folder / "out" / RECORD).read_text().splitlines()) == 100


def test_files_that_are_not_recorded_are_the_users(folder: Path) -> None:
    write_text(folder / "shared/config.json", "{}", recorded=False)
    assert [path.name for path in (folder / "shared").iterdir()] == ["config.json"]
    with pytest.raises(InputError, match="encnet did not write it"):
        check_outputs([folder / "shared/config.json"])


@pytest.mark.parametrize("letter", ["x", "é"])
def test_names_that_no_file_can_have_are_refused_at_first(letter: str, tmp_path: Path) -> None:
    longest = letter * ((LONGEST_NAME - 4) // len(letter.encode())) + ".txt"
    check_outputs([tmp_path / longest], overwrite=True)
    write_text(tmp_path / longest, "x")
    with pytest.raises(InputError, match=r"is too long for a file, which has 245 bytes at most; choose a shorter one"):
        check_outputs([tmp_path / f"{letter * 5}{longest}"], overwrite=True)
