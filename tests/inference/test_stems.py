"""Names of results are distinct, and those of the files where possible."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from encnet.inference.stems import output_stems, renamed_note

part = st.sampled_from(["a", "b", "A", "a_b", "a_2", "a_overlay", "b_a_png"])
suffix = st.sampled_from([".png", ".jpg", ""])
images = st.builds(lambda folder, stem, suffix: Path(folder, stem + suffix), part, part, suffix)


@given(st.lists(images, unique=True, max_size=8))
def test_no_result_overwrites_another(paths: list[Path]) -> None:
    files = [f"{stem}{ending}".casefold() for stem in output_stems(paths) for ending in (".png", "_overlay.png")]
    assert len(set(files)) == len(files)


@given(st.lists(images, unique_by=lambda path: path.stem.casefold().removesuffix("_overlay"), max_size=8))
def test_distinct_stems_are_kept(paths: list[Path]) -> None:
    assert output_stems(paths) == [path.stem for path in paths]


def test_equal_stems_are_extended_with_folder_and_suffix() -> None:
    paths = [Path("x/1.png"), Path("y/1.png"), Path("y/1.jpg"), Path("y/2.png")]
    assert output_stems(paths) == ["1", "y_1", "y_1_jpg", "2"]


def test_reserved_stems_are_not_used() -> None:
    paths = [Path("a/Ranking.jpg"), Path("a/other.jpg")]
    assert output_stems(paths) == ["Ranking", "other"]
    assert output_stems(paths, ["ranking"]) == ["a_Ranking", "other"]


def test_a_note_names_the_first_three_other_names() -> None:
    assert renamed_note({Path("x/1.png"): "1", Path("y/2.png"): "2"}) is None
    stems = {Path("x/1.png"): "1", **{Path(f"{folder}/1.png"): f"{folder}_1" for folder in "abcde"}}
    note = renamed_note(stems)
    assert note is not None
    assert note.endswith(": a/1.png as a_1, b/1.png as b_1, c/1.png as c_1 and 2 more")
