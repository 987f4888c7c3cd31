"""The files of the state that a run resumes from: the last one, and the one before it in case the last is damaged."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import torch

from encnet.system.errors import InputError, first_line
from encnet.system.files import flush, record, replacing
from encnet.training.callbacks import LAST_MODEL

LAST_STATE = "last.ckpt"
PREVIOUS_STATE = "previous.ckpt"
PART = f"{LAST_STATE}.part"
"""Name of the state while it is written."""


class StateFile(NamedTuple):
    """The newest state of a run that is intact."""

    path: Path
    damage: str  #: what is wrong with the state after it, as a clause; empty if it is the last one


def intact_state(folder: Path) -> StateFile:
    """Finds the newest intact state in the folder of a run. Every byte is compared with its checksum.

    Raises:
        InputError: there is no state, or all are damaged.
    """
    wrong: list[str] = []
    for path in (folder / LAST_STATE, folder / PREVIOUS_STATE):
        if path.is_file():
            damage = _damage(path)
            if not damage:
                return StateFile(path, "; ".join(wrong))
            wrong.append(f"{path} cannot be read as the state of a run ({damage})")
        elif path.name == LAST_STATE and (folder / PREVIOUS_STATE).is_file():
            wrong.append(f"{path} is missing")
    if not wrong:
        raise InputError(f"{folder} has no {LAST_STATE}: the run ended before its state was saved; start it again")
    raise InputError(f"{'; '.join(wrong)}; start a new run from {folder / LAST_MODEL}")


def add_state(folder: Path, keep: bool) -> None:
    """Makes the finished file :data:`PART` the last state, so that a power cut at any time leaves one that is intact.

    Args:
        folder: folder of the run.
        keep: whether the last state becomes the one before; false if it is damaged.
    """
    part, last, previous = folder / PART, folder / LAST_STATE, folder / PREVIOUS_STATE
    flush(part)
    if keep and last.is_file():
        record(last, previous)
        last.replace(previous)
    record(part, last)
    part.replace(last)
    flush(folder)


def replace_part_of_state(folder: Path, group: str, key: str, value: Any) -> None:
    """Replaces one value in the last state.

    Args:
        folder: folder of the run.
        group: name of the dictionary that holds the value.
        key: key of the value.
        value: the new value.
    """
    state = torch.load(folder / LAST_STATE, map_location="cpu", weights_only=True)
    state[group][key] = value
    with replacing(folder / LAST_STATE, durable=True) as temporary:
        torch.save(state, temporary)


def has_state(folder: Path) -> bool:
    """Whether the run in a folder has saved a state to go on from."""
    return any((folder / name).is_file() for name in (LAST_STATE, PREVIOUS_STATE))


def way_on(folder: Path) -> str:
    """What continues the run in a folder, as a clause; empty if it has no state."""
    exists = has_state(folder)
    return f"continue with `encnet train --resume {folder}`" if exists else ""


def _damage(path: Path) -> str:
    """What is wrong with a file that ``torch.save`` wrote: a ZIP archive, uncompressed; empty if nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError) as error:
        return first_line(error)
    return f"the checksum of {broken} is wrong" if broken else ""
