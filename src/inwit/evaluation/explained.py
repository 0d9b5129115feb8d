"""What is said of one problem, token by token, and how it looks on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Group
from rich.text import Text

from inwit.core.columns import Columns
from inwit.core.shown import Shown
from inwit.core.text import held, percent, task_text
from inwit.core.types import Json, Task

RIGHT, WRONG = "right", "wrong"
LOST, LUCK = "✕ lost", "✕ luck"  # no way is left; none that would be right on other problems, and this one was right
FEW = 8  # equally good tokens that a cell holds


@dataclass(frozen=True)
class Choice:
    """One token of an episode: the agent's, or where `chosen` is False one that the world wrote."""

    token: str
    value: float | None  # the agent's estimate before the token; None of a script, which has none
    alternatives: list[tuple[str, float]]  # the three likeliest tokens with their probabilities; none of the world's
    keeps_to_oracle: bool | None  # whether the program so far is the oracle's; None where the kind has no oracle
    state: Json  # the machine after the token
    chosen: bool = True
    facts: Json = field(default_factory=dict)  # what one knows after the token, where the world tells it
    best: list[str] = field(default_factory=list)  # what the optimum would write here, where that is known
    expected: float | None = None  # the expected reward from here on with this token, and the optimum after it
    regret: float | None = None  # how much more it would be with the best token
    forced: bool = False  # whether it was written in the agent's place
    to_go: int | None = None  # tokens that a right program still needs after this one; None where none was found
    within: int | None = None  # tokens after it that were searched for that, where none was found among so many
    cost: int | None = None  # tokens by which it made the way longer: 0 keeps to a shortest; None where it is not known
    lost: bool = False  # whether no end within the budget is left that is right on other problems of the kind, too


@dataclass(frozen=True)
class Derailed:
    """What the agent writes where nothing is forced, and what would have been right after the last forced token."""

    own_program: list[str]
    own_success: bool
    right: list[str] | None = None  # a shortest right end; None where none was found
    within: int | None = None  # tokens that were searched for it; None where the world does not know how far it is


@dataclass(frozen=True)
class Explanation(Shown):
    """`program_success` says how general a success is. Where the world does not answer it is the share of the kind's
    problems on which this same program is right; where the world answers, of the hidden worlds that give the same
    answers the share in which the agent's answer is right."""

    world: str
    task: Task
    prompt: list[str]
    choices: list[Choice]
    oracle_program: list[str] | None
    success: bool
    extra: dict[str, bool]
    program_success: float | None  # None where it is unknown
    lucky: bool | None  # right here, but not by a program that is right everywhere; None where that is unknown
    steps: int = 0  # tokens that the agent chose
    counts: dict[str, int] = field(default_factory=dict)  # what else the episode is counted by, as `calls`
    regret: float | None = None  # of the whole episode
    derailed: Derailed | None = None  # None where no token was forced

    @property
    def program(self) -> list[str]:
        """The agent's tokens, without the world's."""
        return [choice.token for choice in self.choices if choice.chosen]

    def to_dict(self) -> Json:
        """As plain data; the further readings of success stand beside `success`."""
        values = asdict(self)
        return values | values.pop("extra") | {"program": self.program}

    def __rich__(self) -> Group:
        """A row for each token; `> 7` is the world's, `(MUL)` was forced."""
        title = Text(f"{task_text(self.task)}: ", "italic") + self._verdict()
        ends, lost = self._ends(), LUCK if self.success or self.lucky else LOST
        told = [choice.facts or choice.state for choice in self.choices]
        rows = [
            (_token(choice), *map(held, facts.values()), *_cells(choice, ends, lost)[not self._valued :])
            for choice, facts in zip(self.choices, told, strict=True)
        ]
        own = ("value", "likeliest tokens") if self._valued else ("likeliest tokens",)
        headings = ("token", *told[0], *own, *ends)
        likeliest, words = headings.index("likeliest tokens"), len(told[0]) if self.choices[0].facts else 0
        left = (*range(words + 1), likeliest, likeliest + 1)
        if self.derailed is None:
            return Group(title, Columns(headings, rows, left=left, wide=True), *self._totals())
        steps = [(str(step), *row) for step, row in enumerate(rows)]
        columns = Columns(("step", *headings), steps, left=[1 + each for each in left], keep=2, wide=True)
        return Group(title, *self._paths(self.derailed), columns, *self._totals())

    @property
    def _valued(self) -> bool:
        """Whether the agent expects a value."""
        return any(choice.value is not None for choice in self.choices)

    def _ends(self) -> tuple[str, ...]:
        """The last columns: what the optimum would write, in words of what is known of it."""
        if self.regret is not None:
            return ("optimum's", "regret")
        if self.derailed is not None and self.derailed.within is not None:
            return ("shortest right", "to go")
        if any(choice.to_go is not None or choice.lost for choice in self.choices):
            return ("to go",)
        known = any(choice.keeps_to_oracle is not None for choice in self.choices)
        return ("oracle's",) if known else ()

    def _paths(self, derailed: Derailed) -> list[Text]:
        """The programs that are compared, below each other."""
        last = max(step for step, choice in enumerate(self.choices) if choice.forced)
        written = " ".join(str(_token(choice)) for choice in self.choices if choice.chosen)
        lines = [("by itself", " ".join(derailed.own_program), RIGHT if derailed.own_success else WRONG)]
        lines += [("derailed", written, RIGHT if self.success else WRONG)]
        if derailed.right is not None:
            whole = [str(_token(choice)) for choice in self.choices[: last + 1] if choice.chosen]
            lines += [("right", " ".join([*whole, *derailed.right]), f"a shortest one, {len(derailed.right)} to go")]
        elif derailed.within is not None:
            lines += [("right", f"no end found within {derailed.within} more tokens", "")]
        width = max(len(program) for _, program, _ in lines)
        told = [Text(f"{name:10}{program:{width}}  {verdict}".rstrip()) for name, program, verdict in lines]
        for line in told[:2]:
            line.highlight_words([RIGHT], "bold green")
            line.highlight_words([WRONG], "bold red")
        return [*told, Text("(MUL) = a token that was forced".replace("MUL", self.choices[last].token), "dim")]

    def _verdict(self) -> Text:
        if not self.lucky:
            return Text(RIGHT, "bold green") if self.success else Text(WRONG, "bold red")
        share, answered = self.program_success, any(not choice.chosen or choice.facts for choice in self.choices)
        if answered:
            where = f"in {percent(share or 0.0)} of the hidden worlds that answer like this"
            return Text(f"lucky: right here, but this answer is right {where}", "yellow")
        where = f"right on {percent(share)} of the problems of its kind" if share else "not right in general"
        return Text(f"lucky: right here, but this program is {where}", "yellow")

    def _totals(self) -> list[Text]:
        """A line on the whole episode, in a world that counts more than tokens."""
        if not self.counts:
            return []
        regret = "" if self.regret is None else f", regret {self.regret:g}"
        return [Text(f"{task_text({'steps': self.steps, **self.counts})}{regret}")]


def _token(choice: Choice) -> Text:
    if choice.forced:
        return Text(f"({choice.token})", "bold reverse")
    return Text(choice.token, "bold") if choice.chosen else Text(f"> {choice.token}")


def _cells(choice: Choice, ends: Sequence[str], lost: str) -> tuple[str, ...]:
    """What is said of a token beside the machine: nothing of one of the world's. `ends` are the last columns; `lost` is
    said of a token after which no way is left."""
    if not choice.chosen:
        return ("·",) * (2 + len(ends))
    likeliest = "  ".join(f"{name} {probability:.2f}" for name, probability in choice.alternatives)
    cells = ("·" if choice.value is None else f"{choice.value:+.2f}", likeliest)
    if ends == ("oracle's",):
        return (*cells, {True: "yes", False: "no", None: "·"}[choice.keeps_to_oracle])
    if ends == ("to go",):
        return (*cells, _to_go(choice, lost))
    if "to go" in ends:
        return (*cells, _few(choice.best) or "none", _to_go(choice, lost, "✓"))
    if not ends:
        return cells
    return (*cells, _few(choice.best), "·" if choice.regret is None else f"{choice.regret:.4g}")


def _to_go(choice: Choice, lost: str, best: str = "✓ best") -> str:
    """How many tokens are to go after a token, and what it cost."""
    if choice.lost:
        return lost
    if choice.to_go is None:
        return "?" if choice.within is None else f"> {choice.within}"
    cost = "?" if choice.cost is None else f"+{choice.cost}" if choice.cost else best
    return f"{choice.to_go} {cost}"


def _few(names: Sequence[str]) -> str:
    """Names; of many the first three, and how many there are."""
    return " ".join(names) if len(names) <= FEW else f"{' '.join(names[:3])} ... ({len(names)} tokens)"
