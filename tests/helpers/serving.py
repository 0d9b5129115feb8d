"""The playground's server in a process of its own, and requests as bytes, as no browser would send them."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RUN = "tutorial-finished"
GOLDEN = Path(__file__).parents[1] / "golden" / "runs" / RUN
SECONDS = 60  # for a process to end


@dataclass
class Served:
    """A server that runs: its process, port and token, and the file with what it said on stderr."""

    process: subprocess.Popen[str]
    port: int
    token: str
    said: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"ws://{self.host}/live"

    @property
    def own(self) -> dict[str, object]:
        """What the server's own page gives to open a socket."""
        offered = ["inwit.1", f"token.{self.token}"]
        return {"origin": f"http://{self.host}", "subprotocols": offered, "compression": None}

    def memory(self) -> float:
        """MB of the process that are in memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1000

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def get(self, path: str = "/", host: str | None = "", more: str = "", method: str = "GET", http: str = "1.1"):
        """The status of the answer to a request; "closed" where there is none. `host`: empty for the right one, None
        for none."""
        lines = f"{method} {path} HTTP/{http}\r\n"
        lines += "" if host is None else f"Host: {host or self.host}\r\n"
        return self.ask((lines + more + "\r\n").encode())

    def knock(
        self,
        host: str | None = "",
        origin: str | None = "",
        protocol: str = "inwit.1, token.{token}",
        path: str = "/live",
        more: str = "",
    ):
        """The status of the answer to a request for a socket."""
        key = base64.b64encode(b"x" * 16).decode()
        lines = (
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        )
        lines += "" if origin is None else f"Origin: {origin or f'http://{host or self.host}'}\r\n"
        lines += f"Sec-WebSocket-Protocol: {protocol.format(token=self.token)}\r\n" if protocol else ""
        return self.get(path, host, lines + more)

    def ask(self, raw: bytes) -> int | str:
        """The status of what the server answers to these bytes."""
        answer = self.answer(raw)
        found = re.match(rb"HTTP/1\.1 (\d+) ", answer)
        return int(found[1]) if found else "closed"

    def answer(self, raw: bytes) -> bytes:
        """All that the server answers; of a socket the head alone."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), 5) as line:
            line.sendall(raw)
            while not answer.startswith(b"HTTP/1.1 101") or b"\r\n\r\n" not in answer:
                try:
                    part = line.recv(65536)
                except ConnectionResetError:
                    break
                if not part:
                    break
                answer += part
        return answer


@contextmanager
def served(folder: Path, *words: str, end: signal.Signals = signal.SIGINT, **environment: str) -> Iterator[Served]:
    """A server of these words that ends with a signal, and ends well."""
    said = folder / "stderr"
    own = {"INWIT_RUNS": str(folder / "runs"), "INWIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "inwit", "playground", "--no-browser", *words]
    with said.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, env=os.environ | own | environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/#token=([\w-]{32})(&runs=\S+)?\n", line)
        assert found, f"{line!r}; {said.read_text(encoding='utf-8')}"
        yield Served(process, int(found[1]), found[2], said)
        assert process.poll() is None, "The server has ended by itself."
    finally:
        process.send_signal(end)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + end, said.read_text(encoding="utf-8")
    assert "Traceback" not in said.read_text(encoding="utf-8")


def copied_run(folder: Path) -> str:
    """Copy a trained agent into the runs of this folder. Returns the run's name."""
    shutil.copytree(GOLDEN, folder / "runs" / RUN)
    return RUN
