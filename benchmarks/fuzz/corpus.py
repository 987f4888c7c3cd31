"""The inputs that reach new lines of a reader, kept as one archive for each reader, from which fuzzing starts."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from encnet.system.files import replacing

FOLDER: Path = Path(__file__).parent / "archives"
"""Where the archives are."""
MOST: int = 400_000
"""Bytes of a reader's inputs; those of readers that take more are whole networks, and are not kept."""


def kept(name: str, folder: Path = FOLDER) -> list[bytes]:
    """The kept inputs of a reader."""
    path = folder / f"{name}.zip"
    if not path.is_file():
        return []
    with zipfile.ZipFile(path) as archive:
        return [archive.read(entry) for entry in archive.namelist()]


def keep(name: str, inputs: Path, folder: Path = FOLDER) -> None:
    """Writes the archive of a reader from a folder of inputs; the same inputs give the same bytes."""
    contents = sorted({path.read_bytes() for path in inputs.iterdir()})
    if sum(map(len, contents)) > MOST:
        return
    folder.mkdir(exist_ok=True)
    with (
        replacing(folder / f"{name}.zip", recorded=False) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for content in contents:
            digest = hashlib.sha256(content).hexdigest()[:16]
            archive.writestr(zipfile.ZipInfo(digest), content, zipfile.ZIP_DEFLATED)
