"""Agents that travel: a folder there and back, and every way in which a folder can be wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from calculating import calculator_agent
from inwit import UserError
from inwit.core import storage
from inwit.core.contracts import Agent
from inwit.core.results import Evaluation
from inwit.integrations.hub import model_card
from inwit.training.config import resolve
from inwit.training.loop import new_agent
from results import DRAWN, PROVEN
from support import untrained


@pytest.fixture(scope="module")
def agent() -> Agent:
    return untrained(seed=4)


@pytest.fixture
def saved(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that was saved without the seconds that the exact evaluation takes."""
    monkeypatch.setattr("inwit.integrations.hub.evaluate", lambda agent: PROVEN)
    return inwit.save_pretrained(agent, tmp_path / "agent")


def test_there_and_back(agent: Agent, saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    back = inwit.from_pretrained(saved)
    assert back.config == agent.config
    assert (back.status, back.world.id) == ("untrained", "tutorial-v1")
    for name, tensor in agent.policy.state_dict().items():
        assert torch.equal(back.policy.state_dict()[name], tensor)
    again = inwit.save_pretrained(back, saved.parent / "again" / saved.name)  # the card has the name
    assert (again / "config.json").read_bytes() == (saved / "config.json").read_bytes()


def test_an_agent_without_a_configuration_is_refused(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no configuration"):
        inwit.save_pretrained(replace(agent, config=None), tmp_path / "agent")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_card_has_the_exact_results(tmp_path: Path) -> None:
    """Of a trained run, given by its path; and a calculator's."""
    trained = inwit.train("tutorial", seed=1, training={"max_updates": 20})
    assert trained.path is not None
    folder = inwit.save_pretrained(trained.path, tmp_path / "tutor")
    card, record = (folder / "README.md").read_text(), json.loads((folder / "config.json").read_text())
    exact = inwit.evaluate(trained)
    assert record["evaluation"] == json.loads(json.dumps(exact.to_dict()))
    for row in exact.rows:
        assert f"| {row.name} | {row.problems:,} | {row.solved:,} |" in card
    assert "Greedy, on every problem. Nothing is sampled." in card
    for line in ("# tutor", "| recipe, seed | tutorial, 1 |", "20 updates", 'inwit.from_pretrained("tutor")'):
        assert line in card
    assert "library_name: inwit" in card.split("---")[1]
    assert inwit.from_pretrained(folder).summary == trained.summary

    calculator = inwit.save_pretrained(calculator_agent(world={"max_operators": 2}), tmp_path / "calculator")
    card = (calculator / "README.md").read_text()
    assert "| 2 operators, 0 slots | 18 |" in card
    assert "Columns with `~` are estimated from samples: value success, luck, random." in card
    assert "Nothing is sampled" not in card


def test_a_world_that_cannot_list_its_problems_says_so(tmp_path: Path) -> None:
    agent = calculator_agent(
        world={"tools": ["ADD", "MAX"], "max_operators": 2}, hindsight={"rows": 0}, training={"confirm": False}
    )
    folder = inwit.save_pretrained(agent, tmp_path / "agent")
    card = (folder / "README.md").read_text()
    assert "Greedy, on a sample of 4,0" in card
    assert "Columns with `~` are estimated from samples: success, value success," in card
    assert "every problem" not in card
    assert "| not searched |" in card
    assert json.loads((folder / "config.json").read_text())["evaluation"]["proven"] is False


def test_the_card_of_a_world_that_answers(tmp_path: Path) -> None:
    """A row for each kind of query, of success over all hidden tables."""
    small = {"num_values": 3, "queries": ["Tx", "TUx"]}
    agent = new_agent(resolve("lookup", policy={"width": 4}, world=small))
    card = (inwit.save_pretrained(agent, tmp_path / "agent") / "README.md").read_text()
    assert "queries Tx TUx, price 0.02" in card
    for row in inwit.evaluate(agent).rows:
        assert f"| {row.name} | {row.problems} | {row.solved} |" in card
        assert f"{100 * row.success:.1f} %" in card
    assert "known limit: an answer is looked up, never computed" in card


@pytest.mark.parametrize("evaluation", [PROVEN, DRAWN], ids=["proven", "sampled"])
def test_the_card_of_any_world(agent: Agent, evaluation: Evaluation) -> None:
    """It knows rows and columns only, says which are sampled, and claims no more than is proven."""
    card = model_card(agent, evaluation, "some/agent")
    assert card.count("| two doors, far apart |") == 2
    assert "| greedy | blind | oracle |" in card
    assert "not searched" in card
    assert "- blind: sees no prompt" in card
    assert "known limit: doors have no locks" in card
    assert "Nothing is sampled" not in card, "The column `blind` is."
    sampled = "keys found, blind" if evaluation.proven else "success, keys found, blind"
    assert f"Columns with `~` are estimated from samples: {sampled}." in card
    assert ("every problem" in card) == evaluation.proven
    width = len(re.findall(r"(?<!\\)\|", next(line for line in card.splitlines() if line.startswith("|  | problems"))))
    rows = [line for line in card.splitlines() if "doors, far apart |" in line]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == width for row in rows)


@pytest.mark.parametrize("name", ["some/agent", "0: 'it' \"is\" # 1", "Über – 😀"])
def test_the_hub_reads_licence_and_results_of_the_card(agent: Agent, name: str) -> None:
    """Whatever a folder is called, and of rows of one name each."""
    hub = pytest.importorskip("huggingface_hub")
    for evaluation, known in ((PROVEN, "exact"), (DRAWN, "sampled")):
        card = hub.ModelCard(model_card(agent, evaluation, name), ignore_metadata_errors=False)
        assert (card.data.license, card.data.library_name, card.data.model_name) == ("mit", "inwit", name)
        assert "tutorial-v1" in card.data.tags
        found = [(result.dataset_name, result.metric_name, result.metric_value) for result in card.data.eval_results]
        assert found == [
            (f"doors-v0, {row.name}", f"success, {known}, {row.problems:,} problems", row.success)
            for row in evaluation.rows
        ]
        assert {result.dataset_type for result in card.data.eval_results} == {"doors-v0"}


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads((folder / "config.json").read_text())
    change(record)
    (folder / "config.json").write_text(json.dumps(record))


def flip(folder: Path) -> None:
    """One bit of one weight."""
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "weights": (flip, "is damaged or was tampered with"),
    "cut short": (lambda f: (f / "model.safetensors").write_bytes(b"{"), "is damaged or was tampered with"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no readable model.safetensors"),
    "no config": (lambda f: (f / "config.json").unlink(), "no readable config.json"),
    "no json": (lambda f: (f / "config.json").write_text("{"), "is damaged"),
    "a list": (lambda f: (f / "config.json").write_text("[]"), "is damaged"),
    "somebody else's": (lambda f: (f / "config.json").write_text('{"model_type": "x"}'), "is not an inwit agent"),
    "format": (
        lambda f: edit(f, lambda r: r.update(format=2, inwit="9.0")),
        "has format 2, of inwit 9.0: this version",
    ),
    "incomplete": (lambda f: edit(f, lambda r: r.pop("config")), "is damaged"),
    "seed": (
        lambda f: edit(f, lambda r: r["config"].update(seed=5)),
        "is not the one that the weights were saved with",
    ),
    "results": (
        lambda f: edit(f, lambda r: r["evaluation"].update(solved=111_000)),
        "is not the one that the weights were saved with",
    ),
    "version": (lambda f: edit(f, lambda r: r.update(inwit="9.0")), "is not the one that the weights were saved with"),
    "nested": (lambda f: (f / "config.json").write_text("[" * 100_000), "is damaged"),
    "world": (lambda f: edit(f, lambda r: r["config"]["world"].update(id="tutorial-v9")), "this version cannot read"),
    "setting": (lambda f: edit(f, lambda r: r["config"]["policy"].update(depth=3)), "this version cannot read"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_wrong_folder_is_refused(saved: Path, damage: str) -> None:
    spoil, message = DAMAGE[damage]
    spoil(saved)
    with pytest.raises(UserError, match=message) as caught:
        inwit.from_pretrained(saved)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written(agent: Agent, saved: Path) -> None:
    with pytest.raises(UserError, match="cannot write the agent to"):
        inwit.save_pretrained(agent, saved / "README.md" / "below")


OTHERS = {
    "a readme": "README.md",
    "a project's configuration": "config.json",
    "a run": "run.json",
    "a folder": "src/inwit.py",
}


@pytest.mark.parametrize("others", OTHERS)
def test_a_folder_of_somebody_elses_is_refused(agent: Agent, tmp_path: Path, others: str) -> None:
    file = tmp_path / "project" / OTHERS[others]
    file.parent.mkdir(parents=True)
    file.write_text('{"mine": true}')
    with pytest.raises(UserError, match=r"holds .*, and is no agent's folder: name an empty or a new one"):
        inwit.save_pretrained(agent, tmp_path / "project")
    assert [path.name for path in (tmp_path / "project").rglob("*") if path.is_file()] == [file.name]
    assert file.read_text() == '{"mine": true}'


def test_hidden_files_are_nobodys(saved: Path, agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / ".gitattributes").touch()
    assert (inwit.save_pretrained(agent, tmp_path / "clone") / "model.safetensors").is_file()


def test_an_edited_card_is_kept(saved: Path, agent: Agent, tmp_path: Path) -> None:
    told: list[str] = []
    card = (saved / "README.md").read_text()
    inwit.save_pretrained(agent, saved, tell=told.append)  # nobody edited this one
    assert not told
    (saved / "README.md").write_text(card + "\nIt likes tea.\n")
    other = replace(agent, summary={"update": 1, "tokens": 2, "seconds": 3.0})
    inwit.save_pretrained(other, saved, tell=told.append)
    assert "It likes tea." in (saved / "README.md").read_text()
    assert told == [f"{saved / 'README.md'} was edited and is kept: look whether its results are still the agent's"]
    assert inwit.from_pretrained(saved).summary == other.summary


def test_a_full_disk_leaves_the_agent_that_was_there(
    saved: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    written = storage.write

    def full(path: Path, data: bytes) -> None:
        if "config" in path.name:
            raise OSError(28, "No space left on device")
        written(path, data)

    monkeypatch.setattr(storage, "write", full)
    with pytest.raises(UserError, match=r"cannot write the agent to .*: No space left on device"):
        inwit.save_pretrained(replace(agent, status="finished"), saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


@pytest.mark.parametrize("value", [float("nan"), {"0": float("inf")}, torch.tensor(1.0)], ids=["nan", "inf", "tensor"])
def test_a_summary_that_json_cannot_hold(agent: Agent, tmp_path: Path, value: Any) -> None:
    """Refused before anything is written."""
    spoilt = replace(agent, summary={"entropy": value})
    with pytest.raises(UserError, match=r"the agent's summary has entropy = .*: correct agent.summary\['entropy'\]"):
        inwit.save_pretrained(spoilt, tmp_path / "agent")
    assert not (tmp_path / "agent").exists()


def test_what_is_neither_a_folder_nor_a_repository() -> None:
    with pytest.raises(UserError, match="neither a folder nor a repository"):
        inwit.from_pretrained("no such folder")


def test_the_hub_without_a_network(agent: Agent, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is told that it is offline, so nothing leaves this machine."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="there is no run or folder me/agent, and the Hub did not give it: ") as caught:
        inwit.from_pretrained("me/agent")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="cannot push to me/agent: "):
        inwit.push_to_hub(agent, "me/agent", token="hf_none")


def test_the_hub_without_a_token_or_name(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "get_token", lambda: None)
    with pytest.raises(UserError, match="there is no token for the Hub"):
        inwit.push_to_hub(agent, "me/agent")
    with pytest.raises(UserError, match="must be like name/agent"):
        inwit.push_to_hub(agent, "agent")


class Hub:
    """A stand-in for the Hub's client, with one repository: a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        assert exist_ok
        self.folder.mkdir(exist_ok=True)

    def list_repo_files(self, repo_id: str) -> list[str]:
        return [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()]

    def snapshot_download(self, repo_id: str, *, local_dir: Path, allow_patterns: list[str]) -> str:
        local_dir.mkdir()
        for name in set(allow_patterns) & set(self.list_repo_files(repo_id)):
            shutil.copy(self.folder / name, local_dir / name)
        return str(local_dir)

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> str:
        shutil.copytree(folder_path, self.folder, dirs_exist_ok=True)
        return f"https://hub/{repo_id}"

    def holds(self) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() for name in self.list_repo_files("")}


@pytest.fixture
def hub(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub(tmp_path / "hub")
    hub.folder.mkdir()
    (hub.folder / ".gitattributes").write_text("*.safetensors filter=lfs")
    monkeypatch.setattr(pytest.importorskip("huggingface_hub"), "HfApi", lambda token: hub)
    return hub


def pushed(agent: Agent) -> list[str]:
    told: list[str] = []
    assert inwit.push_to_hub(agent, "me/agent", token="hf_none", tell=told.append).endswith("me/agent")
    return told


@pytest.mark.parametrize(
    "files",
    [
        ["README.md", "model.safetensors", "notes.txt"],
        ["model.safetensors"],
        ["src/model.py"],
        ["config.json"],
        [".env"],
    ],
    ids=" ".join,
)
def test_a_repository_of_somebody_elses_is_refused(agent: Agent, hub: Hub, files: list[str]) -> None:
    for name in files:
        (hub.folder / name).parent.mkdir(exist_ok=True)
        (hub.folder / name).write_text('{"model_type": "mine"}')
    before = hub.holds()
    with pytest.raises(UserError, match=r"me/agent holds .*, and is no agent's repository: name an empty or a new one"):
        pushed(agent)
    assert hub.holds() == before


HEADER = "---\nlicense: mit\n---\n"


@pytest.mark.parametrize("card", [None, "", HEADER, HEADER.replace("\n", "\r\n"), "\n" + HEADER + "\n"])
def test_a_new_repository_gets_the_card(agent: Agent, hub: Hub, card: str | None) -> None:
    if card is not None:
        (hub.folder / "README.md").write_bytes(card.encode())
    assert pushed(agent) == []
    assert "# me/agent" in (hub.folder / "README.md").read_text()
    assert inwit.from_pretrained(hub.folder).config == agent.config
    assert pushed(agent) == [], "The card is the agent's own."


@pytest.mark.parametrize("card", ["mine", HEADER + "mine", "---\nmine", "mine\n" + HEADER, HEADER + "mine\n---\n"])
def test_a_card_that_somebody_wrote_on_the_hub_is_kept(agent: Agent, hub: Hub, card: str) -> None:
    (hub.folder / "README.md").write_text(card)
    kept = "and is kept: look whether its results are the agent's"
    assert pushed(agent) == [f"README.md of me/agent was there before {kept}"]
    assert pushed(agent) == [f"README.md of me/agent was edited {kept}"]
    edit(hub.folder, lambda record: record.pop("card_sha256"))
    assert pushed(agent) == [f"README.md of me/agent may have been edited {kept}"]
    assert (hub.folder / "README.md").read_text() == card
    assert inwit.from_pretrained(hub.folder).config == agent.config


def test_a_card_of_an_earlier_version_may_have_been_edited(saved: Path, agent: Agent) -> None:
    edit(saved, lambda record: record.pop("card_sha256"))
    told: list[str] = []
    inwit.save_pretrained(agent, saved, tell=told.append)
    assert told == [
        f"{saved / 'README.md'} may have been edited and is kept: look whether its results are still the agent's"
    ]


def test_where_its_maker_keeps_files_stays_with_the_maker(
    saved: Path, agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last parts of paths tell what there was; they satisfy what was given with a path."""
    monkeypatch.setattr("inwit.core.imports._given", [str(tmp_path / "secret" / "mine.py"), "pkg.world", "./my.py"])
    for start, kept in ((str(tmp_path / "secret" / "teacher"), "teacher"), ("me/agent", "me/agent")):
        config = replace(agent.config, training=replace(agent.config.training, start_from=start))
        folder = inwit.save_pretrained(replace(agent, config=config), tmp_path / "shared")
        record = json.loads((folder / "config.json").read_text())
        assert record["config"]["training"]["start_from"] == kept
        assert record["imports"] == ["mine.py", "pkg.world", "my.py"]
        assert not any(b"secret" in path.read_bytes() for path in folder.iterdir())
        assert inwit.from_pretrained(folder).config.training.start_from == kept
    edit(folder, lambda record: record["config"]["world"].update(id="mine-v0"))
    with pytest.raises(UserError) as caught:
        inwit.from_pretrained(folder)
    assert "--import" not in str(caught.value)


def test_weights_that_share_memory_are_saved(agent: Agent, saved: Path, tmp_path: Path) -> None:
    tied = inwit.from_pretrained(saved)
    assert isinstance(tied.policy, torch.nn.Module)
    small, *_, large = sorted(tied.policy.parameters(), key=torch.numel)
    small.data = large.data.flatten()[: small.numel()].view(small.shape)
    back = inwit.from_pretrained(inwit.save_pretrained(tied, tmp_path / "tied"))
    for name, tensor in tied.policy.state_dict().items():
        assert torch.equal(back.policy.state_dict()[name], tensor)
