"""The description of the machine."""

from __future__ import annotations

import platform

import torch

from encnet.benchmark.machine import describe_machine


def test_the_machine_is_described_without_its_name() -> None:
    described = describe_machine()
    assert described["threads"] == torch.get_num_threads()
    assert described["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert described["processor"]
    assert described["cores"] >= 1
    assert platform.node() not in described.values()
    assert "no-such-library" not in describe_machine(["no-such-library"])
