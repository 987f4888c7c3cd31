"""What was measured, as a page: docs/performance.md is written from the JSON files of the benchmarks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from encnet.benchmark.sections import SECTIONS, Report, machine_sentence
from encnet.errors import InputError
from encnet.files import replacing, write_text


def write_document(folder: str | Path, page: str | Path) -> Path:
    """Writes a page from what the benchmarks left in a folder; takes their JSON and pictures along, beside the page.

    Args:
        folder: holds layer.json, inference_VARIANT.json, training_VARIANT.json, growth.json, data.json or seed.json,
            whatever was measured.
        page: the Markdown file. Its own folder gets another of the page's name, for docs/performance.md it is
            docs/performance, with the files.

    Returns:
        path of the page.

    Raises:
        InputError: the folder holds no results, or what it holds cannot be read.
    """
    folder, page = Path(folder), Path(page)
    text = page_of(folder, page.stem)
    beside = page.with_suffix("")
    for path, _ in _found(folder):
        for file in (path, path.with_suffix(".png")):
            if file.is_file() and file.resolve() != (beside / file.name).resolve():
                with replacing(beside / file.name) as temporary:
                    shutil.copyfile(file, temporary)
    write_text(page, text)
    return page


def page_of(folder: Path, link: str) -> str:
    """The page as Markdown.

    Args:
        folder: as for :func:`write_document`.
        link: path from the page to the files.
    """
    found = [(path, section, _read(path)) for path, section in _found(folder)]
    if not found:
        raise InputError(f"{folder} holds no results; measure with `encnet benchmark inference --out {folder}` first")
    machines = [machine_sentence(report["machine"]) for _, _, report in found]
    lines = [
        "# Performance",
        "",
        "Written by `encnet benchmark document` from the JSON files that the commands below wrote. Times are medians",
        "of runs that took turns with those of all rivals; memory was measured in a process of its own for each.",
    ]
    if len(set(machines)) == 1:
        lines += ["", machines[0]]
    for (path, section, report), machine in zip(found, machines, strict=True):
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


def _found(folder: Path) -> list[tuple[Path, Callable[[Report], list[str]]]]:
    # The network of all rivals first, then small ones.
    return [
        (path, section)
        for name, section in SECTIONS.items()
        for path in sorted(folder.glob(f"{name}.json"), key=lambda path: ("resnet50" not in path.stem, path.stem))
    ]


def _read(path: Path) -> Report:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        machine_sentence(report["machine"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not what a benchmark writes ({error!r}); measure again") from error
    return report
