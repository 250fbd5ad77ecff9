"""Which requests does a server of ours answer?"""

import asyncio

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Message

from deployments.guard import Guard, refusal
from tasks.settings import Settings

HOSTS = ("127.0.0.1:4200", "localhost:4200")
ORIGINS = ("http://127.0.0.1:4200", "http://localhost:4200")
OWN = {"host": "127.0.0.1:4200"}
LINK = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def refused(method: str = "GET", **headers: str) -> str | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(Headers(OWN | named), method, HOSTS, ORIGINS)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_program_that_names_the_server_rightly_is_answered(method):
    assert refused(method) is None


@pytest.mark.parametrize("host", ["127.0.0.1:4200", "localhost:4200", "LOCALHOST:4200"])
def test_the_servers_own_names_are_answered(host):
    assert refused(host=host) is None


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:4200", "127.0.0.1", "127.0.0.1:4201", "127.0.0.1:4200.evil.example"]
)
def test_any_other_name_is_refused_with_the_right_ones(host):
    reason = refused(host=host)

    assert reason is not None
    assert "open it as 127.0.0.1:4200 or localhost:4200" in reason
    assert "EVERGREEN_HOST_NAMES" in reason


@pytest.mark.parametrize("raw", [[], [(b"host", b"127.0.0.1:4200"), (b"host", b"evil.example")]])
def test_a_request_without_a_name_or_with_two_is_refused(raw):
    assert refusal(Headers(raw=raw), "GET", HOSTS, ORIGINS) is not None


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:4201", "https://127.0.0.1:4200", "null"])
def test_a_page_of_another_origin_is_refused_for_reads_and_writes(method, origin):
    assert refused(method, origin=origin, sec_fetch_site="same-site") == (
        f"Pages of {origin} may not talk to this server."
    )


@pytest.mark.parametrize("site", ["same-origin", "cross-site"])
def test_a_page_of_our_own_is_answered_under_either_of_its_names(site):
    assert refused("POST", origin="http://localhost:4200", sec_fetch_site=site) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_page_embeds_is_refused(site):
    assert refused(sec_fetch_site=site, sec_fetch_mode="no-cors", sec_fetch_dest="script") is not None
    assert refused(sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="iframe") is not None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "same-origin"])
def test_a_link_to_a_page_is_followed(site):
    assert refused(sec_fetch_site=site, **{name.replace("-", "_"): value for name, value in LINK.items()}) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_link_that_would_change_something_is_refused(method):
    given = {name.replace("-", "_"): value for name, value in LINK.items()}

    assert refused(method, sec_fetch_site="cross-site", **given) is not None


def guarded() -> Guard:
    return Guard(PlainTextResponse("secret", headers={"X-Frame-Options": "DENY"}), HOSTS, ORIGINS)


def test_what_is_refused_never_reaches_the_server_behind():
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded())) as client:
            return await client.get("http://evil.example:4200/")

    answer = asyncio.run(asked())

    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_every_answer_forbids_to_frame_embed_and_guess_it_unless_the_server_is_stricter():
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded())) as client:
            return await client.get("http://127.0.0.1:4200/")

    answer = asyncio.run(asked())

    assert answer.text == "secret"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("origin", "sent"),
    [(b"http://evil.example", "websocket.close"), (b"http://127.0.0.1:4200", "websocket.accept")],
)
def test_a_socket_is_opened_for_our_own_pages_only(origin, sent):
    messages: list[Message] = []

    async def accepting(_scope, _receive, send):
        await send({"type": "websocket.accept"})

    async def send(message):
        messages.append(message)

    scope = {"type": "websocket", "headers": [(b"host", b"127.0.0.1:4200"), (b"origin", origin)]}
    asyncio.run(Guard(accepting, HOSTS, ORIGINS)(scope, None, send))

    assert [message["type"] for message in messages] == [sent]


def test_a_server_on_loopback_is_named_by_address_and_as_localhost():
    assert Settings(host="127.0.0.1").hosts(4200) == ["127.0.0.1:4200", "localhost:4200"]
    assert Settings(host="127.0.0.1").origins(4200) == ["http://127.0.0.1:4200", "http://localhost:4200"]


def test_further_names_are_answered_as_they_are_given():
    settings = Settings(host="10.0.0.7", host_names="ml.example.org")

    assert settings.hosts(4200) == ["10.0.0.7:4200", "ml.example.org:4200", "ml.example.org"]
    assert settings.origins(4200) == [
        "http://10.0.0.7:4200",
        "http://ml.example.org:4200",
        "http://ml.example.org",
        "https://ml.example.org",
    ]


@pytest.mark.parametrize("names", ["http://ml.example.org", "a, b", "a,,b"])
def test_names_that_no_browser_would_send_are_refused(names):
    with pytest.raises(ValueError, match="host_names"):
        Settings(host_names=names)
