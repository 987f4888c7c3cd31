"""The Encoding layer beside its expanded form, with tensors of shape (B, N, K, C), and beside its matrix products."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.comparison import check_sizes
from benchmarks.measure import added_megabytes, machine, median_seconds
from encnet.model.encoding import Encoding
from encnet.system.errors import InputError
from encnet.system.files import write_text

OURS, EXPANDED, PRODUCTS = FORMS = ("Encoding", "expanded form", "matrix products")
FORWARD, BACKWARD = PASSES = ("forward", "forward and backward")
LAYOUTS = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}


def expanded_encoding(layer: Encoding, features: Tensor) -> Tensor:
    """E of :class:`Encoding`, computed literally: every residual x_i - d_k is a row of one large tensor."""
    X = features.flatten(2).transpose(1, 2)
    residuals = X.unsqueeze(2) - layer.codewords  # (B, N, K, C)
    A = torch.softmax(layer.scale * residuals.square().sum(dim=3), dim=2)
    return (A.unsqueeze(3) * residuals).sum(dim=1)


def matrix_products(layer: Encoding, features: Tensor, backward: bool) -> Callable[[], None]:
    """Returns a run of the matrix products that the layer needs at least, on factors of their shapes and memory layout:
    two forward, X Dᵀ and AᵀX, and four backward, X Gᵀ, SᵀX, and A G + S D, which is computed as one product.
    """
    X = features.detach().permute(0, 2, 3, 1).flatten(1, 2)
    D = layer.codewords.detach()
    A, S = torch.rand(2, *X.shape[:2], len(D))
    G = torch.randn(len(X), *D.shape)
    W, M = torch.cat((A, S), dim=2), torch.cat((G, D.expand_as(G)), dim=1)
    channels_last = X.is_contiguous()

    def run() -> None:
        torch.matmul(X, D.T)
        torch.matmul(A.transpose(1, 2), X)
        if backward:
            torch.matmul(X, G.transpose(1, 2))
            torch.matmul(S.transpose(1, 2), X)
            if channels_last:
                torch.matmul(W, M)
            else:
                torch.matmul(M.transpose(1, 2), W.transpose(1, 2))

    return run


def benchmark_layer(
    folder: str | Path,
    channels: int = 512,
    num_codes: int = 32,
    side: int = 60,
    batch: int = 1,
    repeats: int = 5,
    layouts: Sequence[str] = tuple(LAYOUTS),
) -> Path:
    """Times all forms in all layouts in turn, and measures the memory that the layer and its expanded form add.

    Args:
        folder: where layer.json is written.
        channels: C.
        num_codes: K.
        side: height and width of the feature map.
        batch: B.
        repeats: timed runs of each form, after one that is not counted.
        layouts: of the features in memory, "channels last" as in this package's networks, and "contiguous".

    Returns:
        Path of layer.json: for each layout and pass, seconds (medians) and megabytes by form; ``times_faster`` than the
        expanded form, by the layout of the expanded form; ``share_of_memory``, as a fraction of that of the expanded
        form in the same layout; and ``times_of_products``, the time as a multiple of that of the matrix products alone.

    Raises:
        InputError: a size or the number of repeats is less than 1, or there is no such layout.
    """
    sizes = {"channels": channels, "num_codes": num_codes, "side": side, "batch": batch, "repeats": repeats}
    check_sizes({}, **sizes)
    unknown = [layout for layout in layouts if layout not in LAYOUTS]
    if unknown or not layouts:
        named = f"there is no layout {unknown[0]!r}" if unknown else "layouts is empty"
        raise InputError(f"{named}; choose of: {', '.join(LAYOUTS)}", "layouts")
    shape, small = (batch, channels, side, side), (batch, channels, 2, 2)
    results: dict[str, dict[str, Any]] = {layout: {} for layout in layouts}
    for name in PASSES:
        pairs = [(layout, form) for layout in results for form in FORMS]
        runs = {", ".join(pair): prepare(pair[1], shape, num_codes, name, pair[0]) for pair in pairs}
        medians = median_seconds(runs, repeats)
        runs.clear()  # frees their tensors before the processes that measure memory start
        expanded = {layout: medians[f"{layout}, {EXPANDED}"] for layout in results}
        for layout in results:
            seconds = {form: medians[f"{layout}, {form}"] for form in FORMS}
            megabytes = {
                form: added_megabytes(
                    prepare, (form, shape, num_codes, name, layout), small=(form, small, num_codes, name, layout)
                )
                for form in (OURS, EXPANDED)
            }
            results[layout][name] = {
                "seconds": seconds,
                "megabytes": megabytes,
                "times_faster": {other: rival / seconds[OURS] for other, rival in expanded.items()},
                "share_of_memory": megabytes[OURS] / megabytes[EXPANDED],
                "times_of_products": seconds[OURS] / seconds[PRODUCTS],
            }
    console = Console(width=130)
    for layout, passes in results.items():
        console.print(_table(passes, shape, num_codes, layout))
    path = Path(folder) / "layer.json"
    report = {"sizes": sizes, "machine": machine(), "results": results}
    write_text(path, json.dumps(report, indent=2) + "\n")
    return path


def prepare(form: str, shape: tuple[int, ...], num_codes: int, step: str, layout: str) -> Callable[[], None]:
    """Returns a run of one pass of a form over fixed random features."""
    torch.manual_seed(0)
    backward = step == BACKWARD
    layer = Encoding(shape[1], num_codes)
    features = torch.randn(shape).contiguous(memory_format=LAYOUTS[layout]).requires_grad_(backward)
    if form == PRODUCTS:
        return matrix_products(layer, features, backward)

    def run() -> None:
        for tensor in (features, *layer.parameters()):
            tensor.grad = None
        with torch.set_grad_enabled(backward):
            encoded = layer(features) if form == OURS else expanded_encoding(layer, features)
        if backward:
            encoded.square().sum().backward()

    return run


def _table(results: Mapping[str, Any], shape: tuple[int, ...], num_codes: int, layout: str) -> Table:
    """The table of one layout."""
    table = Table(title=f"Encoding layer, features {tuple(shape)}, {layout}, K = {num_codes}: medians")
    for column in ("pass", "form", "time", "of its products", "Encoding is", "memory added", "share"):
        table.add_column(column, justify="left" if column in ("pass", "form") else "right")
    for name, result in results.items():
        for form in FORMS:
            expanded = form == EXPANDED
            table.add_row(
                name if form == OURS else "",
                form,
                f"{1000 * result['seconds'][form]:.2f} ms",
                f"{result['times_of_products']:.2f} times" if form == OURS else "",
                f"{result['times_faster'][layout]:.0f} times faster" if expanded else "",
                f"{result['megabytes'][form]:.1f} MB" if form in result["megabytes"] else "",
                f"{100 * result['share_of_memory']:.1f} %" if expanded else "",
            )
        for other, times in result["times_faster"].items():
            if other != layout:
                table.add_row("", f"{EXPANDED}, {other}", "", "", f"{times:.0f} times faster", "", "")
    return table
