"""The routes for programs, asked over a real connection."""

from __future__ import annotations

import asyncio
import base64
import http.client
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the routes take FastAPI: pip install 'encnet[app]'")

from fastapi import Request

from encnet.app.answer import ModelDescription, Prediction
from encnet.app.limits import Limits, RefusedError
from encnet.app.routes import image_in


@pytest.fixture(scope="module")
def content(scene: Image.Image) -> bytes:
    return encoded(scene, "PNG")


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def test_the_answer_is_the_prediction(server: SimpleNamespace, scene: Image.Image, content: bytes) -> None:
    response = httpx.post(f"{server.url}/predict", content=content)
    assert response.status_code == 200
    answer, expected = response.json(), server.predictor(scene)
    assert (answer["width"], answer["height"]) == scene.size
    assert [c["name"] for c in answer["classes"]] == list(expected.names)
    assert [tuple(c["color"]) for c in answer["classes"]] == list(expected.palette)
    shares = {c["name"]: c["share"] for c in answer["classes"] if c["share"]}
    assert len(shares) > 1
    assert shares == pytest.approx(expected.shares(), abs=1e-6)
    assert expected.presence is not None
    assert [c["presence"] for c in answer["classes"]] == pytest.approx(expected.presence.tolist(), abs=1e-6)
    assert "labels_png" not in answer


@pytest.mark.parametrize("way", ["body", "form", "field of another name", "curl"])
def test_an_image_comes_as_body_or_in_a_form(
    way: str, server: SimpleNamespace, scene: Image.Image, content: bytes
) -> None:
    url, options = f"{server.url}/predict", {"params": {"labels": "true"}, "timeout": 60}
    if way == "body":
        response = httpx.post(url, content=content, headers={"content-type": "image/png"}, **options)
    elif way == "curl":  # --data-binary
        response = httpx.post(
            url, content=content, headers={"content-type": "application/x-www-form-urlencoded"}, **options
        )
    else:
        name = "image" if way == "form" else "file"
        response = httpx.post(
            url, files={name: ("x.png", content)}, data={"comment": "a form has other fields"}, **options
        )
    assert response.status_code == 200, response.text
    labels = Image.open(io.BytesIO(base64.b64decode(response.json()["labels_png"])))
    assert labels.mode == "P"
    assert np.array_equal(np.asarray(labels), server.predictor(scene).labels)


def test_photographs_are_answered_upright(server: SimpleNamespace, scene: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    answer = httpx.post(f"{server.url}/predict", content=encoded(scene, "PNG", exif=exif)).json()
    assert (answer["height"], answer["width"]) == scene.size


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 422, "the file is empty"),
        (b"not a picture", 422, "not an image that can be read"),
        (encoded(Image.effect_noise((300, 300), 60), "JPEG")[:9000], 422, "the image is damaged"),
        (encoded(Image.new("L", (1000, 501)), "PNG"), 413, "1000 x 501 pixels, more than 0.5 million"),
        (b"x" * 1_000_001, 413, "larger than 1 MB"),
        (b"x" * 20_000_000, 413, "larger than 1 MB"),
    ],
    ids=["empty", "text", "truncated", "pixels", "bytes", "many bytes"],
)
@pytest.mark.parametrize("form", [False, True], ids=["body", "form"])
def test_what_is_wrong_is_one_sentence(
    form: bool, body: bytes, status: int, message: str, server: SimpleNamespace
) -> None:
    sent: dict[str, Any] = {"files": {"image": body}} if form else {"content": body}
    response = httpx.post(f"{server.url}/predict", **sent)
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    assert message in response.json()["error"]


def test_no_more_of_a_body_is_kept_than_a_file_may_have() -> None:
    """A body whose sender does not say how long it is."""
    given = 0

    async def receive() -> dict[str, object]:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    async def send(message: object) -> None:
        raise AssertionError("nothing is answered here")

    request = Request({"type": "http", "method": "POST", "headers": []}, receive, send)
    with pytest.raises(RefusedError, match="larger than 1 MB"):
        asyncio.run(image_in(request, Limits(max_megabytes=1)))
    assert given == 11


def test_wrong_requests_are_told_what_to_do(server: SimpleNamespace, content: bytes) -> None:
    url = f"{server.url}/predict"
    asked = {
        "labels: ": (422, httpx.post(url, params={"labels": "perhaps"}, content=content)),
        "asked by POST": (405, httpx.get(url)),
        "no file": (422, httpx.post(url, files={"comment": (None, "x")})),
        "Too many files": (400, httpx.post(url, files=[("a", content), ("b", content)])),
        "boundary": (400, httpx.post(url, content=content, headers={"content-type": "multipart/form-data"})),
        "nothing here": (404, httpx.get(f"{server.url}/predictions")),
    }
    for message, (status, response) in asked.items():
        assert response.status_code == status, message
        assert message.lower() in response.json()["error"].lower()


def test_health_model_and_documentation(server: SimpleNamespace, content: bytes) -> None:
    assert httpx.get(f"{server.url}/health").json() == {"status": "ok"}
    model = ModelDescription.model_validate(httpx.get(f"{server.url}/model").json())
    assert tuple(c.name for c in model.classes) == server.predictor.names
    assert (model.variant, model.engine, model.max_megapixels) == ("encnet_tiny", "pytorch", 0.5)
    document = httpx.get(f"{server.url}/openapi.json").json()
    assert set(document["paths"]) == {"/predict", "/model", "/health"}
    assert set(document["paths"]["/predict"]["post"]["responses"]) == {"200", "400", "413", "422", "503", "504"}
    answer = httpx.post(f"{server.url}/predict", params={"labels": "true"}, content=content).json()
    documented = document["components"]["schemas"]["Prediction"]["properties"]
    assert set(answer) == set(documented)
    Prediction.model_validate(answer, strict=False)
    for page in ("/docs", "/redoc"):  # they take their scripts from a network
        assert httpx.get(server.url + page).status_code == 404


def test_many_at_once_get_their_own_answers(server: SimpleNamespace, scene: Image.Image) -> None:
    turned = [scene.rotate(90 * i, expand=True) for i in range(4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda i: httpx.post(f"{server.url}/predict", content=encoded(turned[i % 4], "PNG"), timeout=60),
                range(12),
            )
        )
    for i, answer in enumerate(answers):
        shares = {c["name"]: c["share"] for c in answer.json()["classes"] if c["share"]}
        assert shares == pytest.approx(server.predictor(turned[i % 4]).shares(), abs=1e-6)


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> Path:
    """A picture on the server that nobody uploaded."""
    path = tmp_path_factory.mktemp("private") / "secret.png"
    path.write_bytes(content)
    return path


def test_no_file_of_the_server_can_be_read(server: SimpleNamespace, secret: Path) -> None:
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


def test_the_page_segments_nothing_but_uploads(server: SimpleNamespace, secret: Path) -> None:
    """A program in the place of the page may name any file, or an address that the server should fetch."""
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


def test_the_page_asks_no_other_host(server: SimpleNamespace) -> None:
    page = httpx.get(server.url)
    assert page.status_code == 200
    assert "gradio" in page.text
    for kind in ("src", "href"):
        assert f'{kind}="http' not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
