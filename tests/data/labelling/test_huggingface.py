"""Data sets of the library Hugging Face datasets, compared with the arrays that they were made of."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_exports import label_maps
from PIL import Image

from encnet.cli import main
from encnet.commands.command import INCOMPLETE
from encnet.data.labelling import import_labels
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError

datasets: Any = pytest.importorskip("datasets")

RNG = np.random.default_rng(0)
LABELS = [RNG.integers(0, 3, (20, 30)).astype(np.uint8) for _ in range(4)]
LABELS[0][0, :5] = 255
NAMES = ["other", "lawn", "path"]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")


def png(array: np.ndarray, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format=format)
    return buffer.getvalue()


def photograph(index: int) -> bytes:
    return png(np.full((20, 30, 3), 40 * index, np.uint8), "JPEG")


def table(numbers: range, image: str = "image", label: str = "label", kind: str = "image") -> Any:
    """Rows with a photograph and a label map as an image, an array or lists of class labels."""
    kinds = {
        "image": datasets.Image(),
        "array": datasets.Array2D((20, 30), "int32"),
        "lists": datasets.Sequence(datasets.Sequence(datasets.Value("int32"))),
        "classes": datasets.Sequence(datasets.Sequence(datasets.ClassLabel(names=NAMES))),
    }
    maps = [{"bytes": png(LABELS[i]), "path": None} if kind == "image" else LABELS[i].tolist() for i in numbers]
    if kind == "classes":
        maps = [np.where(LABELS[i] == 255, -1, LABELS[i].astype(int)).tolist() for i in numbers]
    if kind == "array":
        maps = [LABELS[i].astype(np.int32) for i in numbers]
    rows = {
        image: [{"bytes": photograph(i), "path": f"p{i}.jpg"} for i in numbers],
        label: maps,
        "id": list(numbers),
    }
    features = datasets.Features({image: datasets.Image(), label: kinds[kind], "id": datasets.Value("int32")})
    return datasets.Dataset.from_dict(rows, features=features)


def assert_all_drawn(out: Path) -> None:
    labels = label_maps(out)
    assert sorted(labels) == ["p0", "p1", "p2", "p3"]
    for i, expected in enumerate(LABELS):
        assert np.array_equal(labels[f"p{i}"], expected)
        (image,) = out.glob(f"images/*/p{i}.jpg")
        assert image.read_bytes() == photograph(i)


@pytest.mark.parametrize("kind", ["image", "array", "lists"])
@pytest.mark.parametrize(("image", "label"), [("image", "label"), ("pixel_values", "segmentation_mask")])
def test_a_saved_data_set(tmp_path: Path, kind: str, image: str, label: str) -> None:
    splits = {"train": table(range(2), image, label, kind), "validation": table(range(2, 4), image, label, kind)}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved")
    imported = import_labels(tmp_path / "saved", tmp_path / "data")
    assert imported.format == "huggingface"
    assert imported.why == f"its column '{image}' holds images, and '{label}' label maps"
    assert imported.classes == ("class_0", "class_1", "class_2")
    assert imported.images == {"train": 2, "val": 2}
    assert imported.ledger.complete
    assert_all_drawn(tmp_path / "data")


def test_names_of_classes_come_from_the_type_of_the_label_maps(tmp_path: Path) -> None:
    table(range(4), kind="classes").save_to_disk(tmp_path / "saved")
    imported = import_labels(tmp_path / "saved", tmp_path / "data", val_share=0)
    assert imported.classes == tuple(NAMES)
    assert_all_drawn(tmp_path / "data")


def test_names_of_classes_come_from_id2label(tmp_path: Path) -> None:
    table(range(4)).save_to_disk(tmp_path / "saved")
    (tmp_path / "saved/id2label.json").write_text(json.dumps({"1": "lawn", "0": "other"}))
    imported = import_labels(tmp_path / "saved", tmp_path / "data", val_share=0)
    assert imported.classes == ("other", "lawn")
    pixels = sum(int((labels == 2).sum()) for labels in LABELS)
    assert imported.left_out == {"pixel of value 2, which has no class name": pixels}
    for i, labels in enumerate(LABELS):
        assert np.array_equal(label_maps(tmp_path / "data")[f"p{i}"], np.where(labels == 2, IGNORE, labels))


def test_a_folder_of_parquet_files(tmp_path: Path) -> None:
    for split, numbers in (("train", range(3)), ("test", range(3, 4))):
        (tmp_path / "own/data").mkdir(parents=True, exist_ok=True)
        table(numbers).to_parquet(tmp_path / f"own/data/{split}-00000-of-00001.parquet")
    imported = import_labels(tmp_path / "own", tmp_path / "data", "huggingface", val_share=0)
    assert imported.images == {"train": 3, "test": 1}
    assert_all_drawn(tmp_path / "data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "own"]


def test_an_image_folder_with_metadata(tmp_path: Path) -> None:
    (tmp_path / "own/train").mkdir(parents=True)
    lines = []
    for i, labels in enumerate(LABELS):
        (tmp_path / f"own/train/p{i}.jpg").write_bytes(photograph(i))
        (tmp_path / f"own/train/m{i}.png").write_bytes(png(labels))
        lines.append(json.dumps({"file_name": f"p{i}.jpg", "mask_file_name": f"m{i}.png"}))
    (tmp_path / "own/train/metadata.jsonl").write_text("\n".join(lines))
    import_labels(tmp_path / "own", tmp_path / "data", "huggingface", val_share=0)
    assert_all_drawn(tmp_path / "data")


@pytest.mark.parametrize(("name", "configuration"), [("someone/gardens", None), ("someone/gardens:small", "small")])
def test_an_id_is_loaded_from_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, configuration: str | None
) -> None:
    asked: list[Any] = []
    loaded = datasets.DatasetDict({"train": table(range(4))})
    monkeypatch.setattr(datasets, "load_dataset", lambda *arguments: asked.append(arguments) or loaded)
    import_labels(name, tmp_path / "data", "huggingface", val_share=0)
    assert asked == [("someone/gardens", configuration)]
    assert_all_drawn(tmp_path / "data")


def test_a_data_set_that_is_not_on_the_hub_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*arguments: Any) -> Any:
        raise ConnectionError("Couldn't reach\nthe Hub")

    monkeypatch.setattr(datasets, "load_dataset", load)
    message = "cannot load the data set some/thing from the Hugging Face Hub: Couldn't reach the Hub; correct its name"
    with pytest.raises(InputError, match=message):
        import_labels("some/thing", tmp_path / "data", "huggingface")


def test_columns_that_do_not_tell_are_named_and_can_be_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(range(4), "left", "right").save_to_disk(tmp_path / "saved")
    command = ["import-labels", str(tmp_path / "saved"), "--out", str(tmp_path / "data"), "--val_share", "0"]
    assert main(command) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the columns are left, right, id, with images in left, right; give both names (--columns)" in said
    assert main([*command, "--columns", "[left,up]"]) == 2
    assert main([*command, "--columns", "[left,id]"]) == 2
    assert "the column 'id' of" in " ".join(capsys.readouterr().err.split())
    assert main([*command, "--columns", "[left,right]"]) == 0
    assert_all_drawn(tmp_path / "data")


def test_colours_become_classes(tmp_path: Path) -> None:
    colors = np.array([(0, 0, 0), (48, 112, 32), (200, 10, 255)], np.uint8)
    rows = {
        "image": [{"bytes": photograph(i), "path": None} for i in (1, 2)],
        "mask": [{"bytes": png(colors[LABELS[i]]), "path": None} for i in (1, 2)],
    }
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "saved")
    imported = import_labels(tmp_path / "saved", tmp_path / "data", val_share=0)
    assert imported.classes == ("color_000000", "color_307020", "color_c80aff")
    labels = label_maps(tmp_path / "data")
    assert np.array_equal(labels["000000"], LABELS[1])
    assert np.array_equal(labels["000001"], LABELS[2])


def in_rgb(tmp_path: Path, label_maps: list[np.ndarray]) -> Path:
    """A data set of these label maps, each saved as it is."""
    rows = {
        "image": [{"bytes": photograph(1), "path": None} for _ in label_maps],
        "mask": [{"bytes": png(label_map), "path": None} for label_map in label_maps],
    }
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "saved")
    return tmp_path / "saved"


def test_grey_label_maps_in_rgb_have_colours_beside_others_of_colours(tmp_path: Path) -> None:
    colors = np.array([(0, 0, 0), (9, 9, 9), (200, 10, 255)], np.uint8)
    indices = [np.zeros((20, 30), int), np.ones((20, 30), int), np.full((20, 30), 2)]
    imported = import_labels(in_rgb(tmp_path, [colors[each] for each in indices]), tmp_path / "data", val_share=0)
    assert imported.classes == ("color_000000", "color_090909", "color_c80aff")
    labels = label_maps(tmp_path / "data")
    assert all(np.array_equal(labels[f"{i:06d}"], each) for i, each in enumerate(indices))


def test_grey_label_maps_in_rgb_alone_have_values(tmp_path: Path) -> None:
    values = [np.repeat(LABELS[i][..., None], 3, axis=2) for i in (1, 2)]
    import_labels(in_rgb(tmp_path, [*values, LABELS[3]]), tmp_path / "data", val_share=0)
    labels = label_maps(tmp_path / "data")
    assert all(np.array_equal(labels[f"{i:06d}"], LABELS[i + 1]) for i in range(3))


def test_rows_that_cannot_be_used_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, image = {"bytes": png(LABELS[1]), "path": None}, {"bytes": photograph(1), "path": "p1.jpg"}
    rows = {"image": [image, image, None], "label": [good, None, good]}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Image()})
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "saved")
    assert main(["import-labels", str(tmp_path / "saved"), "--out", str(tmp_path / "data")]) == INCOMPLETE
    said = " ".join(capsys.readouterr().out.split())
    assert "read as huggingface, because its column 'image' holds images" in said
    assert "1 file (row 1 of all): its image or label map cannot be used: there is no label map" in said
    assert "1 file (row 2 of all): its image or label map cannot be used: there is no image" in said


def test_without_the_library_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"needs the library datasets: `pip install 'encnet\[hf\]'`"):
        import_labels(tmp_path, tmp_path / "data", "huggingface")
