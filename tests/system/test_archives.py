"""Archives that unpack to more than their size are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from encnet.system.archives import require_uncompressed
from encnet.system.errors import InputError


def test_archives_of_pytorch_and_other_files_pass(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(10**6)}, tmp_path / "sound.pth")
    (tmp_path / "other").write_bytes(b"no archive")
    require_uncompressed(tmp_path / "sound.pth")
    require_uncompressed(tmp_path / "other")


def test_a_compressed_archive_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(10**8))
    with pytest.raises(InputError, match="unpacks to 100000000, so it was not opened"):
        require_uncompressed(tmp_path / "bomb.pth")
    content = bytearray((tmp_path / "bomb.pth").read_bytes())
    content[content.index(b"PK\x01\x02")] = 0
    (tmp_path / "damaged.pth").write_bytes(content)
    with pytest.raises(InputError, match="is a damaged archive"):
        require_uncompressed(tmp_path / "damaged.pth")
