"""The seed's network as this package computes it, against the same network as its description reads."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from encnet.benchmark.comparison import check_sizes
from encnet.benchmark.layer import expanded_encoding
from encnet.benchmark.measure import added_megabytes, machine, median_seconds
from encnet.benchmark.networks import plain_convolutions
from encnet.errors import InputError
from encnet.files import write_text
from encnet.model.backbone import Stages
from encnet.model.encoding import Encoding
from encnet.model.fullres import FullResolutionHead
from encnet.model.variants import create_model

CLASSES = 33
STRIDE = 8
OURS, PLAIN, ORACLE = "encnet", "plain form", "oracle"
MEASUREMENTS = (
    ("head", "forward"),
    ("head", "training step"),
    ("network", "forward"),
    ("network", "training step"),
)


class ExpandedEncoding(Encoding):
    """The Encoding layer with a tensor of pixels x codewords x channels."""

    def forward(self, features: Tensor) -> Tensor:
        return expanded_encoding(self, features)


class PlainHead(FullResolutionHead):
    """The full-resolution head step by step: every channel is upsampled, then convolved."""

    def classify(self, features: Tensor, finer: Sequence[Tensor] = ()) -> Tensor:
        upsampled = F.interpolate(features, scale_factor=STRIDE, mode="bilinear")
        hidden = F.conv2d(upsampled, self.hidden.weight, self.hidden.bias, padding=1)
        return self.classifier(F.relu(self.norm(hidden)))


def plain_network() -> nn.Module:
    """``encnet_resnet50_fullres`` with the same parameters, computed as its description reads."""
    model = plain_convolutions(create_model("encnet_resnet50_fullres", CLASSES))
    for module in model.modules():
        if type(module) is FullResolutionHead:
            module.__class__ = PlainHead
        elif type(module) is Encoding:
            module.__class__ = ExpandedEncoding
    return model


def benchmark_seed(
    folder: str | Path,
    oracle: str | Path | None = None,
    height: int = 360,
    width: int = 480,
    batch: int = 1,
    repeats: int = 5,
    measurements: Sequence[tuple[str, str]] = MEASUREMENTS,
) -> Path:
    """Times all forms in turn and measures the memory that each adds in a process of its own.

    Args:
        folder: gets seed.json.
        oracle: a Python file that defines ``ENCNet``, a third form, whose part ``decoder`` is the head. It is executed.
        height: of the images, in pixels.
        width: of the images, in pixels.
        batch: images at once.
        repeats: timed runs of each form, after one that is not counted.
        measurements: which of :data:`MEASUREMENTS` to take.

    Returns:
        path of seed.json: seconds (medians), megabytes and ratios by measurement and form.

    Raises:
        InputError: a size or the number of repeats is out of range, or the oracle's file is missing or defines no
            ``ENCNet``.
    """
    check_sizes({"height": 16, "width": 16}, height=height, width=width, batch=batch, repeats=repeats)
    forms = [OURS, PLAIN]
    if oracle is not None:
        oracle = str(Path(oracle).resolve())
        _oracle_network(oracle)  # whatever is wrong with it, before minutes of measuring
        forms.append(ORACLE)
    shape = (batch, 3, height, width)
    results = {}
    for subject, step in measurements:
        runs = {form: prepare(form, subject, step, shape, oracle) for form in forms}
        seconds = median_seconds(runs, repeats)
        runs.clear()  # their networks, before the processes that measure memory start
        small = (batch, 3, 64, 64)
        megabytes = {
            form: added_megabytes(
                prepare, (form, subject, step, shape, oracle), small=(form, subject, step, small, oracle)
            )
            for form in forms
        }
        results[f"{subject}, {step}"] = {
            "seconds": seconds,
            "megabytes": megabytes,
            "times_faster": {form: seconds[form] / seconds[OURS] for form in forms[1:]},
            "share_of_memory": {form: megabytes[OURS] / megabytes[form] for form in forms[1:]},
        }
    sizes = {"batch": batch, "height": height, "width": width, "classes": CLASSES, "repeats": repeats}
    Console(width=110).print(_table(results, shape))
    path = Path(folder) / "seed.json"
    write_text(path, json.dumps({"sizes": sizes, "machine": machine(), "results": results}, indent=2) + "\n")
    return path


def prepare(form: str, subject: str, step: str, shape: tuple[int, ...], oracle: str | None) -> Callable[[], None]:
    """One pass of a form over fixed random images, or features of stage 4."""
    torch.manual_seed(0)
    network = _oracle_network(oracle) if form == ORACLE else plain_network()
    if form == OURS:
        network = create_model("encnet_resnet50_fullres", CLASSES)
    # Ours has the package's own layout; the plain forms train faster in PyTorch's.
    layout = torch.channels_last if form == OURS else torch.contiguous_format
    network.train(step != "forward").to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    batch, _, height, width = shape
    labels = torch.randint(0, CLASSES, (batch, -(-height // STRIDE) * STRIDE, -(-width // STRIDE) * STRIDE))
    module: Any = network
    inputs: Any = torch.randn(shape).contiguous(memory_format=layout)
    if subject == "head":
        module = network.decoder if form == ORACLE else network.head
        stage4 = torch.randn(batch, 2048, *(side // STRIDE for side in labels.shape[1:]))
        stage4 = stage4.contiguous(memory_format=layout).requires_grad_(step != "forward")
        inputs = [stage4] if form == ORACLE else Stages(None, stage4, stage4, stage4, stage4)

    def forward() -> None:
        with torch.inference_mode():
            module(inputs)

    def training_step() -> None:
        for parameter in module.parameters():
            parameter.grad = None
        logits, presence = module(inputs)[:2]
        labelled = labels[:, : logits.shape[2], : logits.shape[3]]
        (F.cross_entropy(logits, labelled) + presence.square().mean()).backward()

    return forward if step == "forward" else training_step


def _oracle_network(path: str | None) -> nn.Module:
    """The ``ENCNet`` that a Python file defines."""
    spec = None if path is None or not Path(path).is_file() else importlib.util.spec_from_file_location("oracle", path)
    if spec is None or spec.loader is None:
        raise InputError(f"there is no Python file {path}; --oracle wants one that defines ENCNet")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "ENCNet"):
        raise InputError(f"{path} defines no ENCNet; give a file with a class of that name")
    network = module.ENCNet(CLASSES)
    if not hasattr(network, "decoder"):
        raise InputError(f"ENCNet of {path} has no part `decoder`, which is measured as its head; give it that name")
    return network


def _table(results: dict[str, dict[str, Any]], shape: tuple[int, ...]) -> Table:
    table = Table(title=f"encnet_resnet50_fullres, images {shape}: medians")
    for column in ("measurement", "form", "time", "encnet is faster", "memory added", "encnet's share"):
        table.add_column(column, justify="left" if column in ("measurement", "form") else "right")
    for name, result in results.items():
        for form, seconds in result["seconds"].items():
            own = form == OURS
            table.add_row(
                name if own else "",
                form,
                f"{1000 * seconds:.0f} ms",
                "" if own else f"{result['times_faster'][form]:.2f} times",
                f"{result['megabytes'][form]:.0f} MB",
                "" if own else f"{100 * result['share_of_memory'][form]:.0f} %",
            )
    return table
