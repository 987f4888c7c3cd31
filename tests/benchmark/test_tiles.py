"""The benchmark of tiles: what it compares with the whole image, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.benchmark.document import page_of
from encnet.benchmark.tiles import OWN_CONTEXT, WHOLE, benchmark_tiles
from encnet.errors import InputError
from encnet.inference.predictor import Predictor
from encnet.inference.protocol import Protocol
from encnet.model.variants import create_model


def test_benchmark_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = create_model("encnet_tiny", num_classes=3)
    model.save(tmp_path / "model.safetensors")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8))
    picture.save(tmp_path / "small.png")
    path = benchmark_tiles(
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
    whole, one, own = report["rows"]
    assert whole["way"] == WHOLE
    assert whole["equal_pixels"] == 1
    assert whole["logit_difference"] == whole["presence_difference"] == 0
    image = np.asarray(picture.resize((160, 96), Image.Resampling.BICUBIC))
    plain = Predictor(tmp_path / "model.safetensors", device="cpu")(image)
    tiled = Predictor(tmp_path / "model.safetensors", Protocol("tiled", (64, 64), margin=0), device="cpu")(image)
    assert one["tile"] == own["tile"] == 64
    assert one["equal_pixels"] == pytest.approx((plain.labels == tiled.labels).mean())
    assert plain.presence is not None
    assert tiled.presence is not None
    assert one["presence_difference"] == pytest.approx(np.abs(plain.presence - tiled.presence).max(), abs=1e-6)
    assert 0 < one["logit_difference"] < report["setting"]["logit_spread"]
    assert own["way"] == OWN_CONTEXT
    assert "logit_difference" not in own
    for row in report["rows"]:
        assert row["median_seconds"] > 0
        assert (row["way"] == OWN_CONTEXT) == ("added_megabytes" not in row)
        assert row.get("added_megabytes", 1) > 0
    assert "one context" in capsys.readouterr().out
    page = page_of(tmp_path, "performance")
    assert "## Tiles of one image, encnet_tiny at 96x160" in page
    assert f"| one context | 64 | {100 * one['equal_pixels']:.2f} % |" in page
    report["setting"]["large"] = [960, 1600]
    for row in report["rows"]:
        row["large_megabytes"] = 12.3
    path.write_text(json.dumps(report))
    assert "| time | memory added | at 960x1600 |" in page_of(tmp_path, "performance")


def test_what_is_wrong_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="width is 8"):
        benchmark_tiles(tmp_path, size=(96, 8))
    with pytest.raises(InputError, match="repeats is 0"):
        benchmark_tiles(tmp_path, repeats=0)
    with pytest.raises(InputError, match="no variant 'encnet_huge'"):
        benchmark_tiles(tmp_path, variant="encnet_huge")
    with pytest.raises(InputError, match=r"crop of the protocol is \(70, 70\)"):
        benchmark_tiles(tmp_path, variant="encnet_tiny", tiles=(70,))
    assert not list(tmp_path.iterdir())
