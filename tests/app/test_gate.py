"""The gate: hosts, origins, tokens and headers."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the gate takes Starlette: pip install 'encnet[app]'")

from encnet.app.gate import Gate, require_names
from encnet.system.errors import InputError

TOKEN = "correct-horse-battery"


async def inner(scope: Any, receive: Any, send: Any) -> None:
    """The application behind the gate."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Frame-Options", b"ALLOWALL")]})
    await send({"type": "http.response.body", "body": b"{}"})


def asked(
    gate: Gate, *headers: tuple[str, str], path: str = "/", kind: str = "http"
) -> tuple[int, dict[str, str], str]:
    """Status, headers and sentence of the answer to a request; ``host`` is one of its headers."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the gate reads no body")

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    asyncio.run(gate({"type": kind, "method": "POST", "path": path, "headers": raw}, receive, send))
    if not sent:
        return 0, {}, ""
    names = [name.decode() for name, _ in sent[0]["headers"]]
    assert len({name.lower() for name in names}) == len(names)
    answered = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, json.loads(sent[1]["body"]).get("error", "")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:7860", "localhost:80", "LOCALHOST", "[::1]:7860", "192.0.2.7:8000", "models.example:443"],
)
def test_addresses_and_names_of_the_server_are_admitted(host: str) -> None:
    assert asked(Gate(inner, ["Models.example"]), ("host", host))[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            "evil.example",
            "evil.example:7860",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil-localhost",
        ),
        *("models.example.evil.example", "user@127.0.0.1", "127.0.0.1/x", "127.0.0.1 ", "[::1", "2130706433", "0x7f.1"),
        *("127.0.0.1:port", "127.0.0.1, evil.example", "\xe9vil.example", "x" * 5000),
    ],
)
def test_other_hosts_are_refused_against_dns_rebinding(host: str) -> None:
    status, _, sentence = asked(Gate(inner, ["models.example"]), ("host", host))
    assert status == 403
    assert "--allowed_hosts" in sentence
    assert len(sentence) < 250


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:7860", "http://127.0.0.1:7860", 200),
        ("[::1]:7860", "http://[::1]:7860", 200),
        ("models.example", "https://models.example", 200),
        ("127.0.0.1:7860", "https://models.example", 200),  # a server in front has replaced the host
        ("127.0.0.1:7860", "http://127.0.0.1:3000", 403),  # another server on this machine
        ("127.0.0.1:7860", "http://localhost:7860", 403),
        ("127.0.0.1:7860", "https://evil.example", 403),
        ("127.0.0.1:7860", "http://127.0.0.1:7860.evil.example", 403),
        ("127.0.0.1:7860", "file://127.0.0.1:7860", 403),
        ("127.0.0.1:7860", "null", 403),
        ("127.0.0.1:7860", "", 403),
    ],
)
def test_pages_of_other_sites_are_refused(host: str, origin: str, status: int) -> None:
    assert asked(Gate(inner, ["models.example"]), ("host", host), ("origin", origin))[0] == status


def basic(password: str, user: str = "anyone") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(TOKEN), basic(TOKEN, "")])
def test_the_token_is_accepted_as_bearer_or_as_password(given: str) -> None:
    assert asked(Gate(inner, token=TOKEN), ("host", "127.0.0.1"), ("authorization", given))[0] == 200


@pytest.mark.parametrize(
    "given",
    [
        *(
            None,
            "",
            "Bearer",
            "Bearer ",
            TOKEN,
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            f"Token {TOKEN}",
            basic(""),
        ),
        *(
            basic(TOKEN[1:]),
            "Basic !!!",
            f"Basic {TOKEN}",
            "Basic " + base64.b64encode(TOKEN.encode()).decode(),
            "Bearer \xff",
        ),
    ],
)
def test_other_tokens_are_refused(given: str | None) -> None:
    headers = [("host", "127.0.0.1"), *([] if given is None else [("authorization", given)])]
    gate = Gate(inner, token=TOKEN)
    for path in ("/", "/predict", "/health/", "/openapi.json"):
        status, answered, sentence = asked(gate, *headers, path=path)
        assert status == 401
        assert answered["www-authenticate"].startswith("Basic ")
        assert TOKEN not in sentence
    assert asked(gate, *headers, path="/health")[0] == 200


def test_too_many_headers_are_refused() -> None:
    host = ("host", "127.0.0.1")
    assert asked(Gate(inner), host, *[("a", "b")] * 99)[0] == 200
    assert asked(Gate(inner), host, *[("a", "b")] * 100)[0] == 431


def test_every_answer_has_the_security_headers() -> None:
    for host in ("127.0.0.1", "evil.example"):
        _, answered, _ = asked(Gate(inner), ("host", host))
        policy = answered["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"} <= set(
            policy
        )
        assert "unsafe" not in answered["content-security-policy"]
        assert answered["x-content-type-options"] == "nosniff"
        assert answered["x-frame-options"] == "DENY"
        assert answered["referrer-policy"] == "no-referrer"
        assert answered["cache-control"] == "no-store"
        assert answered["cross-origin-resource-policy"] == "same-origin"


def test_nothing_but_http_is_passed_on() -> None:
    assert asked(Gate(inner), ("host", "127.0.0.1"), kind="websocket") == (0, {}, "")


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("models.example:8000", "give models.example"),
        ("http://two.example", "give two.example"),
        ("https://two.example:8000/page", "give two.example"),
        ("two.example/page", "give two.example"),
        ("bücher.example", "give xn--bcher-kva.example"),
        ("*.example", "give the bare name, models.example for example"),
        ("one.example two.example", "give the bare name, models.example for example"),
        ("", "give the bare name, models.example for example"),
    ],
)
def test_a_name_that_no_request_can_have_is_refused(name: str, better: str) -> None:
    with pytest.raises(InputError, match="is not the name of a host, so no request can have it; ") as error:
        require_names(["good.example", name])
    assert str(error.value).endswith(better)


def test_names_and_addresses_are_not_refused() -> None:
    require_names(["models.example", "Host-1", "my_host", "192.168.0.1", "::1", "[::1]", "localhost"])
