"""The Encoding layer against its equations written out with tensors of shape (B, N, K, C)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from encnet.benchmark.measure import added_megabytes, machine, median_seconds
from encnet.errors import InputError
from encnet.files import write_text
from encnet.model.encoding import Encoding

FORMS = ("Encoding", "expanded form")
PASSES = ("forward", "forward and backward")


def expanded_encoding(layer: Encoding, features: Tensor) -> Tensor:
    """E of :class:`Encoding` as its equations read: every residual x_i - d_k is a row of one large tensor."""
    X = features.flatten(2).transpose(1, 2)
    residuals = X.unsqueeze(2) - layer.codewords  # (B, N, K, C)
    A = torch.softmax(layer.scale * residuals.square().sum(dim=3), dim=2)
    return (A.unsqueeze(3) * residuals).sum(dim=1)


def benchmark_layer(
    folder: str | Path, channels: int = 512, num_codes: int = 32, side: int = 60, batch: int = 1, repeats: int = 5
) -> Path:
    """Times both forms in turn and measures the memory that each adds in a process of its own.

    Args:
        folder: gets layer.json.
        channels: C.
        num_codes: K.
        side: height and width of the feature map.
        batch: B.
        repeats: timed runs of each form, after one that is not counted.

    Returns:
        path of layer.json: seconds (medians), megabytes and ratios by form and pass.

    Raises:
        InputError: a size or the number of repeats is less than 1.
    """
    sizes = {"channels": channels, "num_codes": num_codes, "side": side, "batch": batch, "repeats": repeats}
    for name, value in sizes.items():
        if value < 1:
            raise InputError(f"{name} is {value}; it must be at least 1")
    shape = (batch, channels, side, side)
    results = {}
    for name in PASSES:
        runs = {form: _run(form, shape, num_codes, backward=name != "forward") for form in FORMS}
        seconds = median_seconds(runs, repeats)
        megabytes = {form: _memory(form, shape, num_codes, name != "forward") for form in FORMS}
        results[name] = {
            "seconds": seconds,
            "megabytes": megabytes,
            "times_faster": seconds[FORMS[1]] / seconds[FORMS[0]],
            "share_of_memory": megabytes[FORMS[0]] / megabytes[FORMS[1]],
        }
    Console(width=110).print(_table(results, shape, num_codes))
    path = Path(folder) / "layer.json"
    write_text(path, json.dumps({"sizes": sizes, "machine": machine(), "results": results}, indent=2) + "\n")
    return path


def _run(form: str, shape: tuple[int, ...], num_codes: int, backward: bool) -> Callable[[], None]:
    """One pass of a form over fixed random features."""
    torch.manual_seed(0)
    layer = Encoding(shape[1], num_codes)
    features = torch.randn(shape, requires_grad=backward)

    def run() -> None:
        with torch.set_grad_enabled(backward):
            encoded = layer(features) if form == FORMS[0] else expanded_encoding(layer, features)
        if backward:
            encoded.square().sum().backward()

    return run


def _memory(form: str, shape: tuple[int, ...], num_codes: int, backward: bool) -> float:
    """Megabytes by which one pass raises the peak of a fresh process."""
    return added_megabytes(
        _run, (form, shape, num_codes, backward), small=(form, (1, shape[1], 2, 2), num_codes, backward)
    )


def _table(results: dict[str, dict], shape: tuple[int, ...], num_codes: int) -> Table:
    table = Table(title=f"Encoding layer, features {tuple(shape)}, K = {num_codes}: medians")
    for column in ("pass", "Encoding", "expanded form", "times faster", "memory", "of expanded", "share"):
        table.add_column(column, justify="left" if column == "pass" else "right")
    for name, result in results.items():
        (own, other), (small, large) = result["seconds"].values(), result["megabytes"].values()
        table.add_row(
            name,
            f"{1000 * own:.2f} ms",
            f"{1000 * other:.1f} ms",
            f"{result['times_faster']:.0f}",
            f"{small:.1f} MB",
            f"{large:.0f} MB",
            f"{100 * result['share_of_memory']:.1f} %",
        )
    return table
