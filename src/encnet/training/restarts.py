"""Jobs that a launcher or a cluster starts again with the same command: their runs go on where they stopped."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from typing_extensions import override

from encnet.system.files import write_text

MARK: str = ".encnet-job"
"""Name of the hidden file in a run's folder that says which job began the run."""


class JobMark(pl.Callback):
    """Writes down which job began a run; all its processes have looked for an earlier mark by then.

    Args:
        folder: folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Path = folder

    @override
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        names = job()
        if names and trainer.is_global_zero:
            write_text(self.folder / MARK, json.dumps(names) + "\n", recorded=False)


def job() -> dict[str, str]:
    """Launcher or cluster -> the name of the job that this process belongs to, which stays when the job restarts.

    ``torchrun`` names its jobs with ``--rdzv_id``. Without it, only a job on one machine can be told from others, by
    the process of ``torchrun`` itself.
    """
    names: dict[str, str] = {}
    run = os.environ.get("TORCHELASTIC_RUN_ID")
    if run is not None and run != "none":
        names["torchrun"] = run
    elif run is not None and os.environ.get("GROUP_WORLD_SIZE") == "1":
        names["torchrun"] = f"{socket.gethostname()} {os.getppid()}"
    if "SLURM_JOB_ID" in os.environ:
        names["slurm"] = os.environ["SLURM_JOB_ID"]
    return names


def began(folder: Path) -> bool:
    """Whether this job began the run in a folder before it was started again.

    Within one job of SLURM a user may give many commands; so it counts only when SLURM has put the job into its queue
    again.
    """
    try:
        mark: Any = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    names = job()
    if os.environ.get("SLURM_RESTART_COUNT", "0") == "0":
        names.pop("slurm", None)
    return isinstance(mark, dict) and any(mark.get(kind) == name for kind, name in names.items())
