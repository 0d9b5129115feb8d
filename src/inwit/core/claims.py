"""What an examination of an agent's claims found, as data: readable without PyTorch.

A *claim* says what an agent does inside, as "re-plans". It has one measure or more, each with its bar, its interval and
its controls. A control that fails makes the measure worthless: then nothing is shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from inwit.core.results import Json
from inwit.core.shown import Shown

if TYPE_CHECKING:
    from rich.console import Group

SHOWN, NOT_SHOWN, REFUTED, NOT_TESTABLE = "shown", "not shown", "refuted", "not testable"
CLAIMS = ("reads", "remembers", "looks ahead", "re-plans", "thinks")
AT_LEAST, AT_MOST = "at least", "at most"


@dataclass(frozen=True)
class Control:
    """Something whose result is known beforehand. `bar` None: it is shown for comparison and cannot fail."""

    value: float | None
    bar: float | None = None
    side: str = AT_LEAST
    why: str = ""  # what it is, in words; or why it has no value

    @property
    def holds(self) -> bool:
        return self.bar is None or (self.value is not None and reaches(self.value, self.bar, self.side))


@dataclass(frozen=True)
class Measure:
    """One number. `interval` is of 95 %: over classes within one run, over seeds where several runs are examined."""

    name: str
    statistic: float | None  # None where nothing could be measured; `why` says so
    bar: float
    n: int  # trials behind the statistic
    interval: tuple[float, float] | None = None
    side: str = AT_LEAST
    controls: dict[str, Control] = field(default_factory=dict)
    why: str = ""

    @property
    def reached(self) -> bool:
        return self.statistic is not None and reaches(self.statistic, self.bar, self.side)

    @property
    def missed(self) -> bool:
        """Whether the whole interval lies on the wrong side of the bar."""
        ends = self.interval or (self.statistic, self.statistic)
        return not any(end is None or reaches(end, self.bar, self.side) for end in ends)


@dataclass(frozen=True)
class Claim:
    """`decisive`: an agent that is known to have the ability passes this same test, so that missing the bar refutes the
    claim. Else a miss only leaves it not shown."""

    claim: str
    measures: tuple[Measure, ...] = ()
    decisive: bool = True
    untestable: str = ""  # why nothing can be tested here; empty where something is

    @property
    def verdict(self) -> str:
        if self.untestable or not self.measures or any(each.statistic is None for each in self.measures):
            return NOT_TESTABLE
        if not all(control.holds for each in self.measures for control in each.controls.values()):
            return NOT_SHOWN
        if all(each.reached for each in self.measures):
            return SHOWN
        return REFUTED if self.decisive and any(each.missed for each in self.measures) else NOT_SHOWN

    @property
    def why(self) -> str:
        """One sentence on the verdict."""
        if self.verdict == NOT_TESTABLE:
            return self.untestable or next((each.why for each in self.measures if each.statistic is None), "")
        failed = [
            f"{name} is {_number(control.value)}, not {control.side} {control.bar:g}"
            for each in self.measures
            for name, control in each.controls.items()
            if not control.holds
        ]
        short = [
            f"{each.name} is {_number(each.statistic)}, not {each.side} {each.bar:g}"
            for each in self.measures
            if not each.reached
        ]
        if failed:
            return f"a control fails: {'; '.join(failed)}"
        return "; ".join(short) if short else "every bar is reached, and every control holds"

    def to_dict(self) -> Json:
        """Plain data; the first measure's numbers stand at the top, all of them under `measures`."""
        measures = [_plain(each) for each in self.measures]
        first = measures[0] if measures else {"statistic": None, "bar": None, "n": 0, "interval": None, "controls": {}}
        top = {name: first[name] for name in ("statistic", "bar", "n", "interval", "controls")}
        return {"claim": self.claim, **top, "verdict": self.verdict, "why": self.why, "measures": measures} | {
            "decisive": self.decisive,
            "untestable": self.untestable,
        }


@dataclass(frozen=True)
class Evidence(Shown):
    """The claims of one agent, or of several that differ in their seeds. `pictures` hold what the page draws and no
    verdict uses; `derailed` is one episode, token by token, in which a token was forced."""

    world: str
    agents: list[str]
    claims: list[Claim]
    pictures: Json = field(default_factory=dict)
    derailed: Json | None = None

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        from inwit.core.columns import Columns

        headings = ("claim", "measure", "found", "95 %", "bar", "n", "controls", "verdict")
        rows = [row for claim in self.claims for row in _rows(claim)]
        whys = [Text(f"{claim.claim}: {claim.verdict}: {claim.why}") for claim in self.claims]
        return Group(Columns(headings, rows, left=(0, 1, 6, 7), wide=True), *whys)

    def to_dict(self) -> Json:
        return {
            "world": self.world,
            "agents": self.agents,
            "claims": [claim.to_dict() for claim in self.claims],
            "pictures": self.pictures,
            "derailed": self.derailed,
        }


def reaches(value: float, bar: float, side: str) -> bool:
    return value >= bar if side == AT_LEAST else value <= bar


def _rows(claim: Claim) -> list[tuple[str, ...]]:
    """A row for each measure."""
    if not claim.measures:
        return [(claim.claim, *[""] * 6, claim.verdict)]
    rows = []
    for place, each in enumerate(claim.measures):
        interval = f"{each.interval[0]:.2f} - {each.interval[1]:.2f}" if each.interval else ""
        controls = ", ".join(f"{name} {_number(control.value)}" for name, control in each.controls.items())
        ends = (claim.claim, claim.verdict) if place == 0 else ("", "")
        found = _number(each.statistic), interval, f"{each.side} {each.bar:g}", str(each.n)
        rows.append((ends[0], each.name, *found, controls, ends[1]))
    return rows


def _plain(measure: Measure) -> Json:
    found = asdict(measure)
    for name, control in measure.controls.items():
        found["controls"][name]["holds"] = control.holds
    return found


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
