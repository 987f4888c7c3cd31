"""The pages docs/performance.md and docs/models.md, written from the JSON files of the benchmarks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.models_page import models_page
from benchmarks.sections import SECTIONS, Report, machine_sentence
from encnet.system.errors import InputError
from encnet.system.files import replacing, write_text

MODELS = "models.md"
"""Name of the page on trained networks."""


def write_document(folder: str | Path, page: str | Path) -> Path:
    """Writes a page from the results in a folder, and copies their JSON and pictures to a folder beside the page.

    If networks were trained, models.md beside the page lists them, and their results and logs are copied too.

    Args:
        folder: holds the JSON files of the benchmarks that were run, layer.json for example.
        page: the Markdown file. The files are copied to a folder of its name: docs/performance for docs/performance.md.

    Returns:
        Path of the page.

    Raises:
        InputError: the folder holds no results, or a file in it cannot be read.
    """
    folder, page = Path(folder), Path(page)
    text = page_of(folder, page.stem)
    beside = page.with_suffix("")
    for path, _ in _results(folder):
        for file in (path, path.with_suffix(".png")):
            if file.is_file():
                _copy(file, beside / file.name)
    trained = [path for path, _ in _results(folder) if path.match("accuracy_*.json")]
    for path in trained:
        for file in sorted(path.with_suffix("").glob("*.json")) + sorted(path.with_suffix("").glob("*.csv")):
            _copy(file, beside / path.stem / file.name)
    write_text(page, text, recorded=False)
    if trained:
        write_text(page.with_name(MODELS), models_page(map(_read, trained)), recorded=False)
    return page


def _copy(file: Path, target: Path) -> None:
    if file.resolve() != target.resolve():
        with replacing(target, recorded=False) as temporary:
            shutil.copyfile(file, temporary)


def page_of(folder: Path, link: str) -> str:
    """Returns the page as Markdown.

    Args:
        folder: as for :func:`write_document`.
        link: path from the page to the files.
    """
    results = [(path, section, _read(path)) for path, section in _results(folder)]
    if not results:
        raise InputError(f"{folder} holds no results; measure with `python -m benchmarks inference` first", "out")
    machines = [machine_sentence(report["machine"]) for _, _, report in results]
    lines = [
        "# Performance",
        "",
        "Written by `python -m benchmarks document` from the JSON files that the commands below wrote. Times are",
        "medians of runs that took turns with those of all rivals; the memory of each was measured in a process of its",
        "own.",
    ]
    if len(set(machines)) == 1:
        lines += ["", machines[0]]
    for (path, section, report), machine in zip(results, machines, strict=True):
        try:
            body = section(report)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is not what this version writes ({error!r}); measure again") from error
        lines += ["", *body]
        if len(set(machines)) > 1:
            lines += ["", machine]
        lines += ["", f"Numbers: [{path.name}]({link}/{path.name})."]
        picture = path.with_suffix(".png")
        if picture.is_file():
            lines += ["", f"![{body[0].lstrip('# ')}]({link}/{picture.name})"]
    return "\n".join(lines) + "\n"


def _results(folder: Path) -> list[tuple[Path, Callable[[Report], list[str]]]]:
    """The JSON files in a folder, in the order of the page, and the functions that write their sections."""
    # The network that has all rivals comes first.
    return [
        (path, section)
        for name, section in SECTIONS.items()
        for path in sorted(folder.glob(f"{name}.json"), key=lambda path: ("resnet50" not in path.stem, path.stem))
    ]


def _read(path: Path) -> Report:
    """Reads a JSON file of a benchmark; raises InputError where it is none."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        machine_sentence(report["machine"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not what a benchmark writes ({error!r}); measure again") from error
    return report
