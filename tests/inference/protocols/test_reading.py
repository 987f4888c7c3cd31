"""Protocols from names, files and settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from encnet.inference.protocols.protocol import Protocol, named_protocol
from encnet.inference.protocols.reading import read_protocol
from encnet.system.errors import InputError


def test_a_protocol_is_a_name_a_file_or_settings(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("mode: tiled\ncrop: [512, 640]\n")
    assert read_protocol("mmseg-ms") == named_protocol("mmseg-ms")
    assert read_protocol(str(tmp_path / "own.yaml")) == Protocol("tiled", (512, 640))
    assert read_protocol('{"flip": true}') == Protocol(flip=True)


def test_a_name_in_a_file_stands_for_the_settings_that_are_not_given(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: mmseg-ms\nflip: false\n")
    protocol = read_protocol(str(tmp_path / "own.yaml"))
    assert (protocol.scales, protocol.flip) == (named_protocol("mmseg-ms").scales, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modes: tiled", r"own\.yaml: there is no setting modes; did you mean mode\?$"),
        ("mode: tilde", r"own\.yaml: mode is tilde; it must be one of whole, sliding, tiled$"),
        ("- 1", r"own\.yaml must hold settings by name, not \[1\]$"),
        ("a: [", r"own\.yaml cannot be read as YAML: .*; correct it$"),
    ],
)
def test_a_wrong_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_protocol(str(tmp_path / "own.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("other.yaml", r"^there is no file other\.yaml; give a YAML file of settings, or one of plain, tiled, "),
        ("plane", r"^there is no protocol 'plane'; choose one of plain, "),
        ('{"mode": 3}', r"^the protocol: mode is 3; it must be one of whole, sliding, tiled$"),
    ],
)
def test_what_is_no_protocol_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_protocol(text)
