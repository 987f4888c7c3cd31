"""Requests that a server of images has to refuse: files, forms, options, routes, heads, and slow or endless ones."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import repeat

from benchmarks.hostile_files import hostile_files
from benchmarks.wire import HOST, Hostile, head, post

_LONG = 30_000


def hostile_requests(megapixels: float, megabytes: float) -> list[Hostile]:
    """Requests that a server with these limits has to refuse with a status from 400 to 499; the slow ones are last."""
    files = {f"file: {name}": Hostile(name, [post(content)]) for name, content in hostile_files(megapixels).items()}
    ways: dict[str, Iterable[bytes]] = {
        **{f"form: {name}": [content] for name, content in _forms(megabytes).items()},
        **{f"option: {name[:60]}": [post(b"x", f"/predict?{name}")] for name in _OPTIONS},
        **{f"route: {line[:60]}": [f"{line} HTTP/1.1\r\n{HOST}\r\n\r\n".encode("latin-1")] for line in _LINES},
        **{f"head: {name}": [content] for name, content in _heads(megabytes).items()},
    }
    quick = [request._replace(name=name) for name, request in files.items()]
    quick += [Hostile(name, pieces) for name, pieces in ways.items()]
    return quick + slow_requests(megabytes)


def slow_requests(megabytes: float) -> list[Hostile]:
    """Requests that come slowly, or do not end."""
    size = int(megabytes * 1e6)
    chunk = b"4000\r\n" + bytes(0x4000) + b"\r\n"
    chunked = head("POST", "/predict", "Transfer-Encoding: chunked")
    return [
        Hostile("slow: a head that does not end", [b"POST /predict HTTP/1.1\r\n", *repeat(b"a: b\r\n", 200)], 0.3),
        Hostile("slow: half a request line", [b"POST /pre"]),
        Hostile(
            "slow: a body byte by byte", [head("POST", "/predict", "Content-Length: 1000"), *repeat(b"x", 200)], 0.3
        ),
        Hostile("slow: a body that is announced and not sent", [head("POST", "/predict", f"Content-Length: {size}")]),
        Hostile("slow: chunk by chunk", [chunked, *repeat(b"1\r\nx\r\n", 200)], 0.3),
        Hostile("slow: no chunk", [chunked]),
        Hostile("slow: half a form", [_form(b"")[:-20]]),
        Hostile("endless: chunks", _until(60, chunked, chunk)),
        Hostile("endless: form", _until(60, head("POST", "/predict", _MULTIPART, "Transfer-Encoding: chunked"), chunk)),
        Hostile("endless: chunks of one byte", _until(60, chunked, b"1\r\nx\r\n" * 3000)),
        Hostile("endless: chunks of 64 bytes", _until(60, chunked, (b"40\r\n" + bytes(64) + b"\r\n") * 100)),
    ]


def _until(seconds: float, head: bytes, piece: bytes) -> Iterator[bytes]:
    yield head
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield piece


_MULTIPART = "Content-Type: multipart/form-data; boundary=bound"


def _form(content: bytes, disposition: str = 'name="image"; filename="a.jpg"', kind: str = _MULTIPART) -> bytes:
    body = f"--bound\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + content + b"\r\n--bound--\r\n"
    return post(body, "/predict", kind)


def _forms(megabytes: float) -> dict[str, bytes]:
    part = b'--bound\r\nContent-Disposition: form-data; name="a%d"\r\n\r\nx\r\n'
    file = b'--bound\r\nContent-Disposition: form-data; name="a%d"; filename="a"\r\n\r\nx\r\n'
    names = [
        "../../../../etc/passwd", "/etc/passwd", "..\\\\..\\\\boot.ini", "C:\\\\a.png", "a.png\0.jpg", "x" * _LONG,
        "$(id)", "a;rm -rf /", "\u202egpj.exe", "<script>", "con", "file:///etc/passwd", "%2e%2e%2fa", "",
        "/proc/self/environ",
    ]  # fmt: skip
    forms = {f"name {name[:30]!r}": _form(b"x", f'name="image"; filename="{name}"') for name in names}
    return forms | {
        "no file": _form(b"x", 'name="image"'),
        "no name": _form(b"x", 'filename="a"'),
        "no end": post(
            b'--bound\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nx', "/predict", _MULTIPART
        ),
        "nothing": post(b"", "/predict", _MULTIPART),
        "no boundary": _form(b"x", kind="Content-Type: multipart/form-data"),
        "another boundary": _form(b"x", kind="Content-Type: multipart/form-data; boundary=other"),
        "a boundary of 5000": _form(b"x", kind=f"Content-Type: multipart/form-data; boundary={'b' * 5000}"),
        "a boundary that is no text": _form(b"x", kind="Content-Type: multipart/form-data; boundary=\xff\xfe"),
        "an unknown charset": _form(b"x", kind=_MULTIPART + "; charset=\xff"),
        "two files": post(b"".join(file % i for i in range(2)) + b"--bound--\r\n", "/predict", _MULTIPART),
        "1000 fields": post(b"".join(part % i for i in range(1000)) + b"--bound--\r\n", "/predict", _MULTIPART),
        "a huge field": _form(b"x" * int(megabytes * 1e6), 'name="image"'),
        "a huge file": _form(b"x" * int(megabytes * 2e6)),
        "5000 headers of a part": post(
            b"--bound\r\n" + b"a: b\r\n" * 5000 + b"\r\nx\r\n--bound--\r\n", "/predict", _MULTIPART
        ),
        "a header of a part with 100 000 parameters": _form(b"x", 'name="a"; filename="b"' + "; a=b" * 100_000),
        "a form in a form": _form(_form(b"x"), kind=_MULTIPART),
    }


_OPTIONS = [
    *(
        f"labels={value}"
        for value in ("NaN", "nan", "inf", "-inf", "1e999", "-1", "2", "18446744073709551616", "1.0000001")
    ),
    *(f"labels={value}" for value in ("", "null", "None", "[]", "%7B%7D", "%00", "%FF%FE", "true%20", "x" * _LONG)),
    *("labels[]=true", "labels[0]=true", "labels=true&labels=NaN", "label=true", "__proto__=1", "index=NaN", "x" * 100),
]
_LINES = [
    *(
        f"GET {path}"
        for path in ("/etc/passwd", "/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "//etc/passwd", "/%00", "/%ff")
    ),
    *(
        f"GET {path}"
        for path in (
            "/static/../../etc/passwd",
            "/app.js/",
            "/app.js%00.css",
            "/docs",
            "/redoc",
            "/.env",
            "/.git/config",
        )
    ),
    *(
        f"GET {path}"
        for path in ("/gradio_api/queue/data", "/config", "/predict", "/viewer", "/x" * 10_000, "http://example.com/")
    ),
    *(f"{method} /predict" for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND", "BREW")),
    *("CONNECT example.com:443", "OPTIONS *", "POST /health", "POST /", "DELETE /", "POST /openapi.json"),
]


def _heads(megabytes: float) -> dict[str, bytes]:
    size = int(megabytes * 1e6) + 1
    good = f"GET /health HTTP/1.1\r\n{HOST}\r\n"
    posted = f"POST /predict HTTP/1.1\r\n{HOST}\r\n"
    texts = {
        "5000 headers": good + "".join(f"x-{i}: {i}\r\n" for i in range(5000)),
        "200 headers": good + "a: b\r\n" * 200,
        "a header of 200 kB": good + f"a: {'x' * 200_000}\r\n",
        "a name of 200 kB": good + f"{'x' * 200_000}: a\r\n",
        "two hosts": good + "Host: localhost\r\n",
        "no host": "GET /health HTTP/1.1\r\n",
        "no host in HTTP/1.0": "GET /health HTTP/1.0\r\n",
        **{
            f"host {host!r}": f"GET /health HTTP/1.1\r\nHost: {host}\r\n"
            for host in (
                "evil.example",
                "evil.example:80",
                "127.0.0.1.evil.example",
                "a@127.0.0.1",
                "127.0.0.1/x",
                "",
                "[",
                "0x7f.1",
            )
        },
        **{
            f"origin {origin!r}": f"{posted}Origin: {origin}\r\nContent-Length: 0\r\n"
            for origin in (
                "https://evil.example",
                "null",
                "http://127.0.0.1:1",
                "http://127.0.0.1.evil.example",
                "file://",
                "",
            )
        },
        **{
            f"length {length!r}": f"{posted}Content-Length: {length}\r\n"
            for length in ("-1", "NaN", "1e3", "0x10", "+1", "9" * 15, "9" * 40, str(size + 10_000))
        },
        "two lengths": f"{posted}Content-Length: 1\r\nContent-Length: 2\r\n",
        "length and chunks": f"{posted}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "unknown coding": f"{posted}Transfer-Encoding: gzip, chunked\r\n",
        "expects an answer to continue": f"{posted}Expect: 100-continue\r\nContent-Length: {size * 10}\r\n",
        "no colon": good + "nothing\r\n",
        "a space before the colon": good + "a : b\r\n",
        "a zero byte": good + "a: \0\r\n",
        "HTTP/0.9": "GET /health\r\n",
        "no HTTP": "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + "\0" * 100,
        "a wrong chunk": f"{posted}Transfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n",
        "a chunk below zero": f"{posted}Transfer-Encoding: chunked\r\n\r\n-5\r\nx\r\n",
        "a huge chunk": f"{posted}Transfer-Encoding: chunked\r\n\r\n{'f' * 25}\r\nx\r\n",
    }
    return {name: f"{text}\r\n".encode("latin-1") for name, text in texts.items()}
