"""Signal handlers work after engines of OpenVINO have been deleted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("openvino")

PROGRAM = """
import signal, subprocess, sys
import numpy as np
from encnet.inference.engines import open_engine

signal.signal(signal.SIGCHLD, lambda *arguments: None)  # as a DataLoader does
images = np.zeros((1, 8, 8, 3), np.uint8)
first = open_engine(sys.argv[1], "openvino")
first(images)
second = open_engine(sys.argv[1], "openvino")
second(images)
del first
del second
subprocess.run([sys.executable, "-c", ""], check=True)
print("alive")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGCHLD")
def test_a_signal_after_two_engines_does_not_crash_the_process(toy_xml: Callable[..., Path]) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM, str(toy_xml())], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "alive\n", "")
