"""Who may speak to the local server: pure functions of a request, so that a test can try thousands.

A browser sends requests to 127.0.0.1 for any page that it shows, also for pages of strangers. So a request is served
only under the server's own address (`Host`), only to its own page (`Origin`, `Sec-Fetch-Site`), and a socket is opened
only with the token that nobody but the terminal was told.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence

ADDRESS = "127.0.0.1"  # the one address that is listened on
SOCKET = "/live"  # where the socket is
PROTOCOL = "inwit.1"  # of what is said on it
TOKEN = "token."  # begins the subprotocol that carries the token: a page can set no header of a socket but this

Headers = Sequence[tuple[str, str]]  # as they came: a name may stand there twice
Refusal = tuple[int, str]  # the status, and a sentence


def hosts(port: int) -> frozenset[str]:
    """What a browser on this machine writes into `Host`. Other names may lead here, but from elsewhere they were made
    to: such a page is a stranger's."""
    return frozenset(f"{name}:{port}" for name in (ADDRESS, "localhost", "[::1]"))


def page_headers(port: int) -> dict[str, str]:
    """What every answer tells the browser: nothing is loaded but the page's own script and style, nothing is asked but
    the socket, no other page may frame it, and nothing is kept."""
    sockets = " ".join(f"ws://{host}" for host in sorted(hosts(port)) if not host.startswith("["))
    return {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def wants_socket(headers: Headers) -> bool:
    """Whether a request asks for a socket, in whatever form."""
    return bool(_all(headers, "upgrade"))


def refusal(
    method: str, path: str, headers: Headers, *, port: int, token: str, files: Collection[str]
) -> Refusal | None:
    """Why a request is refused; None if it is served: one of the `files`, or the socket to whoever has the `token`."""
    if method != "GET":
        return 405, "this server answers GET alone"
    host, origin = _all(headers, "host"), _all(headers, "origin")
    if len(host) != 1 or host[0].lower() not in hosts(port):
        return 403, "this server answers under its own address alone"
    if len(origin) > 1 or (origin and origin[0] != f"http://{host[0].lower()}"):
        return 403, "this server answers its own page alone"
    if _all(headers, "sec-fetch-site") not in ([], ["none"], ["same-origin"]):
        return 403, "this page is opened by hand, not by other pages"
    if wants_socket(headers):
        return _socket_refusal(path, headers, token)
    return None if path in files else (404, "there is nothing here")


def _socket_refusal(path: str, headers: Headers, token: str) -> Refusal | None:
    if not _all(headers, "origin"):
        return 403, "a socket is opened by the server's own page alone"
    offered = [part.strip() for value in _all(headers, "sec-websocket-protocol") for part in value.split(",")]
    given = [part.removeprefix(TOKEN) for part in offered if part.startswith(TOKEN)]
    if path != SOCKET or PROTOCOL not in offered or len(given) != 1 or not _equal(given[0], token):
        return 403, "the page's token is missing or old: open the address that the command printed"
    return None


def _equal(given: str, token: str) -> bool:
    """Whether two texts are equal, in a time that does not tell how much of them is. Headers hold any bytes."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), token.encode())


def _all(headers: Headers, name: str) -> list[str]:
    """Every value of a header."""
    return [value for key, value in headers if key.lower() == name]
