"""MMSegmentation in a process of its own: its answers, and the errors where it cannot run.

The first test needs the environment variable ENCNET_PEER_PYTHON: the Python of an environment with MMSegmentation.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.networks import forward_gigaflop
from benchmarks.peer import peer_form
from encnet.system.errors import InputError

PEER = os.environ.get("ENCNET_PEER_PYTHON")
SHAPE = (2, 64, 96)


@pytest.mark.skipif(PEER is None, reason="ENCNET_PEER_PYTHON is not set")
@pytest.mark.parametrize("job", ["inference", "training"])
def test_mmsegmentation_runs_on_request(job: str) -> None:
    assert PEER is not None
    form = peer_form(PEER, job, "encnet_resnet50", 7)
    with form.started() as peer:
        assert set(peer.versions) == {"torch", "mmengine", "mmcv", "mmseg"}
        seconds = [peer.ask("run", SHAPE)["seconds"] for _ in range(2)]
        assert min(seconds) > 0 and max(seconds) < 60
    gigaflop = form.gigaflop(SHAPE)
    assert gigaflop is not None
    ours = forward_gigaflop("encnet_resnet50", 7, SHAPE)
    if job == "inference":
        assert gigaflop == pytest.approx(ours, rel=0.05)
    else:
        assert gigaflop > 2.5 * ours
    memory = form.memory(SHAPE)
    assert 0 < memory.added < memory.peak


def test_an_environment_without_mmsegmentation_is_refused() -> None:
    with pytest.raises(InputError, match="No module named 'mmseg'; give the Python of an environment"):
        peer_form(sys.executable, "inference", "encnet_resnet50", 7)


def test_a_program_that_is_no_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be started"):
        peer_form(str(tmp_path / "python"), "inference", "encnet_resnet50", 7)
    with pytest.raises(InputError, match=r"cannot be run by .*ended with status 1"):
        peer_form("false", "inference", "encnet_resnet50", 7)
