"""The model card: complete, and valid for the hub's client."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from huggingface_hub import ModelCard, ModelCardData
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet


def table(card: str, heading: str) -> list[list[str]]:
    """Returns the cells of each row of the table below a heading; an escaped bar does not end a cell."""
    lines = card.split(f"## {heading}\n\n")[1].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def test_card_has_everything_that_the_checkpoint_says(model: EncNet, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, license="cc-by-4.0")
    card = ModelCard.load(tmp_path / "README.md")
    data = cast(ModelCardData, card.data)
    assert (data.license, data.library_name, data.pipeline_tag) == ("cc-by-4.0", "encnet", "image-segmentation")
    assert {"semantic-segmentation", "encnet_tiny"} <= set(data.tags or [])
    assert table(card.text, "Classes") == [
        ["0", "lawn", "`#5ab43c`"],
        ["1", r"path \| way", "`#c8beaa`"],
        ["2", "&lt;b>roof&lt;/b>", "`#0000ff`"],
    ]
    options = dict(table(card.text, "Network"))
    assert options.keys() == model.info.options.keys()
    assert (options["num_classes"], options["lateral"], options["num_codes"]) == ("3", "no", "32")
    assert dict(table(card.text, "Preprocessing"))["mean"] == "0.485, 0.456, 0.406"
    assert dict(table(card.text, "Preprocessing"))["length of the long side"] == "640 pixels"
    scores = dict(table(card.text, "Training and scores"))
    assert scores == {
        "dataset": "garden",
        "epoch": "7",
        "validation: mean_iou": "0.5124",
        "validation: pixel_accuracy": "1",
    }
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert f"{weights / 1e6:.1f} million weights" in card.text


def test_card_leaves_out_missing_license_classes_and_training(tmp_path: Path) -> None:
    model = create_model("encnet_tiny", 255, se=False)
    model.save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    assert "license" not in card.data.to_dict()
    assert "255 classes; the checkpoint does not name them." in card.text
    assert "Training" not in card.text
    assert "segmentation.presence" not in card.text


def test_code_in_the_card_runs(model: EncNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model.save_pretrained(tmp_path / 'the "garden"')
    code = (tmp_path / 'the "garden"/README.md').read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((32, 40, 3), np.uint8)).save("photograph.jpg")
    exec(code, {})
    assert (tmp_path / "overlay.png").is_file()


def test_only_cards_that_encnet_wrote_are_replaced(model: EncNet, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    model.info.training["epoch"] = 8
    model.save_pretrained(tmp_path)
    assert "| epoch | 8 |" in (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text("# Another project\n")
    model.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "# Another project\n"
