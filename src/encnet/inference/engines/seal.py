"""The seal of an exported file: a digest at its end, which shows damage before an engine reads the file.

Engines read damaged graphs as far as they can: some then end the process, and a weight with another bit gives other
classes without a word.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from encnet.system.errors import InputError

_KEY = b"encnet_sha256"
_AROUND: dict[str, tuple[bytes, bytes]] = {
    ".xml": (b"<!-- " + _KEY + b" ", b" -->\n"),
    # An entry of metadata_props, in the wire format of protobuf, in which fields may come in any order.
    ".onnx": (b"\x72\x51\x0a\x0d" + _KEY + b"\x12\x40", b""),
}
"""Suffix -> what comes before and after the digest."""
_SEAL = re.compile(
    b"|".join(re.escape(before) + b"[0-9a-f]{64}" + re.escape(after) for before, after in _AROUND.values())
)
_PART = 2**20  # bytes that are read at once


def seal(path: Path) -> None:
    """Appends the SHA-256 of a file, for OpenVINO with that of its weights, to the file; not to one of another format.

    Raises:
        OSError: the file cannot be written.
    """
    if path.suffix not in _AROUND:
        return
    before, after = _AROUND[path.suffix]
    digest = _digest(path, path.stat().st_size)
    with path.open("ab") as file:
        file.write(before + digest.encode() + after)


def require_unbroken(path: Path) -> None:
    """Refuses a sealed file that has changed; a file without a seal, of another program for example, passes.

    Raises:
        InputError: the file, or that of its weights, is not as it was written, or cannot be read.
    """
    before, after = _AROUND[path.suffix.lower()]
    length = len(before) + 64 + len(after)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - length))
            end = file.read()
        if not _SEAL.fullmatch(end) or end == before + _digest(path, size - length).encode() + after:
            return
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); write it again with `encnet export`") from error
    files = f"{path} or {_weights(path).name}" if path.suffix.lower() == ".xml" else str(path)
    raise InputError(f"{files} has changed since it was written; copy it again, or write it again with `encnet export`")


def unsealed(content: bytes) -> bytes:
    """The bytes of a file without its seal."""
    return _SEAL.sub(b"", content)


def _digest(path: Path, size: int) -> str:
    """SHA-256 of the first bytes of a file, and of the file of its weights, if there is one."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for start in range(0, size, _PART):
            digest.update(file.read(min(_PART, size - start)))
    if _weights(path).is_file() and path.suffix.lower() == ".xml":
        with _weights(path).open("rb") as file:
            while part := file.read(_PART):
                digest.update(part)
    return digest.hexdigest()


def _weights(path: Path) -> Path:
    return path.with_suffix(".bin")
