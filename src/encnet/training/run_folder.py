"""The folder of a run: its files, whether they may be written, and the removal of an earlier run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from encnet.checkpoint.hub import BEST_MODEL
from encnet.reports.data_page import CHECK_PAGE
from encnet.system.errors import InputError
from encnet.system.outputs import check_outputs
from encnet.training.callbacks import LAST_MODEL, LAST_STATE
from encnet.training.first_batches import PICTURE
from encnet.training.recipes import CONFIG_FILE


def run_files(folder: Path) -> list[Path]:
    """The files that a run writes into its folder, besides the logs in csv/ and tensorboard/."""
    return [folder / name for name in (CONFIG_FILE, BEST_MODEL, LAST_MODEL, LAST_STATE, CHECK_PAGE, PICTURE)]


def check_run_folder(folder: Path, inputs: Iterable[str | os.PathLike[str]], overwrite: bool = False) -> None:
    """Refuses a folder in which a new run would destroy a file.

    Args:
        folder: folder of the run.
        inputs: files that the run reads.
        overwrite: whether the run may replace another one, and files of its names that encnet did not write.

    Raises:
        InputError: ``folder`` holds a run already, or a file of the run would replace an input or a file that encnet
            did not write.
    """
    if (folder / CONFIG_FILE).exists() and not overwrite:
        raise InputError(f"{folder} holds a run already; resume it, or choose another folder", argument="folder")
    check_outputs(run_files(folder), inputs, overwrite)


def remove_run(folder: Path) -> None:
    """Deletes the run that ``folder`` holds, if any, so that nothing of it is taken for a part of the next one."""
    if (folder / CONFIG_FILE).is_file():
        for logs in [*folder.glob("csv/version_*"), *folder.glob("tensorboard/version_*")]:
            shutil.rmtree(logs)
    for file in run_files(folder):
        file.unlink(missing_ok=True)
