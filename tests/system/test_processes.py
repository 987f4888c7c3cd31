"""Processes that read images end with their main process, leave signals to it, and are named when they die."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from encnet.system.processes import ProcessDied, begin_reading, naming_dead_readers

READING = """
import os, time
from torch.utils.data import DataLoader, Dataset
from encnet.system.processes import begin_reading

class Images(Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, i):
        return bytes(1_000_000), os.getpid()

if __name__ == "__main__":
    loader = DataLoader(Images(), batch_size=None, num_workers=2, worker_init_fn=begin_reading)
    batches = iter(loader)
    print(*{next(batches)[1] for _ in range(4)}, flush=True)
    input()
    print(len([next(batches) for _ in range(20)]), flush=True)
    time.sleep(60)  # reading processes wait to hand over images
"""


def running(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_reading_processes_outlive_signals_but_not_the_main_process(tmp_path: Path) -> None:
    (tmp_path / "reading.py").write_text(READING)
    words, pipe = [sys.executable, str(tmp_path / "reading.py")], subprocess.PIPE
    main = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
    assert main.stdin is not None and main.stdout is not None
    readers = [int(pid) for pid in main.stdout.readline().split()]
    assert len(readers) == 2
    for reader in readers:
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
            os.kill(reader, number)
    main.stdin.write("\n")
    main.stdin.flush()
    assert main.stdout.readline() == "20\n"  # they still read
    assert all(map(running, readers))
    main.kill()
    main.communicate()
    deadline = time.monotonic() + 10
    while any(map(running, readers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(running, readers))


class Fatal(Dataset[torch.Tensor]):
    """Kills the process that reads it."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_a_dead_reading_process_is_named() -> None:
    loader = DataLoader(Fatal(), num_workers=1, worker_init_fn=begin_reading)
    with pytest.raises(ProcessDied) as died, naming_dead_readers(lambda: "continue so"):
        list(loader)
    expected = r"a process that reads images \(pid\D* \d+\) .+; if memory ran out, .* need less; continue so"
    assert re.fullmatch(expected, str(died.value))


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="of something else"), naming_dead_readers():
        raise RuntimeError("of something else")
