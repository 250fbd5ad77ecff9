"""Let only our own pages and programs talk to a server, whatever page the user's browser has open.

A browser hands requests of any page to the servers of its machine. It says which page they come from (`Origin`,
`Sec-Fetch-Site`) and which name that page used (`Host`): a foreign name that was made to resolve to this machine is DNS
rebinding. Programs that are no browsers send neither origin nor site, and pass by their `Host`.
"""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

OWN_SITES = ("same-origin", "none")
PRIVATE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
"""Headers of every answer: its type is not guessed, and no other page frames it, embeds it or learns its address."""


class Guard:
    """An ASGI application in front of another: what is foreign is answered 403, and never reaches the other."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], origins: Collection[str]) -> None:
        self.app, self.hosts, self.origins = app, frozenset(hosts), frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what is ours, with `PRIVATE` on the answer; refuse the rest with a sentence."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        reason = refusal(Headers(scope=scope), scope.get("method", "GET"), self.hosts, self.origins)
        if reason is None:
            await self.app(scope, receive, _private(send))
        elif scope["type"] == "websocket":
            await WebSocketClose(code=1008, reason=reason[:120])(scope, receive, send)
        else:
            await PlainTextResponse(reason, 403, headers=PRIVATE)(scope, receive, send)


def refusal(headers: Headers, method: str, hosts: Collection[str], origins: Collection[str]) -> str | None:
    """Say why a request is refused, or None for one of our own pages, of a link that is followed, or of a program."""
    named = headers.getlist("host")
    if len(named) != 1 or named[0].lower() not in hosts:
        return (
            f"This server is not {', '.join(named) or 'without a name'}: open it as {' or '.join(sorted(hosts))}. "
            "Further names are given with EVERGREEN_HOST_NAMES."
        )
    given = headers.getlist("origin")
    if given:
        return None if set(given) <= set(origins) else f"Pages of {', '.join(given)} may not talk to this server."
    if headers.get("sec-fetch-site", "none") in OWN_SITES or _is_followed_link(headers, method):
        return None
    return "Pages of another site or port may link to this server, and no more."


def _is_followed_link(headers: Headers, method: str) -> bool:
    to_a_page = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return to_a_page and method in ("GET", "HEAD")


def _private(send: Send) -> Send:
    async def send_privately(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in PRIVATE.items():
                headers.setdefault(name, value)
        await send(message)

    return send_privately
