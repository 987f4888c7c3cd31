"""`encnet --completion`, `encnet --version`, and the version in Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version

import pytest

import encnet
from encnet.cli import VERBS, main


def test_the_script_completes_verbs_and_flags(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="completion needs shtab: pip install 'encnet[completion]'")
    assert main(["--completion", "bash"]) == 0
    script = capsys.readouterr().out
    for verb in VERBS:
        assert verb in script
    for flag in ("--model.num_codes", "--data.crop", "--protocol.scales", "--context_memory", "--max_megapixels"):
        assert flag in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_accepts_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="completion needs shtab: pip install 'encnet[completion]'")
    assert main(["--completion", "bash"]) == 0
    script = capsys.readouterr().out + (
        '\nCOMP_WORDS=(encnet train --model.num_c) COMP_CWORD=2\n_shtab_encnet; echo "${COMPREPLY[@]}"\n'
    )
    completed = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=False, timeout=60)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert "--model.num_codes" in completed.stdout.split()


@pytest.mark.parametrize("words", [["--completion", "abacus"], ["--completion"]])
def test_an_unknown_shell_is_one_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("encnet: give one of bash, zsh, tcsh after --completion, not ")
    assert len(error.splitlines()) == 1


def test_without_shtab_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)  # importing it fails as if it were not installed
    assert main(["--completion", "bash"]) == 2
    assert "pip install 'encnet[completion]'" in capsys.readouterr().err


def test_the_version_is_that_of_the_installed_package() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "encnet", "--version"], capture_output=True, text=True, check=True, timeout=120
    )
    assert printed.stdout == f"encnet {version('encnet')}\n"
    assert encnet.__version__ == version("encnet")
