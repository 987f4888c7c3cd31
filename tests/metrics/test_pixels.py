"""Scores of predictions, against loops over pixels and images."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from score_loops import Case, loop_oracle
from torch.multiprocessing.spawn import spawn

from encnet.data.labels import IGNORE
from encnet.metrics.pixels import SegmentationMetrics
from encnet.metrics.scores import Scores
from encnet.system.errors import InputError


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, Case]:
    """Few classes and coarse probabilities, so that absent classes, ignored images and ties are frequent."""
    classes = draw(st.integers(1, 5))
    images = draw(st.integers(1, 5))
    pixels = draw(st.integers(1, 6))
    label = st.integers(0, classes - 1)
    truth = st.one_of(label, st.just(IGNORE))
    predictions = draw(st.lists(label, min_size=images * pixels, max_size=images * pixels))
    targets = draw(st.lists(truth, min_size=images * pixels, max_size=images * pixels))
    quarters = draw(st.lists(st.integers(0, 4), min_size=images * classes, max_size=images * classes))
    shape = (images, 1, pixels)
    return classes, (
        torch.tensor(predictions, dtype=torch.uint8).reshape(shape),
        torch.tensor(targets, dtype=torch.uint8).reshape(shape),
        torch.tensor(quarters, dtype=torch.float32).reshape(images, classes) / 4,
    )


def names(classes: int) -> list[str]:
    return [f"class {i}" for i in range(classes)]


def scores_of(classes: int, case: Case, batch: int | None = None) -> Scores:
    metrics = SegmentationMetrics(classes, names(classes), presence=True)
    for parts in zip(*(tensor.split(batch or len(tensor)) for tensor in case), strict=True):
        metrics.update(*parts)
    return metrics.compute()


@settings(deadline=None)
@given(cases())
def test_every_score_equals_loops(drawn: tuple[int, Case]) -> None:
    classes, case = drawn
    scores = scores_of(classes, case)
    for name, value in loop_oracle(classes, case).items():
        np.testing.assert_allclose(getattr(scores, name), value, rtol=1e-6, atol=1e-6, err_msg=name)


@settings(deadline=None)
@given(cases())
def test_update_returns_the_confusion_matrix_of_each_image(drawn: tuple[int, Case]) -> None:
    classes, (prediction, target, probability) = drawn
    metrics = SegmentationMetrics(classes, names(classes), presence=True)
    found = metrics.update(prediction, target, probability)
    assert found.shape == (len(target), classes, classes)
    for confusion, *image in zip(found, prediction.split(1), target.split(1), probability.split(1), strict=True):
        np.testing.assert_array_equal(confusion, scores_of(classes, (image[0], image[1], image[2])).confusion)
    np.testing.assert_array_equal(found.sum(dim=0), metrics.compute().confusion)


@settings(deadline=None)
@given(cases(), st.integers(1, 3))
def test_batches_do_not_change_the_scores(drawn: tuple[int, Case], batch: int) -> None:
    assert scores_of(*drawn).to_dict() == scores_of(*drawn, batch=batch).to_dict()


@settings(deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_renumbering_the_classes_renumbers_the_scores(drawn: tuple[int, Case], random) -> None:
    classes, (prediction, target, probability) = drawn
    order = random.sample(range(classes), classes)  # new class i was class order[i]
    new = torch.full((256,), IGNORE, dtype=torch.uint8)
    new[torch.tensor(order)] = torch.arange(classes, dtype=torch.uint8)
    before = scores_of(classes, (prediction, target, probability))
    after = scores_of(classes, (new[prediction.long()], new[target.long()], probability[:, order]))
    np.testing.assert_allclose(after.iou, before.iou[order])
    np.testing.assert_allclose(after.mean_iou, before.mean_iou)
    assert after.presence_average_precision is not None
    assert before.presence_average_precision is not None
    np.testing.assert_allclose(after.presence_average_precision, before.presence_average_precision[order])


@given(cases())
def test_the_dict_of_scores_is_strict_json(drawn: tuple[int, Case]) -> None:
    classes, case = drawn
    scores = scores_of(classes, case)
    read = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert list(read["iou"]) == names(classes)
    assert [v is None for v in read["iou"].values()] == np.isnan(scores.iou).tolist()


def test_scores_without_known_pixels_are_null() -> None:
    ignored = torch.full((2, 4, 4), IGNORE, dtype=torch.uint8)
    scores = scores_of(3, (torch.zeros(2, 4, 4, dtype=torch.uint8), ignored, torch.rand(2, 3)))
    values = scores.to_dict()
    assert values.pop("confusion") == [[0] * 3] * 3
    for value in values.values():
        assert value is None or set(value.values()) == {None}


def test_logits_and_their_argmax_give_the_same_scores() -> None:
    logits = torch.randn(2, 4, 5, 6)
    target = torch.randint(0, 4, (2, 5, 6), dtype=torch.uint8)
    given_logits, given_labels = (SegmentationMetrics(4, names(4), presence=False) for _ in range(2))
    given_logits.update(logits, target)
    given_labels.update(logits.argmax(1), target)
    assert given_logits.compute().to_dict() == given_labels.compute().to_dict()


def test_without_presence_there_are_no_presence_scores() -> None:
    metrics = SegmentationMetrics(2, names(2), presence=False)
    metrics.update(torch.zeros(1, 2, 2, dtype=torch.uint8), torch.zeros(1, 2, 2, dtype=torch.uint8))
    scores = metrics.compute()
    assert scores.presence is None
    assert scores.presence_f1 is None
    assert scores.to_dict()["mean_presence_average_precision"] is None


def test_reset_removes_all_predictions() -> None:
    metrics = SegmentationMetrics(2, names(2), presence=True)
    wrong, right = torch.ones(1, 2, 2, dtype=torch.uint8), torch.zeros(1, 2, 2, dtype=torch.uint8)
    metrics.update(wrong, right, torch.tensor([[0.0, 1.0]]))
    metrics.reset()
    metrics.update(right, right, torch.tensor([[1.0, 0.0]]))
    assert metrics.compute().mean_iou == 1
    assert metrics.compute().mean_presence_f1 == 1


def test_the_state_dict_of_metrics_is_empty() -> None:
    metrics = SegmentationMetrics(2, names(2), presence=True)
    metrics.update(torch.zeros(1, 2, 2).byte(), torch.zeros(1, 2, 2).byte(), torch.rand(1, 2))
    assert not metrics.state_dict()


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [(3, 0, "predicted label is 3"), (0, 3, "true label is 3"), (0, 254, "true label is 254")],
)
def test_classes_out_of_range_are_errors(prediction: int, target: int, message: str) -> None:
    metrics = SegmentationMetrics(3, names(3), presence=False)
    with pytest.raises(InputError, match=message):
        metrics.update(
            torch.full((1, 2, 2), prediction, dtype=torch.uint8), torch.full((1, 2, 2), target, dtype=torch.uint8)
        )


def test_missing_presence_or_names_are_errors() -> None:
    label = torch.zeros(1, 2, 2, dtype=torch.uint8)
    with pytest.raises(InputError, match="presence"):
        SegmentationMetrics(3, names(3), presence=True).update(label, label)
    with pytest.raises(InputError, match="names gives 2 names for 3 classes; give one per class"):
        SegmentationMetrics(3, names(2), presence=True)


def _one_process(rank: int, port: int, case: Case, folder: str) -> None:
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    metrics = SegmentationMetrics(3, names(3), presence=True)
    metrics.update(*(tensor[1:] if rank else tensor[:1] for tensor in case))
    (Path(folder) / f"{rank}.json").write_text(json.dumps(metrics.compute().to_dict()))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_give_the_scores_of_one(tmp_path: Path) -> None:
    """The first process gets one image, all ignored, and the second process gets two."""
    target = torch.randint(0, 3, (3, 4, 4), dtype=torch.uint8)
    target[0] = IGNORE
    case = torch.randint(0, 3, (3, 4, 4), dtype=torch.uint8), target, torch.rand(3, 3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    spawn(_one_process, (port, case, str(tmp_path)), nprocs=2)
    expected = scores_of(3, case).to_dict()
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == expected
