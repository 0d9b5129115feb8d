"""Two suites side by side: what differs, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.text import Text

from inwit.core.columns import Columns
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.text import plural
from inwit.suite.scores import Difference, Scored, difference
from inwit.suite.table import with_interval

METHOD = (
    "In brackets: 95 % intervals over seeds. The difference has Welch's interval (seeds are not paired); it is "
    "significant, and marked *, where that leaves out 0. Of twenty abilities alike, one is marked by chance."
)


@dataclass(frozen=True)
class Comparison:
    """`differences` of the abilities that both have, in A's order; `left_out` are those that only one has, `changed`
    those whose experiments are not the same."""

    a: Scored
    b: Scored
    differences: list[Difference]
    left_out: list[str]
    changed: list[str]

    @property
    def significant(self) -> list[Difference]:
        return [each for each in self.differences if each.significant]

    @property
    def sentence(self) -> str:
        """`a2c-gru and ppo-gru differ significantly on 2 of 12 abilities: a2c-gru is better in slots; ...`"""
        found, shared = self.significant, plural(len(self.differences), "shared ability").replace("ys", "ies")
        a, b = names(self)
        if not found:
            return f"{a} and {b} differ significantly on none of {shared}."
        sides = (
            (a, [d.ability for d in found if d.difference > 0]),
            (b, [d.ability for d in found if d.difference < 0]),
        )
        said = [f"{name} is better in {', '.join(abilities)}" for name, abilities in sides if abilities]
        return f"{a} and {b} differ significantly on {len(found)} of {shared}: {'; '.join(said)}."


def compare(a: Scored, b: Scored) -> Comparison:
    """Raises `UserError` where the two share no ability that was measured by the same experiments."""
    shared = [name for name, score in a.scores.items() if score.seeds and name in b.scores and b.scores[name].seeds]
    changed = [name for name in shared if a.definitions.get(name) != b.definitions.get(name)]
    both = [name for name in shared if name not in changed]
    if not both:
        if old := next((each for each in (a, b) if not each.scores and not each.from_folder), None):
            raise UserError(f"the reference data of {old.name} are of other experiments or settings: nothing compares")
        why = f": other experiments measured {', '.join(changed)}" if changed else ""
        raise UserError(f"{a.name} and {b.name} share no ability that was measured alike{why}; nothing compares")
    left_out = [name for name in dict.fromkeys((*a.scores, *b.scores)) if name not in shared]
    return Comparison(a, b, [difference(a.scores[name], b.scores[name]) for name in both], left_out, changed)


def names(comparison: Comparison) -> tuple[str, str]:
    """What the two are called beside each other."""
    a, b = comparison.a, comparison.b
    if a.name != b.name:
        return a.name, b.name
    kinds = tuple(f"{each.name} ({'own' if each.from_folder else 'reference'})" for each in (a, b))
    return (kinds[0], kinds[1]) if kinds[0] != kinds[1] else (f"{a.name} (first)", f"{b.name} (second)")


def rows(comparison: Comparison) -> list[list[str]]:
    """`slots | 0.93 (0.90 to 0.96) | 0.51 (0.40 to 0.62) | 0.42 (0.31 to 0.53) *`"""
    return [
        [
            each.ability,
            with_interval(each.a.mean, each.a.interval),
            with_interval(each.b.mean, each.b.interval),
            with_interval(each.difference, each.interval) + (" *" if each.significant else ""),
        ]
        for each in comparison.differences
    ]


def notes(comparison: Comparison) -> list[str]:
    a, b = comparison.a, comparison.b
    found = [comparison.sentence, METHOD]
    if a.budget != b.budget:
        found.append(f"The budgets differ: {a.budget}, and {b.budget}.")
    if any(each.interval is None for each in comparison.differences):
        found.append("A difference without an interval is of single runs: nothing is known of its spread.")
    if comparison.left_out:
        found.append(f"Not compared, since only one has them: {', '.join(comparison.left_out)}.")
    if comparison.changed:
        found.append(f"Not compared, since other experiments measured them: {', '.join(comparison.changed)}.")
    return found


def headings(comparison: Comparison) -> Sequence[str]:
    return ("ability", *names(comparison), "difference")


def terminal(comparison: Comparison) -> Group:
    table = Columns(headings(comparison), rows(comparison))
    return Group(table, Text("\n".join(notes(comparison))))


def as_data(comparison: Comparison) -> Json:
    return {
        "a": comparison.a.name,
        "b": comparison.b.name,
        "sentence": comparison.sentence,
        "abilities": [
            {
                "ability": each.ability,
                "a": {"mean": each.a.mean, "interval": each.a.interval, "seeds": each.a.seeds},
                "b": {"mean": each.b.mean, "interval": each.b.interval, "seeds": each.b.seeds},
                "difference": each.difference,
                "interval": each.interval,
                "significant": each.significant,
            }
            for each in comparison.differences
        ],
        "left_out": comparison.left_out,
        "changed": comparison.changed,
    }
