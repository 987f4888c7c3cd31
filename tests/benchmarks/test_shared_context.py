"""The benchmark of shared-context tiles: differences from the whole image, and its section of the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.document import page_of
from benchmarks.shared_context import SLIDING_WINDOW, WHOLE, benchmark_shared_context
from encnet.checkpoint.create import create_model
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.system.errors import InputError


@pytest.mark.slow
def test_benchmark_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = create_model("encnet_tiny", num_classes=3)
    model.save(tmp_path / "model.safetensors")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8))
    picture.save(tmp_path / "small.png")
    path = benchmark_shared_context(
        tmp_path,
        str(tmp_path / "model.safetensors"),
        str(tmp_path / "small.png"),
        size=(96, 160),
        tiles=(64,),
        margin=0,
        large=None,
        repeats=1,
    )
    report = json.loads(path.read_text())
    whole, tiles, sliding = report["rows"]
    assert whole["way"] == WHOLE
    assert whole["equal_pixels"] == 1
    assert whole["logit_difference"] == whole["presence_difference"] == 0
    image = np.asarray(picture.resize((160, 96), Image.Resampling.BICUBIC))
    plain = Predictor(tmp_path / "model.safetensors", device="cpu")(image)
    tiled = Predictor(tmp_path / "model.safetensors", Protocol("tiled", (64, 64), margin=0), device="cpu")(image)
    assert tiles["tile"] == sliding["tile"] == 64
    assert tiles["equal_pixels"] == pytest.approx((plain.labels == tiled.labels).mean())
    assert plain.presence is not None
    assert tiled.presence is not None
    assert tiles["presence_difference"] == pytest.approx(np.abs(plain.presence - tiled.presence).max(), abs=1e-6)
    assert 0 < tiles["logit_difference"] < report["setting"]["logit_spread"]
    assert sliding["way"] == SLIDING_WINDOW
    assert "logit_difference" not in sliding
    for row in report["rows"]:
        assert row["median_seconds"] > 0
        assert (row["way"] == SLIDING_WINDOW) == ("added_megabytes" not in row)
        assert row.get("added_megabytes", 1) > 0
    assert "Shared-context tiles" in capsys.readouterr().out
    page = page_of(tmp_path, "performance")
    assert "## Shared-context tiles, encnet_tiny at 96x160" in page
    assert f"| shared-context tiles | 64 | {100 * tiles['equal_pixels']:.2f} % |" in page
    report["setting"]["large"] = [960, 1600]
    for row in report["rows"]:
        row["large_megabytes"] = 12.3
    path.write_text(json.dumps(report))
    assert "| time | memory added | at 960x1600 |" in page_of(tmp_path, "performance")


def test_wrong_arguments_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="width is 8"):
        benchmark_shared_context(tmp_path, size=(96, 8))
    with pytest.raises(InputError, match="repeats is 0"):
        benchmark_shared_context(tmp_path, repeats=0)
    with pytest.raises(InputError, match="no variant 'encnet_huge'"):
        benchmark_shared_context(tmp_path, variant="encnet_huge")
    with pytest.raises(InputError, match=r"protocol.crop is \(70, 70\)"):
        benchmark_shared_context(tmp_path, variant="encnet_tiny", tiles=(70,))
    assert not list(tmp_path.iterdir())
