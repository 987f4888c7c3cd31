"""`torchrun` on two hosts: two network namespaces of this machine, which see each other over a virtual cable alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import frozen_norms
import pytest
import torch
from frozen_norms import SETTINGS, train
from safetensors.torch import load_file

pytestmark = pytest.mark.slow

ADDRESSES = ("10.213.77.1", "10.213.77.2")


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    """Two namespaces with a cable between them."""
    names = [f"encnet_{os.getpid()}_{number}" for number in range(2)]
    cable = [f"enc{os.getpid() % 10**6}v{number}" for number in range(2)]
    if shutil.which("ip") is None:
        pytest.skip("needs `ip` of iproute2")
    try:
        for name in names:
            made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
            if made.returncode:
                pytest.skip(f"network namespaces are not allowed here: {made.stderr.strip()}")
        ip("link", "add", cable[0], "type", "veth", "peer", "name", cable[1])
        for name, end, address in zip(names, cable, ADDRESSES, strict=True):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield [f"{name}:{end}" for name, end in zip(names, cable, strict=True)]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def test_two_hosts_train_as_one_process(hosts: list[str], squares: Path, tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [
                *("ip", "netns", "exec", host.split(":")[0]),
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1"),
                *("--node_rank", str(number), "--master_addr", ADDRESSES[0], "--master_port", "29411"),
                *(frozen_norms.__file__, "train", str(squares)),
                *("--out", str(tmp_path / "two"), *SETTINGS, "--data.batch_size", "2"),
                *("--nodes", "2", "--devices", "1"),
            ],
            env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": host.split(":")[1]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, host in enumerate(hosts)
    ]
    try:
        ends = [process.communicate(timeout=150) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], ends
    one = train(squares, tmp_path / "one", 1)
    weights, expected = (load_file(run / "last.safetensors") for run in (tmp_path / "two", one))
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-5)
