"""An evaluation in words, for any world: the cells and lines that the terminal, the page and the model card show."""

from __future__ import annotations

from collections.abc import Sequence

from inwit.core.results import (
    AT_LEAST,
    EXACT,
    NONE,
    NOT_SEARCHED,
    SAMPLED,
    Evaluation,
    Row,
    Split,
    Yardstick,
)
from inwit.core.text import count, mean, percent, percents

UNSOLVED = 10  # kinds that are named, at most


def title(evaluation: Evaluation) -> str:
    return f"{evaluation.world}: {evaluation.method}"


def yardstick_names(evaluation: Evaluation) -> list[str]:
    """Every yardstick that some row has, in order of appearance."""
    return list(dict.fromkeys(name for row in evaluation.rows for name in row.yardsticks))


def extra_names(evaluation: Evaluation) -> list[str]:
    """Every further reading that is a number, in order of appearance."""
    return list(dict.fromkeys(name for row in evaluation.rows for name in row.extra if _reading(row, name, ()) != "·"))


def headings(evaluation: Evaluation) -> list[str]:
    """Of the columns of `cells`; the first, of the rows' names, has none."""
    extra, yardsticks = extra_names(evaluation), yardstick_names(evaluation)
    unit = evaluation.cost_unit
    names = ["", "problems", "solved", "success", *extra, unit, f"oracle {unit}", *yardsticks]
    return [name.replace("_", " ") for name in names]


def cells(evaluation: Evaluation) -> list[list[str]]:
    """A line of text for each row, its name first."""
    extra, names, lines = extra_names(evaluation), yardstick_names(evaluation), []
    for row in evaluation.rows:
        readings = [_reading(row, name, evaluation.means) for name in extra]
        yardsticks = [yardstick(row.yardsticks.get(name), evaluation.cost_unit) for name in names]
        counts = count(row.problems), count(row.solved), success(row)
        lines.append([row.name, *counts, *readings, mean(row.cost), mean(row.best_cost), *yardsticks])
    return lines


def success(row: Row) -> str:
    """`97.1 %`, or of a sample `~97.1 % (95.0 to 98.6)`."""
    if row.interval is None:
        return percent(row.success)
    low, high = (f"{100 * end:.1f}" for end in row.interval)
    ends = f"{low} to {high}" if low != high else percents(*row.interval).replace(" %", "")
    return f"~{percent(row.success)} ({ends})"


def yardstick(found: Yardstick | None, unit: str = "tokens") -> str:
    """What it achieves, else what it costs; or why there is no figure: `none`, `not searched`."""
    if found is None:
        return "·"
    if found.known not in (EXACT, SAMPLED):
        return found.known
    sign = "~" if found.known == SAMPLED else ""
    if found.success is not None:
        return sign + percent(found.success)
    return "·" if found.cost is None else f"{sign}{mean(found.cost)} {unit}"


def _reading(row: Row, name: str, means: Sequence[str]) -> str:
    """A whole number is a count, another one a share if it can be one and is not among `means`, else a mean."""
    value = row.extra.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "·"
    if isinstance(value, int):
        return count(value)
    sign = "~" if row.interval is not None or f"{name}_interval" in row.extra else ""
    if name in means:
        return f"{sign}{value:.3f}"
    return sign + (percent(value) if abs(value) <= 1 else mean(value))


def programs(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Row, whose, and the program or `none`, for the rows where a yardstick or the agent has one program."""
    lines = []
    for row in evaluation.rows:
        known = {name: _program(found) for name, found in row.yardsticks.items()}
        agents = row.extra.get("program")
        own = {"agent": " ".join(map(str, agents))} if isinstance(agents, list) else {}
        if own or any(found.program for found in row.yardsticks.values()):
            lines += [(row.name, name, text) for name, text in (known | own).items() if text]
    return lines


def _program(found: Yardstick) -> str:
    if found.program:
        return " ".join(map(str, found.program))
    return NONE if found.known == NONE else ""


def problems(evaluation: Evaluation) -> str:
    """What was counted."""
    return "sampled problems" if any(row.interval and row.expected is None for row in evaluation.rows) else "problems"


def notes(evaluation: Evaluation) -> list[str]:
    """The lines below the table: signs, what is not known and why, and the totals."""
    lines = _unknown(evaluation)
    if any("~" in cell for row in cells(evaluation) for cell in row):
        brackets = ", in brackets its 95 % interval" if any(row.interval for row in evaluation.rows) else ""
        bounded = any(row.interval and row.expected is not None for row in evaluation.rows)
        sampled = f"estimated from a sample{brackets}"
        lines.append(f"~ {'not followed to every end: in brackets the least and the most' if bounded else sampled}")
    lines.append(f"solved {evaluation.solved:,} of {evaluation.problems:,} {problems(evaluation)}")
    if evaluation.cost_over_best is not None:
        lines.append(f"mean {evaluation.cost_unit} over the proven best: {evaluation.cost_over_best:.4f}")
    if evaluation.unsolved:
        more = " ..." if len(evaluation.unsolved) > UNSOLVED else ""
        lines.append(f"not all solved: {'  '.join(evaluation.unsolved[:UNSOLVED])}{more}")
    constant = constant_programs(evaluation)
    return [*lines, constant] if constant else lines


def constant_programs(evaluation: Evaluation) -> str:
    """How many constant programs solve everything, and which, where they are named; "" where the record has none."""
    found = evaluation.constant_programs
    if found is None:
        return ""
    number = found.known if found.count is None else f"{found.count:,}"
    if found.known == AT_LEAST:
        number = f"{AT_LEAST} {number}"
    programs = "; ".join(" ".join(map(str, program)) for program in found.programs)
    return ": ".join(part for part in ("constant programs that solve everything", number, programs, found.why) if part)


def _unknown(evaluation: Evaluation) -> list[str]:
    """`oracle, greedy, not searched: too large (stage 5)`: each reason once, with the rows that it holds for."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for row in evaluation.rows:
        for name, found in row.yardsticks.items():
            if found.known in (NONE, NOT_SEARCHED) and found.why:
                rows.setdefault((name, found.known, found.why), []).append(row.name)
    every, names = len(evaluation.rows), dict[tuple[str, str, str], list[str]]()
    for (name, known, why), held in rows.items():
        where = "" if len(held) == every else f" ({'; '.join(dict.fromkeys(held))})"
        names.setdefault((known, why, where), []).append(name)
    return [f"{', '.join(both)}, {known}: {why}{where}" for (known, why, where), both in names.items()]


def meanings(evaluation: Evaluation) -> dict[str, str]:
    """What each yardstick is, where all rows with a figure say the same of it."""
    found: dict[str, set[str]] = {}
    for row in evaluation.rows:
        for name, each in row.yardsticks.items():
            if each.known in (EXACT, SAMPLED):
                found.setdefault(name, set()).add(each.why)
    return {name: next(iter(texts)) for name, texts in found.items() if len(texts) == 1 and "" not in texts}


def split_rows(split: Split) -> list[list[str]]:
    """For each stage, how many are solved of the trained problems and of the held-out ones."""
    stages = sorted({*split.trained, *split.held_out}, key=lambda name: (len(name), name))
    return [[f"stage {name}", *(_of(part.get(name)) for part in (split.trained, split.held_out))] for name in stages]


def _of(part: Sequence[int] | None) -> str:
    return f"{part[0]:,} of {part[1]:,}" if part else "·"


def held_out(split: Split) -> tuple[int, int]:
    """How many of the test set are solved, of how many."""
    return sum(solved for solved, _ in split.held_out.values()), sum(of for _, of in split.held_out.values())


def leak(split: Split) -> str:
    """Whether the test set could be known from training."""
    text = f"held-out kinds that are of the same class as a trained one: {split.twins:,}"
    return f"{text}: this split leaks" if split.twins else text
