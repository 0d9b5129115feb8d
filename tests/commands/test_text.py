"""What the commands print must arrive whole: in any encoding, on any terminal, on a stream that is closed."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import run
from inwit.commands import streams
from inwit.commands.evaluate import keep_evaluation
from inwit.commands.streams import LOOKALIKES
from inwit.core.errors import UserError
from inwit.runs import writing
from recorded import put
from results import PROVEN
from support import first_fast, untrained

ENCODINGS = ["ascii", "cp1252", "cp437", "cp850", "latin-1", "shift_jis", "gbk", "koi8-r", "utf-16", "utf-8"]
TASK = ["--expression", "(a*b)+c", "--operands", "3", "5", "2"]
ASK = ["play", "lookup-v0", "--query", "G F 3", "--seed", "1", "--", "F", "3", "G", "1", "ANS", "0"]
PLAY = ["play", "calculator-v0", *TASK, "--", "LOAD", "a", "MUL", "b", "ADD", "c", "STO", "m0", "ANS"]
SMALL = ["--training.max_updates", "2", "--training.confirm", "false", "--policy.width", "4"]
SMALL += ["--world.max_operators", "1", "--hindsight.rows", "0", "--training.episodes", "16"]
STRANGE = "日é\x1b[2J ─ 'x'"
WORDS = f"SELECT '─·█日é' AS \"─\", now() AS t, run FROM runs WHERE run <> '{STRANGE.replace(chr(39), '')}'"
EXPLAIN = ["explain", "one", "--expression", "a*b", "--operands", "3", "5"]
COMMANDS = [["--help"], ["train", "--help"], ["worlds"], ["recipes"], ["runs"], ["runs", "--json"], ["compare", "*"]]
COMMANDS += [["compare", "*", "--json"], ["query", WORDS], ["query", WORDS, "--json"], ["query", WORDS, "--csv"], PLAY]
COMMANDS += [ASK, EXPLAIN, ["evaluate", "one"], ["evaluate", "one", "--json"], ["doctor"]]
MISTAKES = [["evaluate", f"no{STRANGE}"], ["train", f"{STRANGE}.toml"], ["query", f"SELECT {STRANGE}"], ["─"]]
MISTAKES += [["train", "--─", "é"], ["runs", "--status", "é"]]
WIDTHS = [40, 60, 80, 88, 120, 200, 300]


class Screen(io.TextIOWrapper):
    """A stream in memory that says it is a terminal, or not."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding, newline="")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    @property
    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        written = self.buffer.getvalue().decode(self.encoding).replace("\r", "")
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", re.sub(r"\x1b\[\d*A", "\n", written))


def shown(monkeypatch: pytest.MonkeyPatch, arguments: list[str], out: Screen, status: int = 0) -> str:
    """What a command prints on `out`, and on stderr where it fails."""
    err = Screen(out.encoding)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        assert run(*arguments) == status, err.text
    assert "Traceback" not in err.text
    return out.text + err.text


@pytest.fixture
def one(runs: Path) -> Path:
    """A run, and beside it one with a strange name."""
    put(runs, STRANGE)
    return put(runs, "one")


@pytest.mark.parametrize("encoding", first_fast(ENCODINGS, 3))
def test_every_command_prints_in_every_encoding(encoding: str, one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the encoding lacks is replaced; signs of inwit's own by some that look like them."""
    for arguments in COMMANDS:
        text = shown(monkeypatch, arguments, Screen(encoding))
        assert text
        if "--json" in arguments:
            json.loads(text)
        elif arguments[0] not in ("query", "runs", "compare", "doctor"):  # which show the strange name
            templates = r"Tx\?\w+:\w+"  # of queries, which have the sign of their own
            assert "?" not in re.sub(templates, "", text), arguments
    for arguments in MISTAKES:
        assert shown(monkeypatch, arguments, Screen(encoding), 2).count("\n") == 1


def test_a_training_prints_in_ascii(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, ["train", "calculator", *SMALL], Screen("ascii"))
    assert "?" not in text
    assert "------" in text


def test_every_sign_that_inwit_prints_has_a_look_alike() -> None:
    import inwit

    source = Path(inwit.__file__).parent
    folders = [source / name for name in ("commands", "core", "bench", "runs", "evaluation", "worlds", "training")]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    files += [source / "report" / name for name in ("compare.py", "curves.py")]
    found = {sign for file in files for sign in file.read_text(encoding="utf-8") if not sign.isascii()}
    assert found - set(LOOKALIKES) <= {"�"}
    assert all(text.isascii() for text in LOOKALIKES.values())
    streams.prepare()
    assert "·─█ é".encode("ascii", "inwit") == b".-# ?"


@pytest.mark.parametrize("width", first_fast(WIDTHS, 2))
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_tables_fit_their_terminal(width: int, encoding: str, one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number is cut, no line is longer. Names of runs are as long as they are."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    plain = ["evaluate", "one"], ["runs"], ["compare", "one"], ["query", "SELECT * FROM runs"]
    for arguments in (*plain, PLAY, ASK, EXPLAIN):
        text = shown(monkeypatch, arguments, Screen(encoding, terminal=True))
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= max(width, 56), (arguments, text)
    words = shown(monkeypatch, EXPLAIN, Screen(encoding, terminal=True)).split()
    for word in ("accumulator", "value", "likeliest", "go", "best", "LOAD"):
        assert word in words, f"{word} is missing at {width} columns."


@pytest.mark.parametrize("width", first_fast(WIDTHS, 2))
def test_the_stages_come_first_on_a_terminal(width: int, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    text = shown(monkeypatch, ["train", "calculator", *SMALL], Screen(terminal=True))
    view = text[text.index("training calculator") :].split("one greedy")[0]
    assert view.index("stage 1") < view.index("update") < view.index("episodes/s") < view.index("tokens/s")
    assert "…" not in text
    assert max(map(len, view.splitlines())) <= width


FORCED = [{"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}, {"FORCE_COLOR": "3", "TTY_INTERACTIVE": "1"}]


@pytest.mark.parametrize("forced", FORCED, ids=str)
def test_a_file_gets_no_live_view(forced: dict[str, str], runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is said of it: lines, as without."""
    for name, value in forced.items():
        monkeypatch.setenv(name, value)
    out = Screen()
    text = shown(monkeypatch, ["train", "calculator", *SMALL], out)
    assert text.startswith("update 1")
    assert "training calculator" not in text
    assert b"\x1b[?25" not in out.buffer.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("said", [{"TERM": "dumb"}, {"TTY_INTERACTIVE": "0"}, {"TTY_COMPATIBLE": "0"}], ids=str)
def test_a_terminal_that_cannot_go_back_gets_lines(
    said: dict[str, str], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TERM": "xterm", **said}.items():
        monkeypatch.setenv(name, value)
    text = shown(monkeypatch, ["train", "calculator", *SMALL], Screen(terminal=True))
    assert text.startswith("update 1")


def test_no_colours_on_request(one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value, coloured in (("FORCE_COLOR", "1", True), ("NO_COLOR", "1", False)):
        monkeypatch.setenv(name, value)
        out = Screen(terminal=True)
        shown(monkeypatch, ["evaluate", "one"], out)
        colours = re.findall(rb"\x1b\[[0-9;]*3[0-7]m", out.buffer.getvalue())  # pyright: ignore[reportAttributeAccessIssue]
        assert bool(colours) == coloured


def test_emoji_in_names_stay_letters(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INWIT_RUNS", str(runs / ":smile:"))
    assert "/:smile:/" in shown(monkeypatch, ["train", "calculator", *SMALL], Screen())


def inwit(arguments: str, ending: str) -> tuple[int, str, str]:
    """Status, stdout and stderr of a command line in a shell."""
    command = f'set -o pipefail; "{sys.executable}" -m inwit {arguments} {ending}'
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=100, env=os.environ, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "ending", "status", "said"),
    [
        ("train --help", ">/dev/full", 2, "cannot write the output"),
        ("--help", ">/dev/full", 2, "cannot write the output"),
        ("worlds", ">&-", 0, ""),
        ("worlds", "<&-", 0, ""),
        ("nothing", "2>&-", 2, ""),
        ("nothing", "2>/dev/full", 2, ""),
    ],
)
def test_a_stream_that_is_closed_or_full(arguments: str, ending: str, status: int, said: str) -> None:
    if "full" in ending and not Path("/dev/full").exists():
        pytest.skip("This system has no /dev/full.")
    code, out, err = inwit(arguments, ending)
    assert code == status, err
    assert said in err
    assert err.count("\n") <= 1
    assert "unknown command" not in out, "What belongs to stderr is on stdout."


PIPED = [["evaluate", "one"], ["runs"], ["train", "--help"], ["train", "calculator", *SMALL]]


@pytest.mark.parametrize("arguments", PIPED, ids=" ".join)
def test_a_reader_that_has_ended(arguments: list[str], one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `head` does after its line: the status is that of other tools, no word is said, what was trained is kept."""
    source, sink = os.pipe()
    os.close(source)
    err = Screen()
    with os.fdopen(sink, "w") as out, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        assert run(*arguments) == 141
    assert err.text == ""
    kept = [json.loads((path / "run.json").read_text())["status"] for path in one.parent.glob("calculator-*")]
    assert kept == (["interrupted"] if "calculator" in arguments else [])


class Gone(Screen):
    def write(self, s: str) -> int:
        raise BrokenPipeError


def test_a_result_that_cannot_be_kept_is_told_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise UserError("the disk is full")

    monkeypatch.setattr(writing, "save_evaluation", full)
    for err, said in ((Screen(), "inwit: the disk is full\n"), (Gone(), "")):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", err)
            keep_evaluation(untrained(), PROVEN)
        assert err.text == said
