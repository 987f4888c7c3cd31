"""Protocols on the command line of `encnet evaluate` and `encnet predict`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.cli import main
from encnet.inference.protocols.protocol import Protocol


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two images without pixels of the third class, and a checkpoint that never predicts it."""
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / f"data/{kind}/val").mkdir(parents=True)
    for i in range(2):
        label = rng.integers(0, 2, (24, 30)).astype(np.uint8)
        Image.fromarray(rng.integers(0, 256, (24, 30, 3), dtype=np.uint8)).save(tmp_path / f"data/images/val/{i}.png")
        Image.fromarray(label).save(tmp_path / f"data/labels/val/{i}.png")
    (tmp_path / "data/dataset.yaml").write_text(
        "name: little\nclasses:\n"
        + "".join(f"  - {{name: {n}, color: [{40 * v}, 0, 0], value: {v}}}\n" for v, n in enumerate("abc"))
        + "splits:\n  val: {images: images/val, labels: labels/val}\n"
    )
    torch.manual_seed(0)
    model = create_model("encnet_tiny", num_classes=3)
    model.info.classes = ["a", "b", "c"]
    model.info.training = {"crop": [24, 24], "base_size": 30}
    bias = model.head.classifier.bias
    assert bias is not None
    with torch.no_grad():
        bias[2] = -1e3
    model.save(tmp_path / "model.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "name", "changed"),
    [
        (["--protocol", "pytorch-encoding-single"], "pytorch-encoding-single", []),
        (["--protocol.scales=[1.0,1.25]", "--protocol=pytorch-encoding"], "pytorch-encoding", ["scales"]),
        (["--protocol.name", "mmseg-ms", "--protocol.flip", "false"], "mmseg-ms", ["flip"]),
        (["--protocol", "{scales: [0.5], flip: true}"], "plain", ["scales", "flip"]),
        (["--protocol.mode", "sliding", "--protocol.crop", "[16,16]"], "plain", ["mode"]),
        ([], "plain", []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_evaluate_stores_the_name_and_the_changes_of_the_protocol(
    arguments: list[str], name: str, changed: list[str], data: Path
) -> None:
    command = ["evaluate", str(data / "model.safetensors"), str(data / "data"), "--out", str(data / "out")]
    assert main([*command, "--workers", "0", "--device", "cpu", *arguments]) == 0
    report = json.loads((data / "out/evaluation.json").read_text())
    protocol, scores = report["protocol"], report["scores"]
    assert (protocol["name"], protocol["changed"]) == (name, changed)
    assert set(protocol) == {"name", "changed", *Protocol.__dataclass_fields__}
    iou = [scores["iou"][c] for c in "abc"]
    assert iou[2] is None
    if name.startswith("pytorch-encoding"):
        assert protocol["crop"] == [24, 24]
        assert protocol["long_side"] == 30
        assert protocol["absent_classes"] == "zero"
        assert report["mean_iou"] == pytest.approx((iou[0] + iou[1]) / 3)
    else:
        assert protocol["absent_classes"] == "leave_out"
        assert report["mean_iou"] == pytest.approx((iou[0] + iou[1]) / 2)
    assert f"mean IoU by this protocol: {100 * report['mean_iou']:.2f}" in (data / "out/evaluation.txt").read_text()


def test_predict_accepts_the_name_of_a_protocol(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["predict", str(data / "model.safetensors"), str(data / "data/images/val"), "--out", str(data / "out")]
    assert main([*command, "--device", "cpu", "--protocol", "mmseg-ms"]) == 0
    assert len(list((data / "out").glob("*.json"))) == 2
    assert main([*command, "--protocol", "best"]) == 2
    assert "there is no protocol 'best'; choose one of plain, tiled, mmseg" in capsys.readouterr().err
