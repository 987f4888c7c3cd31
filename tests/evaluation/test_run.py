"""Evaluation of a model, against scores counted from its predictions."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sample_paths import path_of
from torchvision.transforms.v2 import functional

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.labels import IGNORE, LabelSet
from encnet.evaluation import EvaluationReport, evaluate
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.system.errors import InputError

NAMES = ("sky", "road", "car", "tree", "never")
SIZES = [(40, 32), (24, 48), (40, 32), (24, 48), (40, 32)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> DatasetIndex:
    """Images of two sizes; each label map is partly ignored, the second one entirely."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    samples = []
    for number, size in enumerate(SIZES):
        image, label = root / f"{number}.jpg", root / f"{number}.png"
        Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize(size).save(image)
        classes = random.choice([0, 1, 2, 3, IGNORE], (4, 4)) if number != 1 else np.full((4, 4), IGNORE)
        Image.fromarray(classes.astype(np.uint8)).resize(size, Image.Resampling.NEAREST).save(label)
        samples.append(Sample(image, label))
    return DatasetIndex("photos", root, LabelSet.plain(NAMES), {"val": tuple(samples), "empty": ()})


@pytest.fixture(scope="module")
def model(index: DatasetIndex) -> EncNet:
    """A model with random weights that predicts several classes: normalised activations, logits around zero."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", num_classes=5)
    model.info.classes = list(NAMES)
    with torch.no_grad():
        images = [functional.pil_to_tensor(Image.open(path_of(sample.image))) for sample in index.split("val")[::2]]
        for _ in range(20):
            model.train()(torch.stack(images) / 127.5 - 1)
        bias = model.head.classifier.bias
        assert bias is not None
        bias -= model.eval()(torch.stack(images) / 127.5 - 1).logits.mean(dim=(0, 2, 3))
        bias[4] = -1e3
    return model


def run(model: EncNet | Path, index: DatasetIndex, **options: Any) -> EvaluationReport:
    return evaluate(model, index, **{"device": "cpu", "workers": 0, "progress": False, **options})


@pytest.mark.parametrize("protocol", [Protocol(), Protocol("sliding", (24, 24), scales=(1.0, 0.5), flip=True)])
def test_the_confusion_matrix_counts_the_predictions(model: EncNet, index: DatasetIndex, protocol: Protocol) -> None:
    predictor = Predictor(model, protocol, device="cpu")
    confusion = np.zeros((5, 5), np.int64)
    probabilities, present = [], []
    for image, label in index.split("val"):
        assert label is not None
        result, truth = predictor(image), np.asarray(Image.open(path_of(label)))
        for predicted, true in zip(result.labels.flat, truth.flat, strict=True):
            if true != IGNORE:
                confusion[true, predicted] += 1
        assert result.presence is not None
        probabilities.append(result.presence)
        present.append([bool((truth == c).any()) for c in range(5)])
    scores = run(model, index, protocol=protocol).scores
    np.testing.assert_array_equal(scores.confusion, confusion)
    assert (confusion[:4, :4].sum(axis=0) > 0).sum() > 1
    assert np.isnan(scores.iou[4])
    known = [i for i in range(5) if any(present[i])]
    assert known == [0, 2, 3, 4]
    for c in range(4):
        predicted = np.array([probabilities[i][c] > 0.5 for i in known])
        there = np.array([present[i][c] for i in known])
        expected = 2 * (predicted & there).sum() / max(1, predicted.sum() + there.sum())
        assert scores.presence_f1 is not None
        assert scores.presence_f1[c] == pytest.approx(expected)


@pytest.mark.parametrize("options", [{"batch_size": 4}, {"workers": 2}])
def test_batches_and_workers_do_not_change_the_scores(
    model: EncNet, index: DatasetIndex, options: dict[str, int]
) -> None:
    plain, other = run(model, index).scores, run(model, index, **options).scores
    assert np.abs(plain.confusion - other.confusion).sum() <= 2  # ties may be broken differently in another batch
    assert other.mean_presence_average_precision == pytest.approx(plain.mean_presence_average_precision)


def test_limit_takes_the_first_images(model: EncNet, index: DatasetIndex) -> None:
    first = replace(index, splits={"val": index.split("val")[:3]})
    limited = run(model, index, limit=3)
    assert limited.images == 3
    assert limited.scores.to_dict() == run(model, first).scores.to_dict()


def test_the_report_records_its_settings(model: EncNet, index: DatasetIndex, tmp_path: Path) -> None:
    model.save(tmp_path / "model.safetensors")
    report = run(tmp_path / "model.safetensors", index, precision="bf16", protocol=Protocol(flip=True))
    saved = report.to_dict()
    assert saved["variant"] == "encnet_tiny"
    assert saved["checkpoint"] == str(tmp_path / "model.safetensors")
    assert (saved["dataset"], saved["split"], saved["images"]) == ("photos", "val", 5)
    assert (saved["engine"], saved["device"], saved["precision"]) == ("pytorch", "cpu", "bf16")
    assert saved["protocol"]["flip"] is True
    assert report.images_per_second == pytest.approx(5 / report.seconds)
    assert run(model, index, limit=1).checkpoint is None


@pytest.mark.parametrize("batch_size", [1, 4])
def test_every_image_has_its_scores_in_the_order_of_the_split(
    model: EncNet, index: DatasetIndex, batch_size: int
) -> None:
    report = run(model, index, batch_size=batch_size)
    predictor = Predictor(model, device="cpu")
    assert [score.file for score in report.per_image] == [f"{number}.jpg" for number in range(5)]
    for (image, label), score in zip(index.split("val"), report.per_image, strict=True):
        assert label is not None
        result, truth = predictor(image), np.asarray(Image.open(path_of(label)))
        known = truth != IGNORE
        unions = [((result.labels == c) | (truth == c)) & known for c in range(5)]
        hits = [(result.labels == c) & (truth == c) & known for c in range(5)]
        ious = [hit.sum() / union.sum() for hit, union in zip(hits, unions, strict=True) if union.any()]
        disagreement = result.disagreement()
        assert score.disagreement is not None and disagreement is not None
        assert score.disagreement.score == pytest.approx(disagreement.score, abs=1e-3)
        if known.any():
            assert score.mean_iou == pytest.approx(np.mean(ious), abs=1e-2)
            assert score.pixel_accuracy == pytest.approx((result.labels == truth)[known].mean(), abs=1e-2)
        else:
            assert np.isnan(score.mean_iou)


def test_the_report_keeps_the_worst_images_with_prediction_and_truth(
    model: EncNet, index: DatasetIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("encnet.evaluation.run.WORST", 2)
    report = run(model, index, batch_size=4)
    scored = [score for score in report.per_image if not np.isnan(score.mean_iou)]
    assert [score for score, _ in report.worst] == sorted(scored, key=lambda score: score.mean_iou)[:2]
    for score, (segmentation, truth) in report.worst:
        assert segmentation.path is not None
        assert segmentation.path == index.root / score.file
        with Image.open(path_of(segmentation.path)) as photograph:
            assert segmentation.image.tobytes() == photograph.convert("RGB").tobytes()
        np.testing.assert_array_equal(truth, np.asarray(Image.open(path_of(segmentation.path).with_suffix(".png"))))


def test_a_model_without_names_shows_those_of_the_data(model: EncNet, index: DatasetIndex) -> None:
    nameless = copy.deepcopy(model)
    nameless.info.classes = []
    ((_, (segmentation, _)),) = run(nameless, index, limit=1).worst
    assert segmentation.names == NAMES


def test_progress_goes_to_stderr(model: EncNet, index: DatasetIndex, capsys: pytest.CaptureFixture[str]) -> None:
    run(model, index, limit=2, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "photos val" in captured.err
    assert "2/2" in captured.err


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["sky", "road", "car"], "3 classes and photos has 5 .only the data has tree, never"),
        (["sky", "road", "car", "tree", "dog"], "only the model has dog; only the data has never"),
        (["road", "sky", "car", "tree", "never"], "class 0 is 'road' in the model and 'sky' in the data"),
    ],
)
def test_data_with_other_classes_is_refused(index: DatasetIndex, classes: list[str], message: str) -> None:
    model = create_model("encnet_tiny", num_classes=len(classes))
    model.info.classes = classes
    with pytest.raises(InputError, match=message):
        run(model, index)


def test_an_unreadable_file_is_one_sentence(model: EncNet, index: DatasetIndex, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    samples = (*index.split("val")[:1], Sample(broken, index.split("val")[0].label))
    for workers in (0, 1):
        with pytest.raises(InputError, match=r"broken\.jpg") as caught:
            run(model, replace(index, splits={"val": samples}), workers=workers)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "empty"}, "split 'empty' of .* is empty"),
        ({"split": "test"}, "no split 'test'"),
        ({"limit": 0}, "limit is 0; it must be at least 1"),
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"workers": -1}, "workers is -1; it must be from 0 to 256"),
    ],
)
def test_wrong_settings_are_errors(model: EncNet, index: DatasetIndex, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(model, index, **options)
