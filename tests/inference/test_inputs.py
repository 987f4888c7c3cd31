from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encnet.inference.inputs import expand_inputs, kind_of, output_stems
from encnet.system.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.png",
        "a.JPG",
        ".hidden.png",
        "notes.txt",
        "sub/c.png",
        "sub/deep/d.webp",
        "[x].png",
        "empty/no.txt",
        "films/x.MP4",
        "films/y.mov",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    return tmp_path


def names(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["b.png"], ["b.png"]),
        (["notes.txt"], ["notes.txt"]),
        (["."], ["[x].png", "a.JPG", "b.png"]),
        (["sub"], ["sub/c.png"]),
        (["*.png"], ["[x].png", "b.png"]),
        (["*"], ["[x].png", "a.JPG", "b.png"]),
        (["**/*.webp"], ["sub/deep/d.webp"]),
        (["[x].png"], ["[x].png"]),
        (["films/y.mov"], ["films/y.mov"]),
        (["films/*.mov"], ["films/y.mov"]),
        (["**/*.MP4"], ["films/x.MP4"]),
        (["b.png", ".", "sub"], ["b.png", "[x].png", "a.JPG", "sub/c.png"]),
    ],
)
def test_patterns_expand_to_images(folder: Path, patterns: list[str], expected: list[str]) -> None:
    assert names(expand_inputs([folder / pattern for pattern in patterns]), folder) == expected


@pytest.mark.parametrize("pattern", ["missing.png", "*.gif", "empty", "*.txt", "films", "films/*"])
def test_a_pattern_without_images_is_named(folder: Path, pattern: str) -> None:
    with pytest.raises(InputError) as caught:
        expand_inputs([folder / "b.png", str(folder / pattern)])
    assert str(folder / pattern) in str(caught.value)


def test_the_home_directory_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert expand_inputs(["~/b.png"]) == [folder / "b.png"]


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


def test_the_suffix_decides_the_kind(folder: Path) -> None:
    kinds = {name: kind_of(folder / name) for name in ("b.png", "films/x.MP4", "notes.txt", "missing.tif")}
    assert kinds == {"b.png": "image", "films/x.MP4": "video", "notes.txt": "image", "missing.tif": "image"}


def test_a_damaged_tiff_is_a_raster(folder: Path) -> None:
    (folder / "cut.tif").write_bytes(b"II*\0")
    (folder / "text.tif").write_text("no TIFF")
    assert kind_of(folder / "cut.tif") == "raster"
    assert kind_of(folder / "text.tif") == "image"
