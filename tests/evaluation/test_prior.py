"""Choice of the strength of the presence prior, against predictions with each strength."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sample_paths import path_of

from encnet.checkpoint.create import create_model
from encnet.checkpoint.format import read_header, read_tensors
from encnet.cli import main
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.labels import IGNORE
from encnet.evaluation.prior import STRENGTHS, PriorChoice, choose_prior, save_with_prior
from encnet.inference.predictor import Predictor
from encnet.system.errors import InputError

NAMES = ("ground", "sky", "never")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five noise images of two sizes, whose label maps have only the first two classes."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for number in range(5):
        width, height = ((40, 32), (24, 48))[number % 2]
        labels = random.integers(0, 2, (height // 4, width // 4)).repeat(4, axis=0).repeat(4, axis=1)
        labels[:3, :3] = IGNORE
        for kind in ("images", "labels"):
            (root / kind / "val").mkdir(parents=True, exist_ok=True)
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / f"images/val/{number}.png")
        Image.fromarray(labels.astype(np.uint8)).save(root / f"labels/val/{number}.png")
    (root / "dataset.yaml").write_text(
        "name: noise\nlabels: value\nclasses:\n"
        + "".join(f"  - {{name: {name}, color: [{i}, 9, 9], value: {i}}}\n" for i, name in enumerate(NAMES))
        + "ignore: [255]\nsplits:\n  val: {images: images/val, labels: labels/val}\n"
    )
    return root


def checkpoint(path: Path, presence: list[float], strength: float = 0.0) -> Path:
    """Saves a network that predicts every class, with logits of about 1, and these presence logits for every image."""
    torch.manual_seed(1)
    model = create_model("encnet_tiny", len(NAMES)).eval()
    model.info.classes = list(NAMES)
    classifier = model.head.classifier
    assert model.head.presence is not None and classifier.bias is not None
    with torch.no_grad():
        model.head.presence.weight.zero_()
        model.head.presence.bias.copy_(torch.tensor(presence))
        for layer in model.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = None  # so that the statistics are those of the next batch
        noise = torch.randn(8, 3, 64, 64)
        model.train()(noise)
        logits = model.eval()(noise).logits
        mean, deviation = logits.mean(dim=(0, 2, 3)), logits.std()
        classifier.weight /= deviation
        classifier.bias.copy_((classifier.bias - mean) / deviation)
    model.info.presence_prior = strength
    model.save(path)
    return path


@pytest.fixture
def index(data: Path) -> DatasetIndex:
    return read_dataset(data)


def test_each_strength_gives_the_scores_of_a_model_with_it(index: DatasetIndex, tmp_path: Path) -> None:
    found = choose_prior(checkpoint(tmp_path / "a.safetensors", [1.0, -1.0, -3.0], strength=0.7), index, progress=False)
    assert found.images == (3, 2)
    assert found.strengths == STRENGTHS
    for place, strength in enumerate(STRENGTHS):
        predictor = Predictor(checkpoint(tmp_path / "b.safetensors", [1.0, -1.0, -3.0], strength), device="cpu")
        confusion = np.zeros((2, 3, 3), np.int64)
        for number, (image, label) in enumerate(index.split("val")):
            assert label is not None
            truth = np.asarray(Image.open(path_of(label)))
            predicted = predictor(image).labels
            np.add.at(confusion[int(number >= 3)], (truth[truth != IGNORE], predicted[truth != IGNORE]), 1)
        assert np.abs(found.confusions[:, place] - confusion).sum() <= 2  # ties may be broken differently
    assert (found.confusions[:, 0].sum(axis=(0, 1)) > 0).all()
    assert (found.confusions[:, 0] != found.confusions[:, -1]).any()


def test_a_prior_that_helps_is_saved(
    index: DatasetIndex, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = checkpoint(tmp_path / "model.safetensors", [9.0, 9.0, -9.0])
    found = choose_prior(model, index, progress=False)
    assert min(found.gains) > 0
    assert found.strength > 0
    out = tmp_path / "with_prior.safetensors"
    command = ["evaluate", str(model), str(data), "--choose_prior", "true", "--device", "cpu"]
    assert main([*command, "--save_prior", str(out), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "the prior helps" in printed
    assert f"wrote {out}" in printed.replace("\n", "")
    before, after = read_header(model).info, read_header(out).info
    assert after.presence_prior == found.strength
    after.presence_prior = 0.0
    assert after == before
    tensors = read_tensors(out)
    for name, tensor in read_tensors(model).items():
        assert torch.equal(tensor, tensors[name])
    written = json.loads((tmp_path / "out/prior.json").read_text(encoding="utf-8"))
    assert written == found.to_dict()
    assert written["strength"] == found.strength


def test_a_prior_that_does_not_help_is_not_saved(
    index: DatasetIndex, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = checkpoint(tmp_path / "model.safetensors", [-9.0, -9.0, 9.0])
    found = choose_prior(model, index, progress=False)
    assert found.strength == 0
    out = tmp_path / "with_prior.safetensors"
    command = ["evaluate", str(model), str(data), "--choose_prior", "true", "--device", "cpu"]
    assert main([*command, "--save_prior", str(out)]) == 0
    assert "the prior does not help" in capsys.readouterr().out
    assert not out.exists()
    with pytest.raises(InputError, match="not written because the prior does not help"):
        save_with_prior(model, found, out)


def choice(first: list[float], second: list[float]) -> PriorChoice:
    """A choice with these shares of correct pixels at strengths 0, 1 and 2 on each half."""

    def confusion(right: float) -> list[list[int]]:
        pixels = round(1000 * right)
        return [[pixels, 1000 - pixels], [1000 - pixels, pixels]]

    confusions = np.array([[confusion(right) for right in half] for half in (first, second)])
    return PriorChoice(("a", "b"), (0.0, 1.0, 2.0), confusions, (10, 9), "data", "val")


def test_a_strength_is_scored_on_the_half_that_it_was_not_chosen_on() -> None:
    found = choice([0.5, 0.7, 0.6], [0.5, 0.55, 0.8])
    assert found.chosen[:2] == (1, 2)
    iou = {right: right / (2 - right) for right in (0.5, 0.6, 0.55)}
    assert found.gains == pytest.approx((iou[0.6] - iou[0.5], iou[0.55] - iou[0.5]))
    assert found.strength == found.chosen[2]
    assert "the best on the first half, changes mean IoU on the second half by" in found.sentence()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([0.5, 0.6, 0.4], [0.5, 0.4, 0.9]),  # the best strength of each half harms the other half
        ([0.5, 0.6, 0.55], [0.5, 0.45, 0.6]),  # it harms one half
        ([0.5, 0.4, 0.4], [0.5, 0.6, 0.6]),  # one half is best without a prior
        ([0.5, 0.5, 0.501], [0.5, 0.5, 0.501]),  # the gain is too small
        ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),  # nothing changes, so the lowest strength is chosen: 0
    ],
)
def test_the_prior_stays_off_unless_both_halves_gain(first: list[float], second: list[float]) -> None:
    found = choice(first, second)
    assert found.strength == 0
    assert "it stays off" in found.sentence()


def test_the_table_and_the_json_have_every_strength() -> None:
    found = choice([0.5, 0.7, 0.6], [0.5, 0.55, 0.8])
    assert found.table().row_count == 3
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [row["strength"] for row in written["strengths"]] == [0, 1, 2]
    assert written["strengths"][0]["first_half"] == pytest.approx(0.5 / 1.5)


def test_wrong_input_is_an_error(
    index: DatasetIndex, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = checkpoint(tmp_path / "model.safetensors", [0.0, 0.0, 0.0])
    with pytest.raises(InputError, match=r"strengths is .* larger numbers in ascending order"):
        choose_prior(model, index, strengths=[0.5, 1], progress=False)
    with pytest.raises(InputError, match="gives 1 image; two halves"):
        choose_prior(model, index, limit=1, progress=False)
    create_model("encnet_tiny", 3, se=False).save(tmp_path / "no_presence.safetensors")
    with pytest.raises(InputError, match="does not predict presence"):
        choose_prior(tmp_path / "no_presence.safetensors", index, progress=False)
    for arguments, message in (
        (["--save_prior", "x.safetensors"], "without --choose_prior"),
        (["--choose_prior", "true", "--protocol", "mmseg-ms"], "--protocol has no effect with --choose_prior"),
        (["--choose_prior", "true", "--precision", "bf16"], "--precision"),
    ):
        assert main(["evaluate", str(model), str(data), *arguments]) == 2
        assert message in capsys.readouterr().err
