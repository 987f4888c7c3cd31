"""Sections of the performance page, each from the JSON of one benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks import accuracy_report, averaging, shared_context
from benchmarks.comparison import MMSEGMENTATION
from benchmarks.comparison_report import cells, headings, peak_sentence

Report = Mapping[str, Any]
"""The JSON that a benchmark wrote."""


def machine_sentence(machine: Mapping[str, Any]) -> str:
    """The machine and library versions that the figures depend on, as a sentence."""
    fixed = ("processor", "cores", "threads", "instructions", "system", "python")
    versions = [f"{name} {version}" for name, version in machine.items() if name not in fixed]
    instructions = ", ".join(machine["instructions"]) or "none beyond the basic ones"
    return (
        f"Measured on {machine['cores']} cores of: {machine['processor']}; instructions {instructions};"
        f" {machine['threads']} threads, {machine['system']}, Python {machine['python']}, {', '.join(versions)}."
    )


def _layer(report: Report) -> list[str]:
    sizes, results = report["sizes"], report["results"]
    lines = [
        "## The Encoding layer",
        "",
        f"`python -m benchmarks layer --repeats {sizes['repeats']}`: {sizes['channels']} channels, {sizes['num_codes']}"
        f" codewords, {sizes['side']}x{sizes['side']}, batch {sizes['batch']}. The expanded form holds a tensor of"
        " pixels × codewords × channels.",
    ]
    for layout, passes in results.items():
        rows = []
        for name, result in passes.items():
            for form, seconds in result["seconds"].items():
                megabytes = result["megabytes"].get(form)
                memory = "" if megabytes is None else f"{megabytes:.1f} MB"
                rows.append((name, form, f"{1000 * seconds:.2f} ms", memory))
        sentences = [f"{name.capitalize()}: {_compared(result, layout)}" for name, result in passes.items()]
        lines += ["", f"Features {layout}:", "", *markdown_table(("pass", "form", "median", "memory added"), rows)]
        lines += ["", f"{'. '.join(sentences)}."]
    return lines


def _compared(result: Mapping[str, Any], layout: str) -> str:
    """The comparison of one pass of the layer, in words."""
    others = [
        f" ({times:.0f} times, if the expanded form has its features {other})"
        for other, times in result["times_faster"].items()
        if other != layout
    ]
    return (
        f"{result['times_faster'][layout]:.0f} times as fast as the expanded form{''.join(others)}, with"
        f" {100 * result['share_of_memory']:.1f} % of its memory, at {result['times_of_products']:.2f} times the time"
        " of the matrix products alone"
    )


def _inference(report: Report) -> list[str]:
    runs = "runs; from uint8 images to label maps and presence, by an untrained network"
    return _comparison("inference", "Prediction", runs, report)


def _training(report: Report) -> list[str]:
    return _comparison("training", "Training step", "steps of forward, loss, backward and SGD", report)


def _comparison(subject: str, heading: str, runs: str, report: Report) -> list[str]:
    """The section on a comparison, from what :func:`benchmarks.comparison_report.write_comparison` wrote."""
    setting, peer = report["setting"], report["setting"]["peer"]
    lines = [
        f"## {heading}, {setting['variant']} at {setting['height']}x{setting['width']}",
        "",
        f"`{_command(subject, setting)}`: {setting['classes']} classes, batch {setting['batch']}, medians"
        f" of {setting['repeats']} {runs}. {peak_sentence(report['peak'])}",
        "",
        *markdown_table(headings(report["rival"]), [cells(row) for row in report["forms"]]),
    ]
    lines += [
        "",
        "GFLOP are those of the plain convolutions. Training steps, PyTorch in fp32 and ONNX Runtime do wide 3x3"
        " convolutions by Winograd's method, in a quarter of the multiplications, and so may be faster than the peak.",
    ]
    return lines if peer is None else [*lines, "", f"{MMSEGMENTATION} ran in an environment of its own: {peer}."]


def _growth(report: Report) -> list[str]:
    setting, pixels, classes, large = (report[name] for name in ("setting", "pixels", "classes", "large"))
    pixel_rows = [
        (
            f"{row['height']}x{row['width']}",
            f"{1000 * row['median_seconds']:.0f} ms",
            f"{row['nanoseconds_per_pixel']:.0f} ns",
        )
        for row in pixels["rows"]
    ]
    class_rows = [
        (
            str(row["classes"]),
            *(
                f"{1000 * row[name]:.1f} ms"
                for name in ("median_seconds", "classifier_seconds", "without_classifier_seconds")
            ),
        )
        for row in classes["rows"]
    ]
    lines = [
        "## Growth with pixels and classes",
        "",
        f"`python -m benchmarks growth --variant {setting['variant']} --classes {setting['classes']}"
        f" --repeats {setting['repeats']}`: PyTorch, fp32. With {setting['classes']} classes, by image size;"
        f" the highest time per pixel is {pixels['spread']:.2f} times the lowest:",
        "",
        *markdown_table(("size", "median", "per pixel"), pixel_rows),
        "",
        f"At {setting['size'][0]}x{setting['size'][1]}, by number of classes; without the classifier's product of"
        f" classes and features, which is timed alone, the highest time is {classes['spread']:.2f} times the lowest:",
        "",
        *markdown_table(("classes", "median", "classifier alone", "without it"), class_rows),
    ]
    if large is not None:
        lines += [
            "",
            f"Predicting one image of {large['height']}x{large['width']} with {setting['classes']} classes, in"
            f" shared-context tiles, adds {large['added_megabytes']:.0f} MB; the process holds"
            f" {large['peak_megabytes']:.0f} MB at its peak.",
        ]
    return lines


def _shared_context(report: Report) -> list[str]:
    title, sentences = shared_context.section(report)
    rows = [shared_context.cells(row) for row in report["rows"]]
    return [f"## {title}", "", sentences, "", *markdown_table(shared_context.headings(report["setting"]), rows)]


def _data(report: Report) -> list[str]:
    sizes, results = report["sizes"], report["results"]
    training = results["training"]
    steps = [(step, f"{milliseconds:.2f} ms") for step, milliseconds in results["milliseconds"].items()]
    loaders = [
        (workers, f"{loader['images_per_second']:.1f}", f"{100 * loader['waiting_for_data']:.1f} %")
        for workers, loader in results["loader"].items()
    ]
    return [
        "## Training images",
        "",
        f"`python -m benchmarks data --repeats {sizes['repeats']}`: from images of {sizes['dataset']} to crops of"
        f" {sizes['crop'][0]}x{sizes['crop'][1]}, time per image in one process:",
        "",
        *markdown_table(("step", "median"), steps),
        "",
        f"{training['variant']} trains on {training['images_per_second']:.2f} images/s where it never waits for data;"
        f" batch {sizes['batch']}. Speed of the loader, and the share of its time that training would wait for it:",
        "",
        *markdown_table(("reading processes", "images/s", "waiting"), loaders),
    ]


def _check(report: Report) -> list[str]:
    sizes, results = report["sizes"], report["results"]
    height, width = sizes["size"]
    seconds = results["seconds_per_thousand"]
    steps = [(name, f"{seconds[name]:.1f} s") for name in ("decoding alone", "check", "check again", "page")]
    memory = [(number, f"{megabytes:.0f} MB") for number, megabytes in results["peak_megabytes"].items()]
    return [
        "## Checking a data set",
        "",
        f"`python -m benchmarks check --photographs {sizes['photographs']} --size [{height},{width}]`: JPEGs of"
        f" {height}x{width} with label maps as PNG, {sizes['threads']} threads, for a thousand photographs. The check"
        f" takes {results['times_of_decoding']:.2f} times the time of decoding its files, which no check can avoid;"
        " checked again, unchanged files are not read.",
        "",
        *markdown_table(("step", "for a thousand"), steps),
        "",
        *markdown_table(("photographs", "peak memory of the process"), memory),
    ]


def _accuracy(report: Report) -> list[str]:
    title, sentences = accuracy_report.section(report)
    return [f"## {title}", "", sentences, "", *markdown_table(accuracy_report.HEADINGS, accuracy_report.rows(report))]


def _averaging(report: Report) -> list[str]:
    title, sentences = averaging.section(report)
    return [f"## {title}", "", sentences, "", *markdown_table(averaging.HEADINGS, averaging.rows(report))]


def _tutorial(report: Report) -> list[str]:
    sizes = report["sizes"]
    rows = []
    for name, result in report["results"].items():
        for form, seconds in result["seconds"].items():
            faster = result["times_faster"].get(form)
            rows.append(
                (
                    name,
                    form,
                    f"{1000 * seconds:.0f} ms",
                    "" if faster is None else f"{faster:.2f}",
                    f"{result['megabytes'][form]:.0f} MB",
                )
            )
    return [
        "## The full-resolution head",
        "",
        f"`python -m benchmarks tutorial --repeats {sizes['repeats']}`: encnet_resnet50_fullres,"
        f" {sizes['classes']} classes, {sizes['height']}x{sizes['width']}, batch {sizes['batch']}, fp32.",
        "",
        *markdown_table(("measurement", "form", "median", "times faster with encnet", "memory added"), rows),
    ]


SECTIONS: dict[str, Callable[[Report], list[str]]] = {
    "layer": _layer,
    "accuracy_*": _accuracy,
    "averaging_*": _averaging,
    "inference_*": _inference,
    "training_*": _training,
    "growth": _growth,
    "shared_context": _shared_context,
    "data": _data,
    "check": _check,
    "tutorial": _tutorial,
}
"""Names of JSON files, in the order of the page -> the function that writes the section."""


def _command(subject: str, setting: Mapping[str, Any]) -> str:
    """The command that repeats the measurement."""
    words = [f"python -m benchmarks {subject} --variant {setting['variant']} --classes {setting['classes']}"]
    words.append(f"--size [{setting['height']},{setting['width']}] --batch {setting['batch']}")
    words.append(f"--repeats {setting['repeats']}")
    if setting["peer"] is not None:
        words.append("--peer-python PYTHON")
    return " ".join(words)


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(line)} |" for line in (names, ["---"] * len(names), *rows)]
