"""Paths as people give them: `~` is the home folder for every part, and what is no path is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import inwit
from inwit import UserError
from inwit.commands.cli import main
from inwit.core.paths import given_path
from results import PROVEN
from support import small_config, untrained


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("inwit.integrations.hub.evaluate", lambda agent: PROVEN)
    return tmp_path / "home"


def test_every_part_reads_the_home_folder(home: Path, runs: Path) -> None:
    agent = inwit.train(small_config(training={"confirm": False}))
    inwit.save_pretrained(agent, "~/agent")
    assert inwit.load("~/agent").config == inwit.from_pretrained("~/agent").config == agent.config
    assert main(["export", "latest", "--folder", "~/other"]) == 0
    assert main(["report", "latest", "--out", "~/page.html"]) == 0
    assert main(["compare", "latest", "--plot", "~/curves.png"]) == 0
    (home / "mine.toml").write_text((Path(inwit.__file__).parent / "training/recipes/tutorial.toml").read_text())
    assert inwit.resolve("~/mine.toml").recipe == "mine"
    assert inwit.train(small_config(training={"start_from": "~/agent", "max_updates": 1})).status == "finished"
    assert sorted(path.name for path in home.glob("[!.]*")) == [
        "agent",
        "curves.png",
        "mine.toml",
        "other",
        "page.html",
    ]
    assert not list(Path().iterdir())


@pytest.mark.parametrize("path", ["", " ", "\0", "a\0b", 3, None, b"x", [], 1.5])
def test_what_is_no_path_is_refused_in_one_line(path: object, home: Path) -> None:
    for use in (given_path, lambda path: inwit.save_pretrained(untrained(), path)):
        with pytest.raises(UserError) as refused:
            use(path)
        assert str(refused.value).isprintable()
    assert not list(Path().iterdir())


def test_a_folder_of_any_bytes_gets_a_card(home: Path) -> None:
    folder = inwit.save_pretrained(untrained(), "caf\udce9")
    assert "# caf?" in (folder / "README.md").read_text()
    assert inwit.load(folder).status == "untrained"


def test_a_link_to_itself_is_refused(home: Path) -> None:
    Path("loop").symlink_to("loop")
    with pytest.raises(UserError, match="cannot write the agent to loop"):
        inwit.save_pretrained(untrained(), "loop")
