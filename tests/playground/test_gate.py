"""Who may speak to the local server, and the secret that opens its socket. `test_server_hostile.py` asks a real one."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inwit.playground.gate import hosts, page_headers, refusal
from inwit.playground.tokens import token_of

PORT, TOKEN = 8765, "T" * 32
FILES = {"/", "/page.js"}
HOST, OWN = "127.0.0.1:8765", "http://127.0.0.1:8765"
SOCKET = [("Upgrade", "websocket"), ("Sec-WebSocket-Protocol", f"inwit.1, token.{TOKEN}")]


def asked(headers: list[tuple[str, str]], path: str = "/", method: str = "GET") -> int:
    """The status that a request gets; 200 if it is served."""
    why = refusal(method, path, headers, port=PORT, token=TOKEN, files=FILES)
    if why is None:
        return 200
    assert why[1]
    assert "\n" not in why[1]
    assert TOKEN not in why[1]
    return why[0]


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765"])
def test_the_own_page_is_served(host: str) -> None:
    assert asked([("Host", host)]) == 200
    assert asked([("host", host), ("origin", f"http://{host.lower()}"), ("sec-fetch-site", "same-origin")]) == 200
    assert asked([("Host", host), ("Origin", f"http://{host.lower()}"), *SOCKET], "/live") == 200


def test_the_token_may_come_in_a_header_of_its_own() -> None:
    apart = [("Upgrade", "WebSocket"), ("Sec-WebSocket-Protocol", "inwit.1")]
    apart.append(("Sec-WebSocket-Protocol", f"token.{TOKEN}"))
    assert asked([("Host", HOST), ("Origin", OWN), *apart], "/live") == 200


def test_what_a_server_of_another_port_allows_is_refused_here() -> None:
    assert asked([("Host", "127.0.0.1:8766")]) == 403
    assert asked([("Host", HOST), ("Origin", "http://127.0.0.1:8766")]) == 403


def test_only_files_of_the_list_are_there() -> None:
    assert asked([("Host", HOST)], "/page.js") == 200
    for path in ("/page.js?x", "/live", "/page.css", "//", "/%2e", "", "*", "http://127.0.0.1:8765/"):
        assert asked([("Host", HOST)], path) == 404


RIGHT = [("Host", HOST), ("Origin", OWN)]
OFFERED = f"inwit.1, token.{TOKEN}"
REFUSED = {
    "another method": (405, "/", RIGHT, "POST"),
    "two origins": (403, "/", [*RIGHT, ("Origin", "http://evil.com")], "GET"),
    "a page of another site": (403, "/", [*RIGHT, ("Sec-Fetch-Site", "cross-site")], "GET"),
    "a page of another port": (403, "/", [*RIGHT, ("Sec-Fetch-Site", "same-site")], "GET"),
    "two sites": (403, "/", [*RIGHT, ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")], "GET"),
    "a socket without an origin": (403, "/live", [("Host", HOST), *SOCKET], "GET"),
    "a socket elsewhere": (403, "/", [*RIGHT, *SOCKET], "GET"),
    "a socket of another site": (403, "/live", [*RIGHT, *SOCKET, ("Sec-Fetch-Site", "cross-site")], "GET"),
    "no language": (403, "/live", [*RIGHT, SOCKET[0], ("Sec-WebSocket-Protocol", f"token.{TOKEN}")], "GET"),
    "no token": (403, "/live", [*RIGHT, SOCKET[0], ("Sec-WebSocket-Protocol", "inwit.1")], "GET"),
    "two tokens": (403, "/live", [*RIGHT, SOCKET[0], ("Sec-WebSocket-Protocol", f"{OFFERED}, token.x")], "GET"),
    "another upgrade": (403, "/", [*RIGHT, ("Upgrade", "h2c")], "GET"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_each_condition_alone_refuses(what: str) -> None:
    status, path, headers, method = REFUSED[what]
    assert asked(headers, path, method) == status


any_text = st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")) | st.text(max_size=20)
names = st.sampled_from(["Host", "host", "Origin", "Sec-Fetch-Site", "Upgrade", "Sec-WebSocket-Protocol", "Cookie"])
values = any_text | st.sampled_from(
    [HOST, OWN, "websocket", "none", "cross-site", f"inwit.1, token.{TOKEN}", "inwit.1"]
)
requests = st.lists(st.tuples(names | any_text, values), max_size=6)
paths = st.sampled_from(["/", "/page.js", "/live"]) | any_text


@settings(max_examples=300)
@given(requests, paths, st.sampled_from(["GET", "POST", "get", ""]))
def test_whatever_headers_hold_only_the_own_page_is_served(
    headers: list[tuple[str, str]], path: str, method: str
) -> None:
    if asked(headers, path, method) != 200:
        return

    def all_of(name: str) -> list[str]:
        return [value for key, value in headers if key.lower() == name]

    assert method == "GET"
    [host] = all_of("host")
    assert host.lower() in hosts(PORT)
    assert set(all_of("origin")) <= {f"http://{host.lower()}"}
    assert set(all_of("sec-fetch-site")) <= {"none", "same-origin"}
    if all_of("upgrade"):
        assert path == "/live"
        assert all_of("origin")
        assert f"token.{TOKEN}" in ", ".join(all_of("sec-websocket-protocol"))
    else:
        assert path in FILES


@settings(max_examples=200)
@given(any_text)
def test_no_other_token_opens_a_socket(given_token: str) -> None:
    offered = [("Upgrade", "websocket"), ("Sec-WebSocket-Protocol", f"inwit.1, token.{given_token}")]
    right = given_token.strip() == TOKEN
    assert (asked([("Host", HOST), ("Origin", OWN), *offered], "/live") == 200) == right


def test_bytes_that_are_no_text_are_refused_and_break_nothing() -> None:
    offered = [("Upgrade", "websocket"), ("Sec-WebSocket-Protocol", "inwit.1, token.\udcff\x00é")]
    assert asked([("Host", HOST), ("Origin", OWN), *offered], "/live") == 403


def test_the_page_may_load_and_ask_nothing_but_its_own() -> None:
    policy = page_headers(PORT)["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "connect-src ws://127.0.0.1:8765 ws://localhost:8765;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the token of the port."""
    monkeypatch.setenv("INWIT_CACHE", str(tmp_path))
    return tmp_path / "playground" / str(PORT)


def test_the_token_of_a_port_is_kept_for_a_day(kept: Path) -> None:
    first = token_of(PORT, again=True)
    assert len(first) == 32
    os.utime(kept, (time.time() - 80_000,) * 2)
    assert token_of(PORT, again=True) == first
    assert time.time() - kept.stat().st_mtime < 60, "whoever takes it keeps it for another day"
    os.utime(kept, (time.time() - 90_000,) * 2)
    later = token_of(PORT, again=True)
    assert later not in (first, token_of(PORT + 1, again=True))
    assert token_of(PORT, again=False) != later  # any free port: whoever had it before has nothing to do with it


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions.")
def test_only_the_user_can_read_the_token(kept: Path) -> None:
    first = token_of(PORT, again=True)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    kept.chmod(0o644)
    assert token_of(PORT, again=True) != first  # others may have read it
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators alone, and no pipes.")
def test_no_link_pipe_or_nonsense_becomes_a_token(kept: Path, tmp_path: Path) -> None:
    kept.parent.mkdir()
    foreign = tmp_path / "foreign"
    foreign.write_text("A" * 32)
    foreign.chmod(0o600)
    kept.symlink_to(foreign)
    assert token_of(PORT, again=True) != "A" * 32
    assert foreign.read_text() == "A" * 32
    kept.unlink()
    os.mkfifo(kept, 0o600)
    assert len(token_of(PORT, again=True)) == 32
    kept.write_text("short")
    assert len(token_of(PORT, again=True)) == 32


def test_where_nothing_can_be_kept_there_is_a_token_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("INWIT_CACHE", str(tmp_path / "file"))
    assert len(token_of(PORT, again=True)) == 32


def test_old_tokens_are_removed(kept: Path) -> None:
    token_of(PORT, again=True)
    os.utime(kept, (time.time() - 90_000,) * 2)
    token_of(PORT + 1, again=True)
    assert [path.name for path in kept.parent.iterdir()] == [str(PORT + 1)]
