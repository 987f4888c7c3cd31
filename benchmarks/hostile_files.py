"""Files that are no images, or that cost more than they seem: what strangers send to a server of images."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")

_OTHERS: dict[str, bytes] = {
    "empty": b"",
    "one byte": b"\0",
    "zeros": bytes(5000),
    "text": b"not a picture\n",
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "XML entities": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "VRT": b"<VRTDataset rasterXSize='9' rasterYSize='9'><SourceFilename>/etc/passwd</SourceFilename></VRTDataset>",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file showpage\n",
    "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n%%EOF",
    "ZIP": b"PK\x03\x04" + bytes(200),
    "gzip": b"\x1f\x8b\x08\0" + bytes(200),
    "tar": b"../../etc/passwd".ljust(257, b"\0") + b"ustar" + bytes(250),
    "pickle": b"cos\nsystem\n(S'touch pwned'\ntR.",
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(200),
    "MP4": b"\0\0\0\x18ftypmp42" + bytes(200),
    "HEIC": b"\0\0\0\x18ftypheic" + bytes(200),
    "WAV": b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(200),
    "JSON": b'{"image": NaN, "labels": Infinity}',
    "path": b"/etc/passwd",
    "URL": b"http://127.0.0.1/photograph.jpg",
    "safetensors": struct.pack("<Q", 2**40) + b"{}",
    "unicode": "\ufeff道路\u202egpj.exe".encode(),
}


def encoded(image: Image.Image, format: str) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, format=format)
    return buffer.getvalue()


def hostile_files(megapixels: float) -> dict[str, bytes]:
    """Files by what they are; a server that admits images of so many million pixels has to refuse each of them."""
    files = dict(_OTHERS)
    files |= {
        f"{name}, no format that is read": encoded(Image.new("RGB", (64, 64)), name) for name in ("GIF", "ICO", "PPM")
    }
    files |= {f"bomb: {name}": content for name, content in _bombs(megapixels).items()}
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8))
    for name in FORMATS:
        content = encoded(noise, name)
        for share in (0.01, 0.3, 0.6, 0.9):
            files[f"{name} cut off at {share:.0%}"] = content[: int(share * len(content))]
        files[f"{name} without its head"] = content[8:]
    return files


def _bombs(megapixels: float) -> dict[str, bytes]:
    side = int((megapixels * 1e6) ** 0.5) + 1
    jpeg = encoded(Image.new("RGB", (64, 64)), "JPEG")
    size = jpeg.index(b"\xff\xc0") + 5
    return {
        "PNG, pixels of a single value": png(2 * side, 2 * side, zlib.compress(bytes(2 * side * (1 + 6 * side)), 9)),
        "PNG, a little too large": encoded(Image.new("L", (side, side)), "PNG"),
        "PNG, 30000 x 30000": png(30_000, 30_000, b""),
        "PNG, 2^31 - 1 columns": png(2**31 - 1, 1, b""),
        "PNG, no columns": png(0, 10, b""),
        "PNG, 80 MB of text": png(9, 9, b"", [(b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000), 9))]),
        "PNG, 80 MB of colour profile": png(9, 9, b"", [(b"iCCP", b"a\0\0" + zlib.compress(bytes(80_000_000), 9))]),
        "PNG, a chunk of 4 GB": png(9, 9, b"")[:33] + b"\xff\xff\xff\xffIDAT",
        "JPEG, 65500 x 65500": jpeg[:size] + struct.pack(">HH", 65_500, 65_500) + jpeg[size + 4 :],
        "JPEG, 3000 scans": jpeg[:-2] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\0" * 3000,
        "WebP, 16383 x 16383": b"RIFF\x20\0\0\0WEBPVP8L\x10\0\0\0\x2f"
        + struct.pack("<I", (16382 << 14) | 16382)
        + bytes(11),
        "BMP, 60000 x 60000": bmp(60_000, 60_000),
        "BMP, columns below zero": bmp(-40_000, 40_000),
        "BMP, compressed, 30000 x 30000": bmp(30_000, 30_000, compression=1, bits=8),
        "TIFF, 100000 x 100000": tiff({256: 100_000, 257: 100_000}),
        "TIFF, 65535 bands": tiff({256: 3000, 257: 30, 258: 16, 277: 65_535}),
        "TIFF, 65535 bands of float64": tiff({256: 600, 257: 600, 258: 64, 277: 65_535, 339: 3}),
        **{
            f"TIFF, a tile of {side} x {side}, {bands} bands of {bits} bits": tiff(
                {256: 9, 257: 9, 258: bits, 259: 5, 262: 1, 277: bands, 322: side, 323: side, 324: 8, 325: 20}
            )
            for side, bands, bits in ((60_000, 1, 1), (26_000, 3, 8), (46_000, 1, 8), (30_000, 1, 16), (16_000, 4, 16))
        },
        "TIFF, a strip of 4 billion rows": tiff(
            {256: 9, 257: 9, 258: 8, 259: 5, 262: 1, 278: 2**32 - 1, 273: 8, 279: 9}
        ),
        "TIFF, 65535 tags": b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 256, 4, 1, 9) * 2000,
        "TIFF, a directory that is its own next": tiff({256: 9}, following=8),
        "TIFF, a tag of 4 billion numbers": tiff({256: 9, 257: 9}, counts={258: 2**32 - 1}),
        "TIFF, no columns": tiff({256: 0, 257: 9}),
        "TIFF, BigTIFF of 2^62 tags": b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + struct.pack("<Q", 2**62),
    }


def png(width: int, height: int, data: bytes, chunks: list[tuple[bytes, bytes]] | None = None) -> bytes:
    """An RGB PNG whose head claims a size, with any data and further chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *(chunks or []), (b"IDAT", data), (b"IEND", b"")]
    framed = (
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def bmp(width: int, height: int, compression: int = 0, bits: int = 24) -> bytes:
    """A BMP whose head claims a size."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024, 0, 0, 54 + 1024) + head + bytes(1200)


def tiff(tags: dict[int, int], counts: dict[int, int] | None = None, following: int = 0) -> bytes:
    """A TIFF with numbers as tags, tags of so many numbers that are not there, and the place of its next directory."""
    entries = [(tag, 4, 1, value) for tag, value in tags.items()]
    entries += [(tag, 3, count, 8) for tag, count in (counts or {}).items()]
    body = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + struct.pack("<I", following) + bytes(64)
