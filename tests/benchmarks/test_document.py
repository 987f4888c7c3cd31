"""docs/performance.md is exactly what is written from the JSON files beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.document import page_of, write_document
from benchmarks.measure import machine
from encnet.system.errors import InputError

DOCS = Path(__file__).parents[2] / "docs"
FORMS = ("Encoding", "expanded form", "matrix products alone")


def layer_report() -> dict[str, Any]:
    """A report as :func:`benchmarks.layer.benchmark_layer` writes it."""
    sizes = {"channels": 512, "num_codes": 32, "side": 60, "batch": 1, "repeats": 5}
    forward = {
        "seconds": dict(zip(FORMS, (0.00412, 0.5, 0.004), strict=True)),
        "megabytes": dict(zip(FORMS, (7.3, 480.0, 1.0), strict=True)),
        "times_faster": {"channels last": 121.4, "contiguous": 240.2},
        "share_of_memory": 0.015,
        "times_of_products": 1.03,
    }
    return {"sizes": sizes, "machine": machine(), "results": {"channels last": {"forward": forward}}}


def data_report() -> dict[str, Any]:
    """A report as :func:`benchmarks.data.benchmark_data` writes it."""
    results = {
        "milliseconds": {"decode image": 1.5},
        "training": {"variant": "encnet_lite0", "images_per_second": 3.25},
        "loader": {"0": {"images_per_second": 55.0, "waiting_for_data": 0.056}},
    }
    sizes = {"batch": 4, "images": 8, "repeats": 1, "crop": [360, 480], "dataset": "scenes"}
    return {"sizes": sizes, "machine": machine(), "results": results}


def accuracy_report() -> dict[str, Any]:
    """A report as :func:`benchmarks.accuracy.benchmark_accuracy` writes it, of one seed of two networks."""
    setting = {"dataset": "streets", "images": {"train": 8, "val": 2}, "recipe": "quick", "minutes": [15.0], "seeds": 1}
    settings = {"model": {"variant": "encnet_lite0"}}
    scores = {"mean_iou": 0.7, "small_iou": None, "boundary_f": 0.65, "steps": 1956, "images_per_second": 7.3}
    weights = {"sha256": "0123456789abcdef" * 4, "megabytes": 14.26, "parameters": 3551234}
    run = {"recipe": "quick", "minutes": 15.0, "seed": 0, "taken_minutes": 15.2, "peak_megabytes": 1948.0, **scores}
    runs = [
        {**run, **weights, "settings": settings, "machine": machine(), "network": name}
        for name in ("encnet", "smp FPN")
    ]
    speeds = {"encnet": {"PyTorch": 9.0, "OpenVINO": 11.5}, "smp FPN": {"OpenVINO": 7.9}}
    return {
        "setting": {**setting, "networks": ["encnet", "smp FPN"]},
        "machine": machine(),
        "runs": runs,
        "speeds": speeds,
    }


@pytest.mark.skipif(not (DOCS / "performance").is_dir(), reason="nothing was measured yet")
def test_the_page_in_the_repository_is_written_from_its_files() -> None:
    assert (DOCS / "performance.md").read_text(encoding="utf-8") == page_of(DOCS / "performance", "performance")


def test_the_page_copies_its_files(tmp_path: Path) -> None:
    results, page = tmp_path / "results", tmp_path / "docs/performance.md"
    results.mkdir()
    measured = json.dumps(layer_report())
    (results / "layer.json").write_text(measured)
    assert main(["document", "--out", str(results), "--page", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Performance\n")
    assert "| forward | Encoding | 4.12 ms | 7.3 MB |" in text
    assert "Features channels last:" in text
    assert (
        "121 times as fast as the expanded form (240 times, if the expanded form has its features contiguous)" in text
    )
    assert "with 1.5 % of its memory, at 1.03 times the time" in text
    assert "[layer.json](performance/layer.json)" in text
    beside = tmp_path / "docs/performance"
    assert (beside / "layer.json").read_text() == measured
    assert page_of(beside, "performance") == text
    write_document(beside, page)  # from the files beside it, which are kept
    assert page.read_text(encoding="utf-8") == text


def test_trained_networks_get_a_page(tmp_path: Path) -> None:
    results, page = tmp_path / "results", tmp_path / "docs/performance.md"
    (results / "accuracy_streets").mkdir(parents=True)
    (results / "accuracy_streets.json").write_text(json.dumps(accuracy_report()))
    (results / "accuracy_streets/encnet-15min-0.csv").write_text("step,train/total_loss\n9,2.5\n")
    write_document(results, page)
    models = (tmp_path / "docs/models.md").read_text(encoding="utf-8")
    assert models.count("\n## ") == 1
    assert "## encnet_lite0 on streets, 15 minutes" in models
    assert "--dataset DATASET --recipe quick --minutes [15] --networks [encnet] --seeds 1" in models
    assert (
        "| 70.0 |  | 65.0 | 15.2 | 0 | 3.55 million | 14.3 MB | 11.5 images/s, OpenVINO | `0123456789abcdef` |"
        in models
    )
    copied = tmp_path / "docs/performance/accuracy_streets/encnet-15min-0.csv"
    assert copied.read_text() == "step,train/total_loss\n9,2.5\n"


def test_results_of_two_machines_name_both(tmp_path: Path) -> None:
    (tmp_path / "layer.json").write_text(json.dumps(layer_report()))
    report = data_report()
    (tmp_path / "data.json").write_text(json.dumps(report))
    page = page_of(tmp_path, "x")
    assert page.count("Measured on") == 1
    assert "| 0 | 55.0 | 5.6 % |" in page
    report["machine"]["processor"] = "another"
    (tmp_path / "data.json").write_text(json.dumps(report))
    page = page_of(tmp_path, "x")
    assert page.count("Measured on") == 2
    assert "of: another;" in page


def test_unreadable_results_are_refused_and_no_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "docs/page.md"
    with pytest.raises(InputError, match="holds no results"):
        write_document(tmp_path, page)
    (tmp_path / "growth.json").write_text("{}")
    with pytest.raises(InputError, match=r"growth\.json is not what a benchmark writes"):
        write_document(tmp_path, page)
    (tmp_path / "growth.json").write_text(json.dumps({"machine": machine()}))
    with pytest.raises(InputError, match=r"growth\.json is not what this version writes"):
        write_document(tmp_path, page)
    assert not page.parent.exists()
