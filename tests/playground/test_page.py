"""The page: all in one file, nothing from elsewhere, and its script and style alone may run."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import inwit
from inwit.commands import cli
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.types import Output, Tasks
from inwit.playground import page as page_module
from inwit.playground.contents import about, names_of
from inwit.playground.page import COMMENT, check_place, described, html
from inwit.playground.problems import drawn, problems
from inwit.playground.scripts import PAGE, script
from inwit.playground.units import alike
from support import make_world, small_policy, untrained

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def page() -> str:
    agent = untrained(policy={"width": 32})
    assert sum(each.numel() for each in agent.policy.parameters()) == 5619, "the tutorial's own GRU"
    told: list[str] = []
    made = html(described([agent], told.append))
    assert told == ["the world tutorial-v1", "its yardsticks", "the agent gru"]
    return made


class Parts(HTMLParser):
    """The texts of a page's scripts and styles, and the attributes of all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self.attributes: list[tuple[str, str, str]] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.inside = tag
        if tag in self.texts:
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in self.texts:
            self.texts[self.inside][-1] += data


def unpacked(parts: Parts) -> str:
    """The script that the loader of a page unpacks."""
    return gzip.decompress(base64.b64decode(parts.texts["script"][1])).decode()


def test_it_is_small_and_loads_nothing(page: str) -> None:
    assert len(page.encode()) <= 150_000
    parts = Parts(page)
    code = unpacked(parts)
    addresses = re.findall(r"https?:[^\"' ]*", page + code)
    assert addresses == ["http://www.w3.org/2000/svg"], "the name of a kind of picture"
    refused = r"@import|url\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|fetch\("
    assert not re.search(refused, page + code)
    assert len("".join(parts.texts["script"][1:] + parts.texts["style"])) <= 100_000
    assert len(parts.texts["style"][0].encode()) <= 20_000
    assert not {name for _, name, _ in parts.attributes} & {"src", "href", "action", "style", "srcset"}
    assert not [name for _, name, _ in parts.attributes if name.startswith("on")]


def test_its_policy_allows_its_own_script_and_style_alone(page: str) -> None:
    parts = Parts(page)
    policy = next(value for tag, _, value in parts.attributes if tag == "meta" and value.startswith("default-src"))
    [data, packed, loader], [style] = parts.texts["script"], parts.texts["style"]
    code = unpacked(parts)
    assert code == COMMENT.sub("", script(PAGE))
    assert "@param" not in code, "What those need who mend the script is left out."
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (loader, code, style)]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}' 'sha256-{hashes[1]}'; style-src 'sha256-{hashes[2]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", data + packed)


def test_no_text_of_the_script_goes_over_lines() -> None:
    """The page drops lines that look like comments: in such a text they would be lost."""
    assert [line for line in script(PAGE).splitlines() if line.count("`") % 2] == []


def test_names_become_no_markup() -> None:
    held: dict[str, Any] = {"agents": {"</title><img>": {}}, "id": "</script><img>", "blob": {"data": ""}}
    made = html(held)
    assert "<img>" not in made
    assert "&lt;/title&gt;&lt;img&gt; in &lt;/script&gt;&lt;img&gt;: inwit playground</title>" in made


class Odd(torch.nn.Module):
    """A policy whose answer depends on a number that is read out of a tensor."""

    def begin(self, prompt: Any, prompt_mask: Any, stage: Any) -> Any:
        return self.step(prompt[:, -1], {"hidden": torch.zeros(len(prompt), 2)})

    def step(self, token: Any, memory: Any) -> Any:
        most = 1.0 if token.sum().item() > 3 else 0.0
        return Output(torch.full((len(token), 18), most), torch.zeros(len(token))), memory


def test_what_cannot_be_a_graph_is_refused_in_one_sentence(tmp_path: Path) -> None:
    world = make_world("tutorial-v1")
    agents = [inwit.scripted("pipeline", world), Agent(world, Odd())]
    for agent, why in zip(
        agents, ("^pipeline is a script, and", "^the policy Odd .* cannot become a graph"), strict=True
    ):
        with pytest.raises(UserError, match=f"{why}.*inwit playground shows it") as refused:
            inwit.page(agent, tmp_path / "p.html", tell=lambda _: None)
        assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_what_is_told_of_agents() -> None:
    first, second = untrained(), untrained(seed=1)
    assert names_of([first]) == ["gru"]
    assert names_of([first, second, first]) == ["gru-0.1", "gru-1", "gru-0.2"]
    then, later = (replace(first, status="snapshot", summary={"update": update}) for update in (0, 20))
    assert names_of([then]) == ["gru"]
    assert names_of([first, then, later]) == ["gru", "gru@0", "gru@20"]
    assert names_of([first, then, second, then]) == ["gru-0", "gru-0@0.1", "gru-1", "gru-0@0.2"]
    told = about(first)
    assert (told["policy"], told["width"], told["seed"]) == ("gru", 8, 0)
    assert "solved" not in told


def test_agents_share_one_world() -> None:
    agents = [
        Agent(world, small_policy("gru", world)) for world in (make_world("tutorial-v1"), make_world("lookup-v0"))
    ]
    with pytest.raises(UserError, match=r"the first lives in tutorial-v1, another in lookup-v0 .*a page for each"):
        described(agents, lambda _: None)
    with pytest.raises(UserError, match="1 to 6 agents, not 7"):
        described(agents[:1] * 7, lambda _: None)
    with pytest.raises(UserError, match="1 to 6 agents, not 0"):
        described([], lambda _: None)


def test_the_command_writes_over_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text("mine")
    assert cli.main(["page", "latest"]) == 2
    assert "no page of inwit's" in capsys.readouterr().err
    assert (tmp_path / "page.html").read_text() == "mine"
    assert cli.main(["page", "latest", "--out", ""]) == 2


def test_a_path_is_looked_at_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No run is called nope, and the path is complained of first."""
    mine = tmp_path / "mine.md"
    mine.write_text("mine")
    refused = {mine: "no page of inwit's", tmp_path: "it is a folder", tmp_path / "no" / "x.html": "there is no folder"}
    for path, why in refused.items():
        assert cli.main(["page", "nope", "--out", str(path)]) == 2
        assert why in capsys.readouterr().err
        with pytest.raises(UserError, match=why):
            inwit.page("nope", path)
    assert mine.read_text() == "mine"
    for place in (tmp_path / "new.html", tmp_path / "empty.html", tmp_path / "old.html"):
        if place.stem == "old":
            place.write_text(html({"agents": {}, "id": "", "blob": {"data": ""}}))
        elif place.stem == "empty":
            place.touch()
        check_place(place)


@pytest.mark.parametrize("given", [None, 3, [3], {"a": 1}])
def test_what_is_no_agent_is_refused(tmp_path: Path, given: Any) -> None:
    with pytest.raises(UserError, match="is no agent: give an agent, the word for a run, or a list of them"):
        inwit.page(given, tmp_path / "p.html")


def test_a_page_that_is_too_large_names_its_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "TOO_LARGE", 1000)
    stopped = replace(untrained(), path=tmp_path / "tutorial-0", status="interrupted", summary={"update": 1})
    who = r"than gru of tutorial-0, interrupted after update 1 \(0\.0 MB of weights\)"
    with pytest.raises(UserError, match=who):
        inwit.page(stopped, tmp_path / "p.html", tell=lambda _: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("world_id", ["tutorial-v0", "tutorial-v1", "calculator-v0", "lookup-v0"])
def test_all_numbers_of_a_problem_that_may_be_changed_make_problems(world_id: str) -> None:
    world = make_world(world_id, **({"max_operators": 1} if world_id == "calculator-v0" else {}))
    found = problems(world)
    assert [each["name"] for each in found] == list(world.kinds.names)
    shapes = {name: each.shape[1:] for name, each in drawn(world, torch.tensor([0]), torch.Generator()).data.items()}
    for kind, each in enumerate(found):
        assert each["fields"], each["name"]
        for end in (2, 3):  # all numbers at their least, then at their greatest
            cells = [list(row) for row in each["examples"][0]]
            for field in each["fields"]:
                cells[field[0]][field[1]] = field[end]
            rows = zip(shapes.items(), cells, strict=True)
            data = {name: torch.tensor(row).view(1, *shape) for (name, shape), row in rows}
            tasks = Tasks(torch.tensor([kind]), data)
            again = world.task(world.describe(tasks)[0])
            assert all(torch.equal(again.data[name].long(), tensor) for name, tensor in data.items())


def test_what_a_newcomer_reads_of_a_problem_of_codes() -> None:
    world = make_world("lookup-v0")
    found = {each["name"]: each for each in problems(world)}
    assert found["TUVx"]["goal"] == "T(U(V(x)))"
    assert found["Tx?Uy:Vz"]["goal"] == "U(y) if T(x) is odd, else V(z)"
    for each in found.values():
        [cells, fields] = each["examples"][0], each["fields"]
        words = [str(cells[i][k]) if told is None else told[cells[i][k] - least] for i, k, least, _, told in fields]
        data = {
            name: torch.tensor(row).view(1, *held.shape[1:])
            for (name, held), row in zip(
                drawn(world, torch.tensor([0]), torch.Generator()).data.items(), cells, strict=True
            )
        }
        tasks = Tasks(torch.tensor([world.kinds.names.index(each["name"])]), data)
        assert words == [word for word in world.describe(tasks)[0]["query"].split() if word.isalnum()]


def test_units_that_act_alike_lie_together() -> None:
    draws = np.random.default_rng(0)
    one, other = draws.normal(size=(2, 500))
    order = alike(np.stack([one, other, -one + 0.1 * other, np.zeros(500), other + 0.1 * one], 1))
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(4)) == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_shows_it_and_it_agrees_with_python(page: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=20000"]
    command = [str(CHROMIUM), *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    link = "#v=1&w=tutorial-v1&k=1&p=5.2.4.4.0&t=MUL.ADD.~gru:hidden:7=0_5&t=MUL.~gru!0.ADD&at=0.3&a=gru&s=1"
    done = subprocess.run(
        [*command, f"{(tmp_path / 'page.html').as_uri()}{link}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "agrees with Python on 8 of 8 episodes." in done.stdout
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert re.search(r'<h2>After ADD</h2>.*expects.*best: 2 more.*<span class="badge good"[^>]*>✓ best', done.stdout)
    assert "✎ unit " in done.stdout
    assert "✎ forgot" in done.stdout
    assert 'class="notice">Of the link' not in done.stdout
    assert re.search(r'aria-current="step"[^>]*>\s*<span>ADD', done.stdout)
