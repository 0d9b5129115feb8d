"""`inwit evidence`: what is kept where, what a Ctrl-C leaves, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.commands import evidence as evidence_command
from inwit.commands.cli import main
from inwit.core import storage
from inwit.core.claims import CLAIMS, Claim, Evidence, Measure
from inwit.core.contracts import Agent
from inwit.evidence import battery
from soaking import quiet
from support import small_config


def trained(seed: int = 0, **overrides: Any) -> Path:
    training = {"training": {"max_updates": 2, "confirm": False}}
    agent = inwit.train(small_config(seed=seed, **training | overrides), tell=quiet)
    assert agent.path is not None
    return agent.path


def kept(path: Path) -> dict[str, Any]:
    return json.loads((path / "evidence.json").read_text())


def seeds(path: Path) -> dict[str, Any]:
    return json.loads((path / "evidence-seeds.json").read_text())


def test_every_claim_is_judged_and_kept_with_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    path = trained()
    assert main(["evidence", "latest"]) == 0
    out, err = capsys.readouterr()
    for claim in CLAIMS:
        assert claim in out
        assert f"{path.name}: {claim} ..." in err
    assert "thinks: not testable (" in err
    assert "kept in" in err
    assert [claim["claim"] for claim in kept(path)["claims"]] == list(CLAIMS)
    found = Evidence.from_dict(kept(path))
    assert (found.world, found.agents) == ("tutorial-v1", [path.name])
    assert kept(path)["made"]["of"] == [[path.name, "finished", 2]]


def test_json_is_alone_on_stdout_and_is_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    path = trained()
    assert main(["evidence", path.name, "--json", "--only", "re-plans,thinks", "--only", "reads"]) == 0
    printed, of_run = json.loads(capsys.readouterr().out), kept(path)
    assert [claim["claim"] for claim in printed["claims"]] == ["reads", "re-plans", "thinks"]
    for claim in printed["claims"]:
        assert {"claim", "statistic", "bar", "n", "interval", "controls", "verdict", "why"} <= claim.keys()
    assert {**printed, "made": None} == {**of_run, "made": None}


def shown_claim(agents: list[Agent], name: str, share: float) -> Evidence:
    measure = Measure("a share", share, 0.9, 5, (share, share))
    pictures = {"deviation": {name: {}}, "each": {"a": [{"claim": name}]}}
    return Evidence(agents[0].world.id, battery.names_of(agents), [Claim(name, (measure,))], pictures)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A battery that judges at once; what it was asked. At the word `stop` it is interrupted."""
    asked: list[str] = []

    def examine(agents: list[Agent], *, only: list[str], progress: Any) -> Evidence:
        if "stop" in asked and len(asked) == 3:
            raise KeyboardInterrupt
        asked.extend(only)
        progress(only[0])
        return shown_claim(agents, only[0], 0.9 + len(asked) / 100)

    monkeypatch.setattr(battery, "examine", examine)
    return asked


def test_a_part_that_is_judged_anew_leaves_the_rest(quick: list[str]) -> None:
    path = trained()
    assert main(["evidence", "latest", "--only", "thinks,looks-ahead"]) == 0
    assert main(["evidence", "latest", "--only", "reads,looks ahead"]) == 0
    assert quick == ["looks ahead", "thinks", "reads", "looks ahead"]
    shares = {claim["claim"]: claim["statistic"] for claim in kept(path)["claims"]}
    assert list(shares) == ["reads", "looks ahead", "thinks"]
    assert list(shares.values()) == pytest.approx([0.93, 0.94, 0.92])
    assert set(kept(path)["pictures"]["deviation"]) == {"thinks", "looks ahead", "reads"}
    assert {each["claim"] for each in kept(path)["pictures"]["each"]["a"]} == {"thinks", "looks ahead", "reads"}


def test_what_was_found_of_other_weights_goes(quick: list[str]) -> None:
    path = trained()
    assert main(["evidence", "latest", "--only", "thinks"]) == 0
    inwit.resume(path, training={"max_updates": 3}, tell=quiet)
    assert main(["evidence", "latest", "--only", "reads"]) == 0
    assert [claim["claim"] for claim in kept(path)["claims"]] == ["reads"]
    (path / "evidence.json").write_text("[{")
    assert main(["evidence", "latest", "--only", "thinks"]) == 0
    assert [claim["claim"] for claim in kept(path)["claims"]] == ["thinks"]


def test_ctrl_c_loses_the_claim_at_hand_alone(quick: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = trained()
    quick.append("stop")
    assert main(["evidence", "latest"]) == 130
    assert "interrupted: 2 of 5 claims were judged, and are kept in" in capsys.readouterr().err
    assert [claim["claim"] for claim in kept(path)["claims"]] == ["reads", "remembers"]


def test_a_claim_stays_until_it_is_judged_anew(quick: list[str]) -> None:
    path = trained()
    assert main(["evidence", "latest"]) == 0
    before = kept(path)["claims"]
    quick[:] = ["stop"]
    assert main(["evidence", "latest"]) == 130
    assert [claim["claim"] for claim in kept(path)["claims"]] == list(CLAIMS)
    assert kept(path)["claims"][2:] == before[2:]
    quick[:] = ["", "", "", ""]
    assert main(["evidence", "latest"]) == 0
    after = kept(path)["claims"]
    assert not any(new["statistic"] == old["statistic"] for new, old in zip(after, before, strict=True))


def test_two_commands_at_once_lose_nothing(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path, examine = trained(), battery.examine

    def beside(agents: list[Agent], *, only: list[str], progress: Any) -> Evidence:
        """While this claim is judged another command judges another one."""
        monkeypatch.setattr(battery, "examine", examine)
        assert main(["evidence", "latest", "--only", "thinks"]) == 0
        return battery.examine(agents, only=only, progress=progress)

    monkeypatch.setattr(battery, "examine", beside)
    assert main(["evidence", "latest", "--only", "reads"]) == 0
    assert [claim["claim"] for claim in kept(path)["claims"]] == ["reads", "thinks"]


def test_a_file_is_written_by_one_command_at_a_time(
    quick: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, publish, free = trained(), storage.publish, list[bool]()

    def publishing(file: Path, data: bytes) -> None:
        with storage.locked(path / ".evidence.json.lock") as held:
            free.append(held)
        publish(file, data)

    monkeypatch.setattr(storage, "publish", publishing)
    assert main(["evidence", "latest", "--only", "reads"]) == 0
    assert free == [False]
    monkeypatch.setattr(evidence_command, "PATIENCE", 1)
    with storage.locked(path / ".evidence.json.lock"):
        assert main(["evidence", "latest", "--only", "thinks"]) == 0
    assert "another command is writing it" in capsys.readouterr().err
    assert [claim["claim"] for claim in kept(path)["claims"]] == ["reads"]


def test_several_runs_are_kept_in_the_first_or_in_a_file(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = trained(), trained(1)
    assert main(["evidence", first.name, second.name, "--only", "reads"]) == 0
    assert seeds(first)["agents"] == [first.name, second.name]
    assert not any((path / name).exists() for path, name in ((first, "evidence.json"), (second, "evidence-seeds.json")))
    file = tmp_path / "found.json"
    assert main(["evidence", "tutorial-*", "--only", "thinks", "--out", str(file)]) == 0
    assert sorted(json.loads(file.read_text())["agents"]) == sorted([first.name, second.name])
    assert [claim["claim"] for claim in seeds(first)["claims"]] == ["reads"]
    assert "over seeds" in capsys.readouterr().out


def test_evidence_of_one_agent_and_of_its_seeds_stand_beside_each_other(
    quick: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = trained(), trained(1), trained(2)
    for words in ([first], [first, second], [first]):
        assert main(["evidence", *(path.name for path in words), "--only", "thinks"]) == 0
    assert (kept(first)["agents"], seeds(first)["agents"]) == ([first.name], [first.name, second.name])
    assert "replaced" not in capsys.readouterr().err
    assert main(["evidence", first.name, third.name, "--only", "thinks"]) == 0
    said = f"or of another version ({first.name}, {second.name}): it will be replaced; --out names another file"
    assert said in capsys.readouterr().err


def test_only_evidence_is_replaced_by_evidence(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = trained()
    for name in ("run.json", "weights.safetensors", "metrics.jsonl"):
        before = (path / name).read_bytes()
        assert main(["evidence", "latest", "--out", str(path / name)]) == 2
        error = capsys.readouterr().err
        assert f"{name} holds no evidence, and would be lost: name another file" in error
        assert error.count("\n") == 1
        assert (path / name).read_bytes() == before
    empty = tmp_path / "empty"
    empty.touch()
    for file in (empty, empty, path / "evidence.json"):
        assert main(["evidence", "latest", "--only", "reads", "--out", str(file)]) == 0
        assert json.loads(file.read_text())["agents"] == [path.name]


def test_of_a_checkpoint_nothing_is_kept_with_the_run(quick: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = trained()
    assert main(["evidence", "latest@best", "--only", "reads"]) == 0
    assert not (path / "evidence.json").exists()
    out, err = capsys.readouterr()
    assert "is kept nowhere: name a file with --out" in err
    assert f"{path.name}@2" in out


def test_of_a_snapshot_the_update_is_named(quick: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = trained(training={"max_updates": 2, "confirm": False, "snapshots": (1,)})
    assert main(["evidence", "latest@1", "--only", "reads", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agents"] == [f"{path.name}@1"]
    assert inwit.load("latest").name == path.name


def test_a_disk_that_refuses_costs_the_file_alone(
    quick: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained()

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "replace", full)
    assert main(["evidence", "latest", "--only", "reads,thinks"]) == 0
    out, err = capsys.readouterr()
    assert err.count("No space left") == 1
    assert "reads" in out
    assert main(["evidence", "latest", "--only", "reads", "--out", str(tmp_path / "x.json")]) == 2
    assert "reads" in capsys.readouterr().out


def test_what_cannot_be_examined_is_said_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = trained()
    other = trained(policy={"width": 9})
    asked: dict[str, list[str]] = {
        "unknown claim 'replans': did you mean 're-plans'?": ["latest", "--only", "replans"],
        "--only ',' names no claim: name some of reads, remembers": ["latest", "--only", ","],
        "unknown run": ["nothing-like-it"],
        "no run under": ["nothing-*"],
        f"{path.name} and {other.name} differ in more than their seed, in policy": [path.name, other.name],
        "is no file that can be written": ["latest", "--out", str(tmp_path)],
        "the following arguments are required: RUN": [],
    }
    for message, words in asked.items():
        assert main(["evidence", *words]) == 2, message
        error = capsys.readouterr().err
        assert message in error, error
        assert error.count("\n") == 1, error
    record = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(record | {"format": 7}))
    assert main(["evidence", path.name]) == 2
    assert "has format 7: this version reads format 1" in capsys.readouterr().err
    (other / "weights.safetensors").unlink()
    assert main(["evidence", other.name]) == 2
    assert "has no weights.safetensors" in capsys.readouterr().err


def test_a_policy_from_elsewhere_is_judged_where_it_can_be(capsys: pytest.CaptureFixture[str]) -> None:
    """From Python: an agent that no recipe made, with a policy that has no taps and no memory to read."""
    from scripts import ORACLES, scripted

    found = inwit.examine(scripted(*ORACLES))
    assert [claim.claim for claim in inwit.examine(scripted(*ORACLES), only="reads").claims] == ["reads"]
    assert [claim.claim for claim in found.claims] == list(CLAIMS)
    assert all("\n" not in claim.why for claim in found.claims)
