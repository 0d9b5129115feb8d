"""What an examination of an agent's claims found, as data: readable without PyTorch.

A *claim* says what an agent does inside, as "re-plans". It has one measure or more, each with its bar, its interval and
its controls. A control that fails makes the measure worthless: then nothing is shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from inwit.core.records import as_dict, as_list, as_pair, is_number, number
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
    """One number. `interval` is of 95 %: over classes within one run, over seeds where several runs are examined.

    It is a share, from 0 to 1; where it is `signed`, a difference of shares. `low_of`: it is the lower end of the
    interval of the measure with this name, and stays so where several agents are joined.
    """

    name: str
    statistic: float | None  # None where nothing could be measured; `why` says so
    bar: float
    n: int  # trials behind the statistic
    interval: tuple[float, float] | None = None
    side: str = AT_LEAST
    controls: dict[str, Control] = field(default_factory=dict)
    why: str = ""
    signed: bool = False
    low_of: str = ""
    decisive: bool = True  # False: a miss leaves the claim not shown, and refutes nothing

    @property
    def reached(self) -> bool:
        return self.statistic is not None and reaches(self.statistic, self.bar, self.side)

    @property
    def missed(self) -> bool:
        """Whether the whole interval lies on the wrong side of the bar."""
        ends = self.interval or (self.statistic, self.statistic)
        return not any(end is None or reaches(end, self.bar, self.side) for end in ends)

    @property
    def refutes(self) -> bool:
        """Whether it is missed, though those who are able pass: the controls that must be *at least* something. Those
        that must fail, and do not, say that the test is easy: that excuses nobody."""
        able = (control for control in self.controls.values() if control.side == AT_LEAST)
        return self.decisive and self.missed and all(control.holds for control in able)


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
        if self.decisive and any(each.refutes for each in self.measures):
            return REFUTED
        held = all(control.holds for each in self.measures for control in each.controls.values())
        return SHOWN if held and all(each.reached for each in self.measures) else NOT_SHOWN

    @property
    def why(self) -> str:
        """One sentence on the verdict."""
        if self.verdict == NOT_TESTABLE:
            return self.untestable or next((each.why for each in self.measures if each.statistic is None), "")
        failed: dict[str, list[str]] = {}  # what fails, and for which measures
        for each in self.measures:
            for name, control in each.controls.items():
                if not control.holds:
                    text = f"{name} is {_number(control.value)}, not {control.side} {control.bar:g}"
                    failed.setdefault(text, []).append(each.name)
        short = [
            f"{each.name} is {_number(each.statistic)}, not {each.side} {each.bar:g}"
            for each in self.measures
            if not each.reached
        ]
        if failed and self.verdict != REFUTED:
            common = len(self.measures)  # what fails for all of them is said once
            of = {text: "" if len(names) == common else f"{', '.join(names)}: " for text, names in failed.items()}
            return f"a control fails: {'; '.join(f'{whose}{text}' for text, whose in of.items())}"
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
class Derailment:
    """One episode with a forced token, as lines to compare: the agent alone, derailed, and what is right there."""

    task: dict[str, object]
    at: int
    forced: str
    own: list[str]
    wrote: list[str]
    right: list[str]


@dataclass(frozen=True)
class Evidence(Shown):
    """The claims of one agent, or of several that differ in their seeds. `derailed` is one episode, token by token, in
    which a token was forced. `pictures` hold what the page draws and no verdict uses: by name, then by agent. One with
    `lines` is drawn as it stands: `{"title", "x", "y", "caption": texts, "lines": {name: [[x, share], ...]}}`, with its
    controls among the lines.
    """

    world: str
    agents: list[str]
    claims: list[Claim]
    pictures: Json = field(default_factory=dict)
    derailed: Json | None = None

    def __rich__(self) -> Group:
        from inwit.core.claims_table import evidence_table

        return evidence_table(self)

    def to_dict(self) -> Json:
        return {
            "world": self.world,
            "agents": self.agents,
            "claims": [claim.to_dict() for claim in self.claims],
            "pictures": self.pictures,
            "derailed": self.derailed,
        }

    @property
    def derailment(self) -> Derailment | None:
        """The episode that was kept; None where there is none, or a damaged one."""
        values = as_dict(self.derailed)
        lists = [as_list(values.get(name)) for name in ("own", "wrote", "right")]
        own, wrote, right = ([each for each in words if isinstance(each, str)] for words in lists)
        at, forced, task = values.get("at"), values.get("forced"), values.get("task")
        if not own or [own, wrote, right] != lists:
            return None
        if not isinstance(at, int) or not isinstance(forced, str) or not isinstance(task, dict):
            return None
        return Derailment(task, at, forced, own, wrote, right)

    def joined(self, later: Evidence) -> Evidence:
        """With what was found of other claims, or anew, about the same agents."""
        claims = {claim.claim: claim for claim in [*self.claims, *later.claims]}
        order = [*CLAIMS, *claims]
        return Evidence(
            later.world,
            later.agents,
            sorted(claims.values(), key=lambda claim: order.index(claim.claim)),
            _merged(self.pictures, later.pictures),
            later.derailed or self.derailed,
        )

    def each(self) -> list[Evidence]:
        """Of several agents what was found of each; nothing of one alone."""
        own = as_dict(self.pictures.get("each"))
        return [Evidence.from_dict({"world": self.world, "agents": [name], "claims": own[name]}) for name in own]

    @classmethod
    def from_dict(cls, found: object) -> Evidence:
        """Out of `evidence.json`, of this version or an earlier one. What is damaged is left out, and a claim with a
        damaged measure is not testable: no verdict stands on what is left of one."""
        values = as_dict(found)
        derailed = values.get("derailed")
        return cls(
            world=str(values.get("world", "?")),
            agents=[name for name in as_list(values.get("agents")) if isinstance(name, str)],
            claims=[claim for each in as_list(values.get("claims")) if (claim := _claim(each))],
            pictures=as_dict(values.get("pictures")),
            derailed=derailed if isinstance(derailed, dict) else None,
        )


def _merged(old: Json, new: Json) -> Json:
    """Mappings within mappings are merged; lists of claims, too, by their names. Else what is new holds."""
    merged = dict(old)
    for name, value in new.items():
        before = old.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            value = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list) and all("claim" in as_dict(each) for each in value):
            value = list({as_dict(each).get("claim"): each for each in [*before, *value]}.values())
        merged[name] = value
    return merged


def _claim(found: object) -> Claim | None:
    values = as_dict(found)
    name, whole, decisive = values.get("claim"), as_list(values.get("measures")), values.get("decisive")
    if not isinstance(name, str):
        return None
    untestable = values.get("untestable")
    if isinstance(untestable, str) and untestable:
        return Claim(name, decisive=decisive is not False, untestable=untestable)
    measures = [measure for each in whole if (measure := _measure(each))]
    if not measures or len(measures) < len(whole) or not isinstance(decisive, bool):
        return Claim(name, untestable="the record of what was measured is damaged")
    return Claim(name, tuple(measures), decisive)


def _measure(found: object) -> Measure | None:
    values, given = as_dict(found), as_dict(found).get("controls")
    controls = {name: control for name, each in as_dict(given).items() if (control := _control(each))}
    interval, n = as_pair(values.get("interval")), number(values, "n")
    sound = [
        isinstance(given, dict) and len(controls) == len(given),
        isinstance(values.get("name"), str) and values.get("side") in (AT_LEAST, AT_MOST),
        is_number(values.get("bar")) and n is not None,
        "statistic" in values and (values["statistic"] is None or is_number(values["statistic"])),
        "interval" in values and (interval is not None or values["interval"] is None),
    ]
    if not all(sound):
        return None
    return Measure(
        name=values["name"],
        statistic=values["statistic"],
        bar=values["bar"],
        n=int(n or 0),
        interval=interval,
        side=values["side"],
        controls=controls,
        why=str(values.get("why", "")),
        signed=values.get("signed") is True,
        low_of=str(values.get("low_of", "")),
        decisive=values.get("decisive") is not False,
    )


def _control(found: object) -> Control | None:
    values = as_dict(found)
    value, bar, side = (values.get(name) for name in ("value", "bar", "side"))
    sound = all(each is None or is_number(each) for each in (value, bar)) and "value" in values and "bar" in values
    if not sound or side not in (AT_LEAST, AT_MOST):
        return None
    return Control(value, bar, side, str(values.get("why", "")))


def summary(claim: Claim) -> str:
    """`0.182, 0.050: refuted`: the figures of a claim in a few words."""
    figures = ", ".join(f"{each.statistic:.3f}" for each in claim.measures if each.statistic is not None)
    return f"{figures}: {claim.verdict}" if figures else claim.verdict


def reaches(value: float, bar: float, side: str) -> bool:
    return value >= bar if side == AT_LEAST else value <= bar


def _plain(measure: Measure) -> Json:
    found = asdict(measure)
    for name, control in measure.controls.items():
        found["controls"][name]["holds"] = control.holds
    return found


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
