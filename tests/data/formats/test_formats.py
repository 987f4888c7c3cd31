"""Detection of formats: published data sets in their official layouts, from every folder that a user may give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from official_layouts import MAKERS
from sample_paths import path_of

from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import FORMATS, read_dataset
from encnet.system.errors import InputError

LAYOUTS = [
    pytest.param("ade20k", {}, ("ADEChallengeData2016",), id="ade20k"),
    pytest.param("camvid", {}, (), id="camvid"),
    pytest.param("cityscapes", {}, ("leftImg8bit", "gtFine"), id="cityscapes"),
    pytest.param("voc", {"sbd": None}, ("VOCdevkit", "VOCdevkit/VOC2012"), id="voc"),
    pytest.param("voc", {"sbd": "png"}, ("VOCdevkit", "VOCdevkit/VOC2012"), id="voc-png"),
    pytest.param("voc", {"sbd": "mat"}, ("VOCdevkit", "VOCdevkit/VOC2012"), id="voc-mat"),
    pytest.param("pascal_context", {}, ("VOCdevkit", "VOCdevkit/VOC2010"), id="context"),
    pytest.param("pascal_context", {"maps": "59_context_labels"}, ("VOCdevkit", "VOCdevkit/VOC2010"), id="context-59"),
    pytest.param("pascal_context", {"maps": "trainval"}, ("VOCdevkit", "VOCdevkit/VOC2010"), id="context-459"),
]


def content(index: DatasetIndex) -> dict[str, list[tuple[Path | None, ...]]]:
    return {
        split: [tuple(path and path_of(path).resolve() for path in sample) for sample in samples]
        for split, samples in index.splits.items()
    }


@pytest.mark.parametrize(("name", "options", "inner"), LAYOUTS)
def test_a_layout_is_detected_from_each_of_its_folders(
    name: str,
    options: dict[str, str],
    inner: tuple[str, ...],
    official_layout: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = official_layout(name, **options)
    whole = read_dataset(root)
    assert whole.name == name
    assert len(whole.split("train")) >= 4
    assert len(whole.split("val")) >= 2
    assert all(path.is_file() for split in whole.splits.values() for sample in split for path in sample if path)
    for folder in (".", *inner):
        monkeypatch.chdir(root / folder)
        for given in (root / folder, Path()):
            fitting = {other for other, module in FORMATS.items() if module.recognise(given)} - {"folder"}
            assert fitting == {name}, given
            assert content(read_dataset(given)) == content(whole), given


@pytest.mark.parametrize(("name", "options", "inner"), LAYOUTS)
def test_check_finds_no_problem_in_a_layout(
    name: str, options: dict[str, str], inner: tuple[str, ...], official_layout: Callable[..., Path], tmp_path: Path
) -> None:
    index = read_dataset(official_layout(name, **options))
    report = check_dataset(index, cache=tmp_path / "cache")
    assert report.problems == ()
    assert not [warning.message for warning in report.warnings if "the same image" in warning.message]
    assert report.class_pixels["train"].sum() > 0
    assert report.class_pixels["val"].sum() > 0


def test_every_published_format_has_a_layout() -> None:
    assert set(MAKERS) == FORMATS.keys() - {"folder", "pascal_context59", "pascal_context459"}


def test_two_data_sets_in_one_folder_need_a_format(tmp_path: Path) -> None:
    MAKERS["pascal_context"](MAKERS["voc"](tmp_path))
    with pytest.raises(InputError, match=r"holds pascal_context and voc; give the format"):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path, "voc").labels.num_classes == 21
    assert read_dataset(tmp_path, "pascal_context").labels.num_classes == 60
    assert read_dataset(tmp_path / "VOCdevkit" / "VOC2012").name == "voc"
    assert read_dataset(tmp_path / "VOCdevkit" / "VOC2010").name == "pascal_context"


def test_a_users_data_set_in_similar_folders_is_a_folder(tmp_path: Path) -> None:
    for folder in ("images", "annotations"):
        (tmp_path / folder / "train").mkdir(parents=True)
        (tmp_path / folder / "train" / "a.png").touch()
    fitting = {name for name, module in FORMATS.items() if module.recognise(tmp_path)}
    assert fitting == {"folder"}
