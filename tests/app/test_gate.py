"""The gate: the page reaches uploads and no other file or host, over a real connection."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from image_files import encoded
from PIL import Image


@pytest.fixture(scope="module")
def content(scene: Image.Image) -> bytes:
    return encoded(scene)


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> Path:
    """An image file on the server that is no upload."""
    path = tmp_path_factory.mktemp("private") / "secret.png"
    path.write_bytes(content)
    return path


def test_files_of_the_server_cannot_be_read(server: SimpleNamespace, secret: Path) -> None:
    climbing = "/".join([".."] * 12)
    asked = [
        *(f"/gradio_api/file={path}" for path in (secret, "/etc/hostname", f"{server.uploads}/{climbing}{secret}")),
        f"/gradio_api/file={climbing}{secret}",
        f"/gradio_api/file={str(secret).replace('/', '%2F')}",
        f"/gradio_api/file={server.uploads}/..%2f..%2f..%2f..%2f..%2f..{secret}",
        "/gradio_api/file=pyproject.toml",
        "/gradio_api/file=http://127.0.0.1/",
        f"/file={secret}",
        f"/static/{climbing}{secret}",
        f"/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..{secret}",
        f"/assets/{climbing}{secret}",
        f"/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..{secret}",
        f"/gradio_api/proxy={server.url}/health",
        "/gradio_api/deep_link?session_hash=x",
        "/monitoring",
        "/gradio_api/mcp",
        f"//{secret}",
        f"/%2e%2e/%2e%2e{secret}",
    ]
    contents = secret.read_bytes()
    host = server.url.removeprefix("http://")
    for path in asked:
        status, body = raw_get(host, path)
        assert status in (400, 403, 404), (path, status)
        assert contents not in body


def raw_get(host: str, path: str) -> tuple[int, bytes]:
    """GET of a path exactly as it stands; other clients tidy it up."""
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.putrequest("GET", path)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def order(server: SimpleNamespace, file: object, session: str) -> httpx.Response:
    """Asks for the result of a file as the page does."""
    config = httpx.get(f"{server.url}/config").json()
    ids = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
    function = next(d["id"] for d in config["dependencies"] if d["outputs"] == [ids["result"]])
    joined = {"data": [file], "fn_index": function, "session_hash": session}
    return httpx.post(f"{server.url}/gradio_api/queue/join", json=joined)


def test_the_page_segments_uploads(server: SimpleNamespace, content: bytes) -> None:
    sent = httpx.post(f"{server.url}/gradio_api/upload", files={"files": ("scene.png", content)})
    named = sent.json()[0]
    assert raw_get(server.url.removeprefix("http://"), f"/gradio_api/file={named}") == (200, content)
    assert order(server, {"path": named, "meta": {"_type": "gradio.FileData"}}, "upload").status_code == 200
    with httpx.stream("GET", f"{server.url}/gradio_api/queue/data?session_hash=upload", timeout=60) as stream:
        last = next(line for line in stream.iter_lines() if "process_completed" in line)
    answer = json.loads(last.removeprefix("data:"))
    assert answer["success"]
    assert "encnet-viewer" in json.dumps(answer)


def test_the_page_refuses_files_that_are_no_uploads(server: SimpleNamespace, secret: Path) -> None:
    """A program that pretends to be the page may name any file, or an address for the server to fetch."""
    before = sorted(server.uploads.rglob("*"))
    for named in (str(secret), f"{server.uploads}/../{secret}", "/etc/hostname", "http://192.0.2.1/x.png", 7, None):
        file = {"path": named, "url": str(named), "meta": {"_type": "gradio.FileData"}}
        for wrapped in (file, [file], {"image": {"deep": [file]}}):
            refused = order(server, wrapped, "nobody")
            assert refused.status_code == 400
            assert "does not have this photograph" in refused.json()["error"]
    url = f"{server.url}/gradio_api/queue/join"
    for body in (b"{", b"[" * 90_000, b'{"data": [' + b" " * 200_000 + b"]}"):
        assert httpx.post(url, content=body, headers={"content-type": "application/json"}).status_code == 400
    for other in ("run/predict", "call/predict", "api/predict", "component_server", "stream/x", "process_recording"):
        assert httpx.post(f"{server.url}/gradio_api/{other}", json={"data": [str(secret)]}).status_code == 404
    assert sorted(server.uploads.rglob("*")) == before  # nothing was copied there either


def test_the_page_contacts_no_other_host(server: SimpleNamespace) -> None:
    page = httpx.get(server.url)
    assert page.status_code == 200
    assert "gradio" in page.text
    for kind in ("src", "href"):
        assert f'{kind}="http' not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
