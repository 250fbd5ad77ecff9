"""Ask what answers on an address or a port."""

import socket
from base64 import b64encode
from http import HTTPStatus
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

# A proxy that the machine is set up with cannot reach servers of this machine.
_direct = build_opener(ProxyHandler({}))


def answers(url: str, password: str | None = None) -> bool:
    """Say whether a GET of `url` is answered with 200 within two seconds; `password` is `user:secret`."""
    signed = {"Authorization": f"Basic {b64encode(password.encode()).decode()}"} if password else {}
    try:
        with _direct.open(Request(url, headers=signed), timeout=2) as response:  # noqa: S310
            return response.status == HTTPStatus.OK
    except (URLError, OSError):
        return False


def port_is_free(host: str, port: int) -> bool:
    """Say whether a server could listen on `port` now; connections that are still closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
