"""Jobs that a launcher or a cluster starts again with the same command: their runs go on where they stopped."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from encnet.system.files import write_text

MARK: str = ".encnet-job"
"""Name of the hidden file in a run's folder that says which command of which job began the run."""
COMMAND = "command"
"""Key of the digest of the command in that file."""


def mark_run(folder: Path) -> None:
    """Writes down which job begins a run; nothing outside of jobs that are started again."""
    names = job()
    if names:
        write_text(folder / MARK, json.dumps({COMMAND: _command(), **names}) + "\n", recorded=False)


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
    """Whether this command of this job began the run in a folder before the job was started again.

    Within one job of SLURM a user may give a command twice; so it counts only when SLURM has put the job into its queue
    again. So does a job of ``torchrun`` without a name of its own only after a restart: in containers, every machine
    may have the same name, and ``torchrun`` the same number.
    """
    try:
        mark: Any = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    names = job()
    if os.environ.get("SLURM_RESTART_COUNT", "0") == "0":
        names.pop("slurm", None)
    if os.environ.get("TORCHELASTIC_RUN_ID") == "none" and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0":
        names.pop("torchrun", None)
    same = isinstance(mark, dict) and mark.get(COMMAND) == _command()
    return same and any(mark.get(kind) == name for kind, name in names.items())


def _command() -> str:
    """A digest of the words of the command."""
    return hashlib.sha256(json.dumps(sys.argv[1:]).encode()).hexdigest()
