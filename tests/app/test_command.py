"""The arguments of `encnet app`."""

from __future__ import annotations

import importlib.util
import socket
import sys
from pathlib import Path

import pytest

from encnet.cli import main


@pytest.fixture(autouse=True)
def _same_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restores the environment variable that the command sets for Gradio."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")


gradio = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="needs Gradio: pip install 'encnet[app]'"
)


@gradio
def test_a_port_in_use_is_wrong_input(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["app", str(checkpoint), "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1, port {port}" in error
    assert error.rstrip().endswith("choose another port (--port)")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--timeout", "0"], "timeout is 0.0; it must be above 0 and at most 86400 (--timeout)"),
        (["--timeout", ".nan"], "timeout is nan; it must be"),
        (["--max_megabytes", ".inf"], "max_megabytes is inf; it must be above 0 and at most 10000 (--max_megabytes)"),
        (["--concurrency", "1000000"], "concurrency is 1000000; it must be from 1 to 1024 (--concurrency)"),
        (
            ["--max_megapixels", "1000"],
            "max_megapixels is 1000.0; it must be above 0 and at most 178 (--max_megapixels)",
        ),
        (["--port", "port"], "port"),
        (["--port", "70000"], "port 70000"),
        (["--host", "nowhere.invalid"], "cannot listen on nowhere.invalid"),
    ],
    ids=str,
)
@gradio
def test_wrong_arguments_are_refused_in_one_sentence(
    arguments: list[str], message: str, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["app", str(checkpoint), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_error_without_gradio_says_what_to_install(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("encnet.app")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gradio", None)  # importing it fails as if it were not installed
    assert main(["app", str(checkpoint)]) == 2
    assert "pip install 'encnet[app]'" in capsys.readouterr().err
