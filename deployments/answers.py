"""Ask what answers on an address or a port."""

import socket
from http import HTTPStatus
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

# A proxy that the machine is set up with cannot reach servers of this machine.
_direct = build_opener(ProxyHandler({}))


def answers(url: str) -> bool:
    """Say whether a GET of `url` is answered with 200 within two seconds."""
    try:
        with _direct.open(url, timeout=2) as response:
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
