"""A checkpoint -> a report on its speed, memory and mean IoU in every form."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from PIL import Image

from encnet.benchmark.attempts import Attempts
from encnet.benchmark.drawn import drawn_images
from encnet.benchmark.forms import Form
from encnet.benchmark.images import Shape, most_common_size
from encnet.benchmark.machine import describe_machine
from encnet.benchmark.measure import PAUSE, Memory, interleaved, timed
from encnet.benchmark.plan import planned_forms, write_file
from encnet.benchmark.report import BenchmarkReport, Measured
from encnet.checkpoint.encnet import EncNet
from encnet.checkpoint.loading import load
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.formats import read_dataset
from encnet.data.sample_files import ImageFile
from encnet.data.tensors import SegmentationDataset
from encnet.evaluation import evaluate
from encnet.evaluation.run import require_same_classes
from encnet.export.calibration import calibration_of
from encnet.export.formats import FORMATS
from encnet.inference.image_memory import require_image_fits
from encnet.inference.predictor import Predictor
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.progress import progress_bar
from encnet.system.text import counted

SIZE = (512, 512)
"""Height and width where neither photographs nor the checkpoint say one."""
MOST_IMAGES = 4096
"""Largest number of images per run."""
LEAST_SIDE = 32
"""Least height and width in pixels."""
CALIBRATION_IMAGES = 64
"""Photographs from which int8 takes its ranges, at most."""
LOOKED_AT = 16
"""Photographs whose size is looked at, at most."""


def benchmark_model(
    checkpoint: str | Path,
    data: str | Path | DatasetIndex | None = None,
    *,
    format: str | None = None,
    split: str = "val",
    limit: int | None = None,
    size: tuple[int, int] | None = None,
    batch: int = 1,
    repeats: int = 5,
    device: str = "auto",
    compiled: bool = False,
    progress: bool = True,
) -> BenchmarkReport:
    """Measures a model in every engine and number format that this machine has.

    The runs go from uint8 images to label maps and presence, and take turns. Memory is measured in a process per form.
    Exported files are written to a temporary folder. A form that cannot run is left out, with the reason.

    Args:
        checkpoint: what ``encnet.load`` takes.
        data: a data set with the model's classes, or its folder, for mean IoU and for the ranges of int8; None measures
            speed and memory alone.
        format: of the data set; None finds out.
        split: with label maps, on which mean IoU is measured.
        limit: measure mean IoU on only so many images, the first ones; None is all.
        size: height and width of the timed images in pixels; None is the size that most photographs of the split have,
            or else the crop that the model was trained with, or else 512x512.
        batch: images per run.
        repeats: timed runs of each form, after one that is not counted.
        device: what PyTorch runs on, as :class:`encnet.Predictor` takes it; the other engines run on the CPU.
        compiled: measure PyTorch with its compiler too, which takes half a minute or more to start.
        progress: show a bar on stderr.

    Raises:
        InputError: an argument is out of its range, the checkpoint or the data set cannot be read, their classes
            differ, the images do not fit into memory, or the model does not run in PyTorch in fp32.
    """
    require(1 <= batch <= MOST_IMAGES, "batch", batch, f"from 1 to {MOST_IMAGES}")
    require(repeats >= 1, "repeats", repeats, "at least 1")
    require(limit is None or limit >= 1, "limit", limit, "at least 1")
    sides = f"a height and a width of at least {LEAST_SIDE} pixels"
    require(size is None or (len(size) == 2 and min(size) >= LEAST_SIDE), "size", size, sides)
    if Path(checkpoint).suffix.lower() in {each.suffix for each in FORMATS.values()}:
        raise InputError(f"{checkpoint} is an exported model; give the checkpoint that it was exported from")
    model = load(checkpoint)
    predictor = Predictor(model, device=device)
    index, samples, calibration = None, (), ()
    if data is not None:
        index = data if isinstance(data, DatasetIndex) else read_dataset(data, format)
        require_same_classes(predictor, index)
        samples = _labelled(index, split, limit)
        calibration = calibration_of(index, CALIBRATION_IMAGES).images
    height, width = size or _usual_size(model, [sample.image for sample in samples[:LOOKED_AT]])
    require_image_fits(height, width, "batch" if batch > 1 else "size", batch, fewer=True)
    shape, paths = (batch, height, width), tuple(sample.image for sample in samples[:batch])
    with tempfile.TemporaryDirectory(prefix="encnet-benchmark-") as folder:
        bands = len(model.info.mean)
        if not paths and bands != 3:
            raise InputError(f"the network sees {counted(bands, 'band')}; give a data set with such images", "data")
        paths = paths or _drawn(shape, Path(folder))
        forms, left_out = planned_forms(Path(folder), predictor.engine.device, compiled, bool(calibration))
        del predictor
        attempts = Attempts(forms[0], left_out)
        with progress_bar(progress) as bar:
            task = bar.add_task("", total=len(forms) * (repeats + 4 + (index is not None)))
            done = count()

            def report(step: str) -> None:
                bar.update(task, description=step, completed=next(done))

            for form in forms:
                report(f"writing the file of {form.name}")
                with attempts.of(form):
                    write_file(model, form, calibration)
            memory = _memory(attempts.rest(forms), shape, paths, attempts, report)
            seconds = _seconds(attempts.rest(forms), shape, paths, repeats, attempts, report)
            scores = {} if index is None else _scores(attempts.rest(forms), index, split, limit, attempts, report)
            bar.update(task, description="measured", completed=bar.tasks[task].total)
    return BenchmarkReport(
        checkpoint=str(checkpoint),
        variant=model.info.variant,
        size=(height, width),
        batch=batch,
        repeats=repeats,
        data=None if index is None else f"{index.name} {split}, {counted(len(samples), 'image')}",
        machine=describe_machine(),
        forms=tuple(
            Measured(
                form.name,
                form.engine,
                form.precision,
                form.device,
                batch,
                tuple(seconds[form]),
                _known(memory[form].added),
                _known(memory[form].peak),
                scores.get(form),
            )
            for form in attempts.rest(forms)
        ),
        left_out=attempts.reasons(),
    )


def _labelled(index: DatasetIndex, split: str, limit: int | None) -> tuple[Sample, ...]:
    """The samples of a split that are scored; raises InputError where there are none, or one has no label map."""
    samples = index.split(split)[:limit]
    if not samples:
        others = ", ".join(index.splits)
        raise InputError(f"the split '{split}' of {index.root} is empty; choose one of {others}", "split")
    return SegmentationDataset(samples, index.labels).samples


def _usual_size(model: EncNet, paths: Sequence[ImageFile]) -> tuple[int, int]:
    """Height and width of the photographs, or of the crop that the model was trained with."""
    if paths:
        return most_common_size(paths)
    crop = model.info.training.get("crop")
    return (int(crop[0]), int(crop[1])) if isinstance(crop, list) and len(crop) == 2 else SIZE


def _drawn(shape: Shape, folder: Path) -> tuple[Path, ...]:
    """Files of drawn images, for want of photographs."""
    paths = tuple(folder / f"{i}.png" for i in range(shape[0]))
    for path, image in zip(paths, drawn_images(shape), strict=True):
        Image.fromarray(image).save(path)
    return paths


def _memory(
    forms: Sequence[Form], shape: Shape, paths: tuple[ImageFile, ...], attempts: Attempts, report: Callable[[str], None]
) -> dict[Form, Memory]:
    memory: dict[Form, Memory] = {}
    for form in forms:
        report(f"memory of {form.name}")
        with attempts.of(form):
            memory[form] = form.memory(shape, paths)
    return memory


def _seconds(
    forms: Sequence[Form],
    shape: Shape,
    paths: tuple[ImageFile, ...],
    repeats: int,
    attempts: Attempts,
    report: Callable[[str], None],
) -> dict[Form, list[float]]:
    """Seconds of each form's runs, which take turns."""

    def attempted(form: Form, run: Callable[[], float]) -> Callable[[], float]:
        def attempted_run() -> float:
            seconds = math.nan
            if attempts.rest([form]):
                with attempts.of(form):
                    seconds = run()
            return seconds

        return attempted_run

    runs: dict[str, Callable[[], float]] = {}
    for form in forms:
        report(f"loading {form.name}")
        with attempts.of(form):
            run = form.prepare(shape, paths)
            run()  # a compiler compiles, and whatever fails does so here
            runs[form.name] = attempted(form, timed(run))
    seconds = interleaved(runs, repeats, PAUSE, lambda name: report(f"timing {name}"))
    return {form: seconds[form.name] for form in forms if form.name in seconds}


def _scores(
    forms: Sequence[Form],
    index: DatasetIndex,
    split: str,
    limit: int | None,
    attempts: Attempts,
    report: Callable[[str], None],
) -> dict[Form, float | None]:
    """Mean IoU of each form, 0-1; None where it is not defined."""
    scores: dict[Form, float | None] = {}
    for form in forms:
        report(f"mean IoU of {form.name}")
        with attempts.of(form):
            mean_iou = evaluate(
                form.file,
                index,
                split,
                device=form.device,
                precision=form.computed,
                limit=limit,
                progress=False,
                engine=form.engine,
            ).mean_iou
            scores[form] = _known(mean_iou)
    return scores


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
