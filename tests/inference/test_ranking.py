from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.cli import main
from encnet.inference.predictor import Predictor
from encnet.inference.ranking import Ranking


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """The toy network predicts the mean of a colour as presence of its class, so classes of dark halves look absent."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:, :12, 0] = pixels[:, 12:, 2] = 200
    Image.fromarray(pixels).save(folder / "halves.png")
    Image.new("RGB", (32, 12), (0, 250, 0)).save(folder / "all_green.png")
    Image.new("RGB", (32, 12), (40, 20, 20)).save(folder / "ranking.png")
    return folder


def test_the_largest_disagreement_comes_first(
    toy_onnx: Callable[..., Path],
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # no path is folded
    out = tmp_path / "out"
    model = toy_onnx()
    assert main(["predict", str(model), str(photographs), "--rank", "true", "--out", str(out)]) == 0
    ranked = json.loads((out / "ranking.json").read_text(encoding="utf-8"))["images"]
    assert [Path(image["file"]).name for image in ranked] == ["ranking.png", "halves.png", "all_green.png"]
    scores = [image["disagreement"] for image in ranked]
    assert scores == sorted(scores, reverse=True)
    predictor = Predictor(model)
    for image in ranked:
        result = predictor(image["file"])
        expected = result.disagreement()
        assert expected is not None
        assert image["disagreement"] == pytest.approx(expected.score, abs=1e-6)
        names = [contradiction.name for contradiction in expected.contradictions(result.names)]
        assert [entry["name"] for entry in image["classes"]] == names
        saved = json.loads((out / image["labels"]).with_suffix(".json").read_text(encoding="utf-8"))
        assert saved["file"] == image["file"]  # the prediction of ranking.png has another stem
        assert saved["disagreement"] == image["disagreement"]
    assert ranked[1]["classes"][0]["presence"] == pytest.approx(100 / 255, abs=1e-2)
    text = capsys.readouterr().out
    assert "look at these first" in text
    assert text.index("ranking.png") < text.index("halves.png")


def test_nothing_is_ranked_by_default(
    toy_onnx: Callable[..., Path], photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(toy_onnx()), str(photographs), "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out/ranking.json").read_text())["width"] == 32  # the prediction of ranking.png
    assert "look at these first" not in capsys.readouterr().out


def test_a_model_without_presence_cannot_be_ranked(
    toy_onnx: Callable[..., Path], photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = replace(Predictor(toy_onnx()).description, presence=False)
    model = toy_onnx(metadata=silent.to_json(), presence=False)
    assert main(["predict", str(model), str(photographs), "--rank", "true", "--out", str(tmp_path / "out")]) == 2
    assert "does not predict class presence" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_long_table_is_cut(toy_onnx: Callable[..., Path], photographs: Path) -> None:
    predictor = Predictor(toy_onnx())
    ranking = Ranking(predictor)
    for _ in range(5):
        for path in sorted(photographs.iterdir()):
            ranking.add(predictor(path), path.stem)
    table = ranking.table(most=4)
    assert table.row_count == 4
    assert "11 more in ranking.json" in str(table.caption)
    assert [image.stem for image in ranking.images][:5] == ["ranking"] * 5


def test_a_name_with_a_line_break_is_one_row(toy_onnx: Callable[..., Path], photographs: Path) -> None:
    predictor = Predictor(toy_onnx())
    ranking = Ranking(predictor)
    ranking.add(predictor((photographs / "halves.png").rename(photographs / "two\nrows.png")), "stem")
    (name,) = ranking.table().columns[0].cells
    assert str(name).endswith(r"two\nrows.png")
