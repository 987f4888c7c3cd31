"""300 classes in label maps of 16 bits, through the command line: train, evaluate, predict, export."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from sample_paths import path_of

from encnet.checkpoint.loading import load
from encnet.cli import main
from encnet.commands.command import WRONG_INPUT
from encnet.data.formats import read_dataset
from encnet.inference.predictor import Predictor

CLASSES = 300


def write_data(root: Path, classes: int = CLASSES) -> Path:
    """Photographs of patches whose colour is their class; three training images show every class; the last rows are
    ignored."""
    rng = np.random.default_rng(0)
    patches = iter(np.resize(rng.permutation(classes), 5 * 120).reshape(5, 10, 12))
    for split, number in (("train", 3), ("val", 2)):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for i in range(number):
            label = next(patches).repeat(4, axis=0).repeat(4, axis=1)
            image = np.stack([label % 7, label // 7 % 7, label // 49], axis=2) * 36
            label[-4:] = 65535
            Image.fromarray(image.astype(np.uint8)).save(root / "images" / split / f"{i}.png")
            Image.fromarray(label.astype(np.uint16)).save(root / "labels" / split / f"{i}.png")
    splits = {split: {"images": f"images/{split}", "labels": f"labels/{split}"} for split in ("train", "val")}
    document = {"classes": [{"name": f"c{c}"} for c in range(classes)], "splits": splits}
    (root / "dataset.yaml").write_text(yaml.safe_dump(document))
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set data/ and the checkpoint run/best.safetensors of four steps."""
    folder = tmp_path_factory.mktemp("many")
    write_data(folder / "data")
    words = (
        "--model.variant encnet_tiny --model.output_stride 16 --model.num_codes 4 --model.head_channels 16"
        " --data.batch_size 3 --data.workers 0 --data.crop [32,32] --data.rotation 5 --data.max_class_share 0.9"
        " --loss.jaccard_weight 0.5 --steps 4 --accelerator cpu --precision fp32"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        assert main(["train", str(folder / "data"), "--out", str(folder / "run"), *words.split()]) == 0
    return folder


def test_training_ends_with_a_checkpoint_of_all_classes(trained: Path) -> None:
    model = load(trained / "run/best.safetensors")
    assert model.num_classes == CLASSES and model.info.classes[255] == "c255"
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    assert (trained / "run/batches.png").is_file() and (trained / "run/check.html").is_file()


def test_evaluation_equals_loops_over_the_predictions(trained: Path) -> None:
    out = trained / "evaluation"
    assert main(["evaluate", str(trained / "run/best.safetensors"), str(trained / "data"), "--out", str(out)]) == 0
    report = json.loads((out / "evaluation.json").read_text())["scores"]
    predictor = Predictor(trained / "run/best.safetensors", device="cpu")
    confusion: dict[tuple[int, int], int] = {}
    for sample in read_dataset(trained / "data").splits["val"]:
        assert sample.label is not None
        truth, predicted = np.asarray(Image.open(path_of(sample.label))), predictor(sample.image).labels
        for pair in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
            if pair[0] != 65535:
                confusion[pair] = confusion.get(pair, 0) + 1
    assert {(t, p): n for t, p, n in report["confusion_pairs"]} == confusion
    hits = sum(n for (t, p), n in confusion.items() if t == p)
    assert report["pixel_accuracy"] == pytest.approx(hits / sum(confusion.values()))
    for c in range(CLASSES):
        union = sum(n for (t, p), n in confusion.items() if c in (t, p))
        iou = confusion.get((c, c), 0) / union if union else None
        assert report["iou"][f"c{c}"] == (None if iou is None else pytest.approx(iou))
    assert (out / "evaluation.html").is_file()


@pytest.fixture(scope="module")
def high(trained: Path) -> Path:
    """The checkpoint of a network that predicts only classes above 255."""
    model = load(trained / "run/best.safetensors")
    bias = model.head.classifier.bias
    assert bias is not None
    with torch.no_grad():
        bias[:256] -= 100
    model.save(trained / "high.safetensors")
    return trained / "high.safetensors"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "library"), [("m.onnx", "onnxruntime"), ("m.xml", "openvino"), ("m.pt2", "torch")])
def test_exported_files_predict_what_the_checkpoint_predicts(
    trained: Path, high: Path, tmp_path: Path, name: str, library: str
) -> None:
    package = pytest.importorskip(library)
    file, photograph = tmp_path / name, trained / "data/images/val/0.png"
    assert main(["export", str(high), "--out", str(file), "--labels", "true"]) == 0
    for model, out in ((high, "one"), (file, "two")):
        words = ["--out", str(tmp_path / out), "--device", "cpu", "--overlay", "false"]
        assert main(["predict", str(model), str(photograph), *words]) == 0
    one, two = (Image.open(tmp_path / out / "0.png") for out in ("one", "two"))
    assert one.mode == two.mode == "I;16"
    expected = Predictor(high, device="cpu")(photograph).labels
    assert expected.dtype == np.uint16 and expected.min() > 255
    assert np.array_equal(np.asarray(one), expected)
    assert (np.asarray(two) == expected).mean() > 0.99
    if library == "onnxruntime":  # the third output, as other programs read it
        pixels = np.asarray(Image.open(photograph))[:32, :48]
        (labels,) = package.InferenceSession(str(file)).run(["labels"], {"images": pixels[None]})
        assert labels.dtype == np.int32
        assert (labels[0] == Predictor(high, device="cpu")(pixels).labels).mean() > 0.99


def test_too_many_classes_to_score_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("encnet.metrics.pixels.MOST_CLASSES", 299)
    words = ["--out", str(tmp_path / "run"), "--model.variant", "encnet_tiny", "--steps", "1", "--accelerator", "cpu"]
    assert main(["train", str(write_data(tmp_path / "data")), *words]) == WRONG_INPUT
    assert "300 classes are too many to compare" in capsys.readouterr().err
