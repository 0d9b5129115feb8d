"""The reference data of `inwit suite`, and what they say of learners and of the suite itself.

    python benchmarks/suite.py [--agents A,B] [--seeds 5] [--jobs N] [--folder FOLDER] [--keep]
    python benchmarks/suite.py --table
    python benchmarks/suite.py --docs

Each agent is examined by the suite at its default budget, and its folder is kept in FOLDER: the same command goes on
where it was. Agents are scripts, controls, and LEARNER-POLICY. With `--keep` all suites in FOLDER that have at least
so many seeds become `src/inwit/suite/reference.json`, in place of what was there. Prints Markdown from that file: the
scores, the spread over seeds of each ability (more than 0.2 is flagged), and for every two learners with one policy
the abilities on which they differ significantly. `--docs` writes the table of abilities into docs/suite.md. Asserts
nothing.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import inwit.suite
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.storage import replace, to_json
from inwit.core.terminal import console
from inwit.core.text import plural
from inwit.suite.compare import compare
from inwit.suite.reference import FILE, FORMAT, reference
from inwit.suite.scores import Scored
from inwit.suite.subject import Subject, subject_of
from inwit.suite.suite import SuiteSettings, suite
from inwit.suite.table import DEFAULT_BUDGET, described, number

LEARNERS = ("a2c", "ppo", "rloo", "grpo")
POLICIES = ("gru", "transformer", "memoryless")
AGENTS = (
    *("random", "pipeline", "react"),
    *(f"{learner}-{policy}" for policy in POLICIES for learner in LEARNERS),
    "oracle_cloning-gru",
)
WIDE = 0.2  # standard deviation over seeds
DATA = Path(inwit.suite.__file__).parent / FILE
DIGITS = 5
PAGE = Path(__file__).parents[1] / "docs" / "suite.md"
BEGIN, END = "<!-- abilities: made by `python benchmarks/suite.py --docs` -->", "<!-- end of the abilities -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", default=",".join(AGENTS), help="by name (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each experiment (default: 5)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--folder", type=Path, default=Path("runs/reference"), help="where suites are kept")
    parser.add_argument("--keep", action="store_true", help="make the suites in FOLDER the reference data")
    parser.add_argument("--table", action="store_true", help="print what is known; run nothing")
    parser.add_argument("--docs", action="store_true", help="write the table of abilities; run nothing")
    args = parser.parse_args()
    if args.docs:
        document()
        return
    if not args.table:
        for name in args.agents.split(","):
            examine(name, args.seeds, args.jobs, args.folder / name)
        if args.keep:
            keep(args.folder, args.seeds)
    if args.table or args.keep:
        reference.cache_clear()
        print("\n\n".join(each for each in (scores(), spreads(), differences()) if each))


def document() -> None:
    """The table of docs/suite.md, between its marks."""
    before, mark, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    table = described([inwit.suite.ABILITIES.load(name) for name in inwit.suite.ABILITIES.names()])
    PAGE.write_text(f"{before}{mark}\n\n{table}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def subject(name: str) -> Subject:
    """`pipeline`, or `a2c-gru`."""
    learner, dash, policy = name.partition("-")
    return subject_of(None, learner, policy) if dash else subject_of(name, None, None)


def examine(name: str, seeds: int, jobs: int, folder: Path) -> None:
    target = console(stderr=True)
    target.print(f"{name}:")
    try:
        settings = SuiteSettings(seeds=seeds, jobs=jobs)
        target.print(suite(subject(name), settings, {}, str(folder), target).table)
    except UserError as error:  # an agent that can do none of it; the others go on
        target.print(f"{name}: {error}", soft_wrap=True)


def keep(folder: Path, seeds: int) -> None:
    """Write the reference data from the suites in a folder: those of the default budget, without settings of their own,
    with at least so many seeds (agents without a draw: one). An ability that failed is named and left out."""
    agents, made_by = {}, {}
    for path in sorted(folder.glob("*/suite.json"), key=lambda path: _place(path.parent.name)):
        record = json.loads(path.read_bytes())
        name, asked = record["name"], seeds if Subject(**record["subject"]).drawn else 1
        if record["budget"] != DEFAULT_BUDGET or record["overrides"] or record["seeds"] < asked:
            print(f"left out: {path}: it has another budget, settings of its own, or less than {plural(asked, 'seed')}")
            continue
        agents[name] = _kept(record)
        made_by[name] = {each: record["made_by"][each] for each in ("git", "model")}
        for each in record["abilities"]:
            if each["failed"]:
                print(f"left out: {each['ability']} of {name}: {each['failed']}")
    found = {"format": FORMAT, "made_by": made_by, "agents": agents}
    replace(DATA, to_json(found, indent=None))
    print(f"written: {DATA} ({DATA.stat().st_size / 1000:,.0f} kB, {len(agents)} agents)\n")


def _kept(record: Json) -> Json:
    """What the reference data keep of a suite."""
    abilities = [rounded(each) for each in record["abilities"] if not each["failed"]]
    return {**{name: record[name] for name in ("seeds", "subject", "settings", "definitions")}, "abilities": abilities}


def _place(name: str) -> int:
    return AGENTS.index(name) if name in AGENTS else len(AGENTS)


def rounded(value: object) -> object:
    """The same with fewer digits."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def abilities() -> list[str]:
    return [name for name in inwit.suite.ABILITIES.names() if any(name in each.scores for each in reference().values())]


def markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|---{'|---:' * (len(rows[0]) - 1)}|", *lines[1:]])


def scores() -> str:
    shown = abilities()
    rows = [[name, str(each.seeds), *(_mean(each, ability) for ability in shown)] for name, each in reference().items()]
    return markdown([["agent", "seeds", *shown], *rows])


def _mean(agent: Scored, ability: str) -> str:
    score = agent.scores.get(ability)
    return number(score.mean if score and score.seeds else None)


def spreads() -> str:
    """Of each ability the largest standard deviation over seeds, and whose that is."""
    rows = [["ability", "largest spread over seeds", "of", ""]]
    for ability in abilities():
        found = [
            (score.spread, name)
            for name, each in reference().items()
            if (score := each.scores.get(ability)) and score.spread is not None
        ]
        if found:
            spread, name = max(found)
            rows.append([ability, number(spread), name, "wide" if spread > WIDE else ""])
    return markdown(rows)


def differences() -> str:
    """For every two learners with one policy: on which abilities they differ significantly."""
    rows: list[Sequence[str]] = [["two learners", "differ significantly on"]]
    for policy in POLICIES:
        with_it = [agent for name, agent in reference().items() if name.endswith(f"-{policy}")]
        for a, b in combinations(with_it, 2):
            found = compare(a, b).significant
            rows.append([f"{a.name}, {b.name}", ", ".join(each.ability for each in found) or "none"])
    return markdown(rows) if len(rows) > 1 else ""


if __name__ == "__main__":
    main()
