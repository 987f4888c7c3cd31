"""The tutorial form of EncNet, with its full-resolution head, beside the same network in its plain form."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.comparison import check_sizes
from benchmarks.layer import expanded_encoding
from benchmarks.measure import added_megabytes, machine, median_seconds
from encnet.checkpoint.create import create_model
from encnet.kernels.acceleration import plain
from encnet.kernels.exchange import exchange
from encnet.model.backbone import Stages
from encnet.model.encoding import Encoding
from encnet.model.head import Head
from encnet.model.heads.fullres import FullResolutionHead
from encnet.system.errors import InputError
from encnet.system.files import write_text

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
    """The Encoding layer with a tensor of pixels x codewords x channels. It shares the parameters of a layer."""

    def __init__(self, layer: Encoding) -> None:
        nn.Module.__init__(self)
        self.codewords, self.scale = layer.codewords, layer.scale

    def forward(self, features: Tensor) -> Tensor:
        return expanded_encoding(self, features)


class PlainHead(FullResolutionHead):
    """The full-resolution head step by step: every channel is upsampled, then convolved. It shares a head's layers."""

    def __init__(self, head: FullResolutionHead) -> None:
        nn.Module.__init__(self)
        self.conv_in, self.context, self.presence = head.conv_in, head.context, head.presence
        self.dropout, self.hidden, self.norm, self.classifier = head.dropout, head.hidden, head.norm, head.classifier

    def classify(self, features: Tensor, finer: Sequence[Tensor] = ()) -> Tensor:
        upsampled = F.interpolate(features, scale_factor=STRIDE, mode="bilinear")
        hidden = F.conv2d(upsampled, self.hidden.weight, self.hidden.bias, padding=1)
        return self.classifier(F.relu(self.norm(hidden)))


def plain_network() -> nn.Module:
    """Builds ``encnet_resnet50_fullres`` with the layers exchanged for plain forms of the same parameters."""
    forms: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
        FullResolutionHead: PlainHead,
        Encoding: ExpandedEncoding,
    }
    model = plain(create_model("encnet_resnet50_fullres", CLASSES))
    return exchange(model, lambda layer: forms[type(layer)](layer) if type(layer) in forms else None)


def head_output(head: Head, stages: Stages) -> tuple[Tensor, Tensor]:
    """Logits and presence of a head with a context encoding, as :class:`encnet.EncNet` computes them from stages."""
    assert head.context is not None and head.presence is not None
    features, finer = head.prepare(stages)
    semantics, features = head.context(features, None)
    return head.classify(features, finer), head.presence(semantics)


def benchmark_tutorial(
    folder: str | Path,
    oracle: str | Path | None = None,
    height: int = 360,
    width: int = 480,
    batch: int = 1,
    repeats: int = 5,
    measurements: Sequence[tuple[str, str]] = MEASUREMENTS,
) -> Path:
    """Times all forms in turn, and measures the memory that each adds in a process of its own.

    Args:
        folder: where tutorial.json is written.
        oracle: a Python file that defines a third form, ``ENCNet``, whose part ``decoder`` is the head. The file is
            executed.
        height: height of the images in pixels.
        width: width of the images in pixels.
        batch: images per run.
        repeats: timed runs of each form, after one that is not counted.
        measurements: the measurements to take, of :data:`MEASUREMENTS`.

    Returns:
        Path of tutorial.json: seconds (medians), megabytes and ratios by measurement and form.

    Raises:
        InputError: a size or the number of repeats is out of range, or the oracle is missing or defines no ``ENCNet``.
    """
    check_sizes({"height": 16, "width": 16}, height=height, width=width, batch=batch, repeats=repeats)
    forms = [OURS, PLAIN]
    if oracle is not None:
        oracle = str(Path(oracle).resolve())
        _oracle_network(oracle)  # a mistake in it is found before minutes of measuring
        forms.append(ORACLE)
    shape = (batch, 3, height, width)
    results = {}
    for subject, step in measurements:
        runs = {form: prepare(form, subject, step, shape, oracle) for form in forms}
        seconds = median_seconds(runs, repeats)
        runs.clear()  # frees their networks before the processes that measure memory start
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
    path = Path(folder) / "tutorial.json"
    write_text(path, json.dumps({"sizes": sizes, "machine": machine(), "results": results}, indent=2) + "\n")
    return path


def prepare(form: str, subject: str, step: str, shape: tuple[int, ...], oracle: str | None) -> Callable[[], None]:
    """Returns a run of one pass of a form over fixed random images, or over features of stage 4 for the head."""
    torch.manual_seed(0)
    network = _oracle_network(oracle) if form == ORACLE else plain_network()
    if form == OURS:
        network = create_model("encnet_resnet50_fullres", CLASSES)
    # Ours has the package's memory layout; the plain forms train faster in PyTorch's own.
    layout = torch.channels_last if form == OURS else torch.contiguous_format
    network.train(step != "forward").to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    batch, _, height, width = shape
    labels = torch.randint(0, CLASSES, (batch, -(-height // STRIDE) * STRIDE, -(-width // STRIDE) * STRIDE))
    module: Any = network
    compute: Callable[[Any], Any] = network
    inputs: Any = torch.randn(shape).contiguous(memory_format=layout)
    if subject == "head":
        module = network.decoder if form == ORACLE else network.head
        compute = module if form == ORACLE else partial(head_output, module)
        stage4 = torch.randn(batch, 2048, *(side // STRIDE for side in labels.shape[1:]))
        stage4 = stage4.contiguous(memory_format=layout).requires_grad_(step != "forward")
        inputs = [stage4] if form == ORACLE else Stages(None, stage4, stage4, stage4, stage4)

    def forward() -> None:
        with torch.inference_mode():
            compute(inputs)

    def training_step() -> None:
        for parameter in module.parameters():
            parameter.grad = None
        logits, presence = compute(inputs)[:2]
        labelled = labels[:, : logits.shape[2], : logits.shape[3]]
        (F.cross_entropy(logits, labelled) + presence.square().mean()).backward()

    return forward if step == "forward" else training_step


def _oracle_network(path: str | None) -> nn.Module:
    """Builds the ``ENCNet`` that a Python file defines."""
    spec = None if path is None or not Path(path).is_file() else importlib.util.spec_from_file_location("oracle", path)
    if spec is None or spec.loader is None:
        raise InputError(f"there is no Python file {path}; give one that defines ENCNet", "oracle")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "ENCNet"):
        raise InputError(f"{path} defines no ENCNet; give a file with a class of that name", "oracle")
    network = module.ENCNet(CLASSES)
    if not hasattr(network, "decoder"):
        raise InputError(
            f"ENCNet of {path} has no part `decoder`, which is measured as its head; give it that name", "oracle"
        )
    return network


def _table(results: dict[str, dict[str, Any]], shape: tuple[int, ...]) -> Table:
    table = Table(title=f"encnet_resnet50_fullres, images {shape}: medians")
    for column in ("measurement", "form", "time", "encnet is faster", "memory added", "encnet's share"):
        table.add_column(column, justify="left" if column in ("measurement", "form") else "right")
    for name, result in results.items():
        for form, seconds in result["seconds"].items():
            ours = form == OURS
            table.add_row(
                name if ours else "",
                form,
                f"{1000 * seconds:.0f} ms",
                "" if ours else f"{result['times_faster'][form]:.2f} times",
                f"{result['megabytes'][form]:.0f} MB",
                "" if ours else f"{100 * result['share_of_memory'][form]:.0f} %",
            )
    return table
