"""The routes for programs, over a real connection."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from image_files import encoded
from PIL import Image

pytest.importorskip("fastapi", reason="the routes take FastAPI: pip install 'encnet[app]'")

from encnet.app.answer import ModelDescription, Prediction


@pytest.fixture(scope="module")
def content(scene: Image.Image) -> bytes:
    return encoded(scene, "PNG")


def test_the_answer_equals_the_prediction(server: SimpleNamespace, scene: Image.Image, content: bytes) -> None:
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
def test_an_image_is_accepted_as_body_or_in_a_form(
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


def test_photographs_are_turned_upright(server: SimpleNamespace, scene: Image.Image) -> None:
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
def test_wrong_files_are_refused_in_one_sentence(
    form: bool, body: bytes, status: int, message: str, server: SimpleNamespace
) -> None:
    sent: dict[str, Any] = {"files": {"image": body}} if form else {"content": body}
    response = httpx.post(f"{server.url}/predict", **sent)
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    assert message in response.json()["error"]


def test_the_answer_to_a_wrong_request_says_what_is_wrong(server: SimpleNamespace, content: bytes) -> None:
    url = f"{server.url}/predict"
    asked = {
        "labels: ": (422, httpx.post(url, params={"labels": "perhaps"}, content=content)),
        "not allowed": (405, httpx.get(url)),
        "no file": (422, httpx.post(url, files={"comment": (None, "x")})),
        "Too many files": (400, httpx.post(url, files=[("a", content), ("b", content)])),
        "boundary": (400, httpx.post(url, content=content, headers={"content-type": "multipart/form-data"})),
        "not found": (404, httpx.get(f"{server.url}/predictions")),
    }
    for message, (status, response) in asked.items():
        assert response.status_code == status, message
        assert message.lower() in response.json()["error"].lower()


@pytest.mark.parametrize("value", ["NaN", "inf", "-inf", "1e999", "-1", "2", "9" * 30, "", "null", "[]", "x" * 20_000])
def test_options_that_are_no_truth_values_are_refused_in_one_sentence(
    value: str, server: SimpleNamespace, content: bytes
) -> None:
    for name, part in (("labels", value), (value or "index", "true")):
        refused = httpx.post(f"{server.url}/predict", params={name: part}, content=content)
        assert refused.status_code == 422
        assert len(refused.json()["error"]) < 200
        assert httpx.get(f"{server.url}/model", params={name: part}).status_code == 422


def test_health_and_model_answer_and_openapi_documents_all_routes(server: SimpleNamespace, content: bytes) -> None:
    assert httpx.get(f"{server.url}/health").json() == {"status": "ok"}
    model = ModelDescription.model_validate(httpx.get(f"{server.url}/model").json())
    assert tuple(c.name for c in model.classes) == server.predictor.names
    assert (model.variant, model.engine, model.max_megapixels) == ("encnet_tiny", "pytorch", 0.5)
    document = httpx.get(f"{server.url}/openapi.json").json()
    assert set(document["paths"]) == {"/predict", "/model", "/health"}
    assert set(document["paths"]["/predict"]["post"]["responses"]) == {
        *("200", "400", "401", "403", "408", "413", "422", "431", "503", "504")
    }
    answer = httpx.post(f"{server.url}/predict", params={"labels": "true"}, content=content).json()
    documented = document["components"]["schemas"]["Prediction"]["properties"]
    assert set(answer) == set(documented)
    Prediction.model_validate(answer, strict=False)
    for page in ("/docs", "/redoc"):  # they load scripts from a network
        assert httpx.get(server.url + page).status_code == 404


def test_concurrent_requests_get_their_own_answers(server: SimpleNamespace, scene: Image.Image) -> None:
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
