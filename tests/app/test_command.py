"""The arguments of `encnet app`."""

from __future__ import annotations

import importlib.util
import socket
import sys
from pathlib import Path

import pytest

from encnet.cli import main
from encnet.system.errors import InputError

served = pytest.mark.skipif(
    importlib.util.find_spec("fastapi") is None, reason="needs FastAPI: pip install 'encnet[app]'"
)


@served
def test_a_port_in_use_is_wrong_input(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["app", str(checkpoint), "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1, port {port}" in error
    assert error.rstrip().endswith("choose another port (--port)")
    assert "Traceback" not in error


@served
def test_the_port_is_taken_before_the_page_is_announced() -> None:
    from encnet.app.server import _listening

    with _listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1, port {port}"):
            _listening("127.0.0.1", port)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--timeout", "0"], "timeout is 0.0; it must be above 0 and at most 86400 (--timeout)"),
        (
            ["--max_megapixels", "1000"],
            "max_megapixels is 1000.0; it must be above 0 and at most 178 (--max_megapixels)",
        ),
        (["--port", "port"], "port"),
        (["--port", "70000"], "port 70000"),
        (["--port", "-1"], "port -1"),
        (["--host", "nowhere.invalid"], "cannot listen on nowhere.invalid"),
        (["--host", "a" * 300], "choose another host (--host)"),
        (["--max_megabytes", ".inf"], "max_megabytes is inf; it must be above 0 and at most 2000 (--max_megabytes)"),
        (["--timeout", ".nan"], "timeout is nan"),
        (["--token_file", "nowhere"], "cannot read the token in nowhere"),
    ],
    ids=str,
)
@served
def test_wrong_arguments_are_refused_in_one_sentence(
    arguments: list[str], message: str, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["app", str(checkpoint), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("token", ["", "short", "sixteen letters and spaces", "ä" * 20], ids=repr)
def test_a_weak_token_is_refused_and_not_shown(
    token: str, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text(token)
    monkeypatch.setenv("ENCNET_TOKEN", token)
    for arguments, source in (([], "ENCNET_TOKEN"), (["--token_file", str(tmp_path / "token")], tmp_path / "token")):
        assert main(["app", str(checkpoint), *arguments]) == 2
        error = capsys.readouterr().err
        assert f"the token in {source} must have at least 16 ASCII characters" in error
        assert ("--token_file" in error) == (source != "ENCNET_TOKEN")
        assert not token or token not in error.replace(str(tmp_path), "")


def test_the_error_without_fastapi_says_what_to_install(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("encnet.app")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)  # importing it fails as if it were not installed
    assert main(["app", str(checkpoint)]) == 2
    assert "pip install 'encnet[app]'" in capsys.readouterr().err


@served
def test_the_address_is_shown_without_escape_sequences(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["app", str(checkpoint), "--host", "\x1b[31mred.invalid"]) == 2
    error = capsys.readouterr().err
    assert r"whoever reaches \x1b[31mred.invalid can use the model" in error
    assert "\x1b" not in error
