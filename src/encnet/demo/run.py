"""The demo: from generated scenes to a report, in minutes."""

from __future__ import annotations

import time
from pathlib import Path

from encnet.data.formats import read_dataset
from encnet.data.scenes import CONTEXT_CLASSES, write_scenes
from encnet.data.tensors import load_sample
from encnet.evaluation import EvaluationReport, evaluate
from encnet.evaluation.examples import Example
from encnet.evaluation.report import result_files as report_files
from encnet.inference import Predictor
from encnet.inference.segmentation import result_files as prediction_files
from encnet.system.outputs import check_outputs
from encnet.system.progress import progress_bar
from encnet.system.terminal import Terminal
from encnet.training.recipes import load_recipe
from encnet.training.report import read_history, write_report
from encnet.training.run import train
from encnet.training.run_folder import run_files

EXAMPLES = 6
"""Number of predictions in the report."""


def run_demo(folder: str | Path, overwrite: bool = False) -> Path:
    """Generates scenes, trains a compact EncNet, evaluates it, predicts held-out images, and writes a report.

    Args:
        folder: gets scenes/ (a data set in the layout for own images), train/ (the run), evaluation/, predictions/ and
            report.html. The results of an earlier demo are replaced.
        overwrite: whether to replace files that encnet did not write, or that were changed since.

    Returns:
        The path of the report.

    Raises:
        InputError: the folder cannot be written to, or holds files of these names that encnet did not write.
    """
    folder = Path(folder)
    check_outputs(_files(folder), overwrite=overwrite)
    console = Terminal()
    started = time.perf_counter()
    with progress_bar() as bar:
        task = bar.add_task("drawing scenes")
        scenes = write_scenes(
            folder / "scenes", progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    index = read_dataset(scenes)
    run = folder / "train"
    checkpoint = train(scenes, load_recipe("scenes_tiny"), run, overwrite=True)

    predictor = Predictor(checkpoint)
    evaluation = evaluate(checkpoint, index, split="test", progress=False)
    evaluation.save(folder / "evaluation", overwrite)
    examples = []
    for sample in index.split("test")[:EXAMPLES]:
        segmentation = predictor(sample.image)
        segmentation.save(folder / "predictions", overwrite=overwrite)
        examples.append(Example(segmentation, load_sample(sample, index.labels, index.source)[1].numpy()))
    report = folder / "report.html"
    write_report(
        report,
        "EncNet on generated scenes",
        "An orange disc is a buoy in a harbour, a pumpkin on a farm and a ball in a town; a brown box is a crate, a "
        "hay bale or a bench. They look the same, and what distinguishes them is on the other side of the picture. "
        "The context encoding sees it.",
        _facts(evaluation, time.perf_counter() - started),
        read_history(run / "csv"),
        evaluation,
        examples,
    )
    console.print(evaluation.table())
    console.print(f"\nOpen {report}", style="bold", end="")
    console.print(f" (made in {(time.perf_counter() - started) / 60:.1f} minutes)\n")
    console.print(
        f"Your own data: use the layout of {scenes}, images/ and labels/ with train/ and val/ in each, then\n"
        "  encnet check FOLDER\n"
        "  encnet train FOLDER --out runs/mine\n"
        "  encnet predict runs/mine PHOTOGRAPH ...",
        highlight=False,
    )
    return report


def _files(folder: Path) -> list[Path]:
    """The files that the demo writes, besides the scenes."""
    predictions = [file for i in range(EXAMPLES) for file in prediction_files(folder / "predictions", f"{i:04d}")]
    return [folder / "report.html", *run_files(folder / "train"), *report_files(folder / "evaluation"), *predictions]


def _facts(evaluation: EvaluationReport, seconds: float) -> dict[str, str]:
    scores = evaluation.scores
    iou = dict(zip(scores.names, scores.iou.tolist(), strict=True))
    context = sum(iou[name] for name in CONTEXT_CLASSES) / len(CONTEXT_CLASSES)
    facts = {
        "mean IoU": f"{100 * scores.mean_iou:.1f} %",
        "IoU of context-only classes": f"{100 * context:.1f} %",
        "pixel accuracy": f"{100 * scores.pixel_accuracy:.1f} %",
        "minutes in total": f"{seconds / 60:.1f}",
    }
    if scores.mean_presence_average_precision is not None:
        facts["presence average precision"] = f"{100 * scores.mean_presence_average_precision:.1f} %"
    return facts
