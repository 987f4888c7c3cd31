"""Stop signals raise an exception, or are noted until a step is done; a second one and the grace period end at once."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from encnet.system.errors import InputError
from encnet.system.signals import STOP_SIGNALS, DelayedStop, Stopped, is_first_process, raising

BUSY = """
import sys, time
from encnet.system.signals import DelayedStop
with DelayedStop({grace}, lambda: "continue with a command") as stop:
    stop.delays = True
    print("ready", flush=True)
    time.sleep(30)  # a step that does not end
"""


def busy(grace: float | None = None) -> subprocess.Popen[str]:
    """A process in a step of 30 s, which the first signal lets finish."""
    words = [sys.executable, "-c", BUSY.format(grace=grace)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_raises_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped, raising():
        signal.raise_signal(number)
    assert stopped.value.status == 128 + number
    assert signal.getsignal(number) == before
    with pytest.raises(Stopped) as stopped, DelayedStop(way_on=lambda: "go on"):
        signal.raise_signal(number)
    assert (stopped.value.number, stopped.value.way_on) == (number, "go on")
    assert signal.getsignal(number) == before


def test_a_signal_during_an_import_raises_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import signal, time\nsignal.raise_signal(signal.SIGTERM)\ntime.sleep(0.2)\ncomplete = True\n"
    (tmp_path / "a_slow_module.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Stopped) as stopped, raising() as received:  # noqa: PT012 (the signal comes when it comes)
        module = importlib.import_module("a_slow_module")
        assert module.complete
        time.sleep(10)
    assert stopped.value.number == signal.SIGTERM
    assert received.stopped is not None


def test_a_signal_during_an_import_is_not_sent_to_what_follows_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_quick_module.py").write_text("import signal\nsignal.raise_signal(signal.SIGTERM)\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("it came after the command"))
    try:
        with raising():
            importlib.import_module("a_quick_module")
        time.sleep(0.2)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with raising(), DelayedStop():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_delayed_signal_is_noted_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    with DelayedStop() as stop:
        stop.tell, stop.delays = told.append, True
        signal.raise_signal(signal.SIGTERM)
        assert stop.number == signal.SIGTERM
        deadline = time.monotonic() + 10
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
    assert told == ["SIGTERM: stopping after this step; a second signal stops at once"]


def test_an_error_after_a_signal_is_its_consequence_but_wrong_input_is_not() -> None:
    for error, expected in ((RuntimeError("of a library"), Stopped), (InputError("of the user"), InputError)):
        with pytest.raises(expected), DelayedStop() as stop:  # noqa: PT012 (the block is what is tested)
            stop.delays = True
            signal.raise_signal(signal.SIGTERM)
            raise error


def test_a_second_signal_ends_at_once() -> None:
    process = busy()
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None and process.stdout.readline().startswith("SIGTERM: stopping after this step")
    process.send_signal(signal.SIGTERM)  # some tools send each signal twice
    time.sleep(1.1)
    assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 129
    assert errors == "encnet: stopped at once by a second signal, SIGHUP; continue with a command\n"


def test_the_end_of_the_grace_period_ends_the_process() -> None:
    process = busy(grace=0.3)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 143
    assert errors == "encnet: did not stop within 0.3 s after SIGTERM; continue with a command\n"


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"])
def test_one_process_of_a_job_is_the_first(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(variable, raising=False)
    assert is_first_process()
    monkeypatch.setenv(name, "0")
    assert is_first_process()
    monkeypatch.setenv(name, "1")
    assert not is_first_process()
