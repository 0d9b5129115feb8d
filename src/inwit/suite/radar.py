"""The radar: a spoke for each ability. Lines differ by dash and marker and are named where they are, so that neither
colour nor a legend is needed. The spokes begin below 0, and no score is clipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, pi
from typing import TYPE_CHECKING, cast

from inwit.core import drawing
from inwit.suite.scores import Scored
from inwit.suite.table import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.projections.polar import PolarAxes

LEAST, MOST = -0.25, 1.0  # of the spokes, where no score lies further out
STEP = 0.25
PATCH = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}  # below a name


def radar(agents: Sequence[Scored], abilities: Sequence[str]) -> Figure:
    """The first agent's scores with their intervals, and the others' beside them."""
    made = drawing.figure(6.2, 6.4)
    made.patch.set_alpha(0)
    axes = cast("PolarAxes", made.add_subplot(projection="polar"))
    axes.patch.set_alpha(0)
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    angles = [2 * pi * place / len(abilities) for place in range(len(abilities))]
    low, high = _reach(agents)
    axes.set_ylim(low, high)
    _rings(axes, low, high)
    own = agents[0].scores
    shown = [f"{name}\n{number(own[name].mean) if name in own and own[name].seeds else '·'}" for name in abilities]
    axes.set_xticks(angles, shown, fontsize=10.5)
    axes.tick_params(axis="x", pad=14)
    for place, (agent, style) in enumerate(zip(agents, drawing.styles(), strict=False)):
        _line(axes, agent, abilities, angles, style, first=place == 0)
    for name, angle, score in _places(agents, abilities, angles):
        axes.annotate(
            name,
            (angle, score),
            (7, -3),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold",
            zorder=6,
            bbox=PATCH,
        )
    if len(agents) > 1:
        made.legend(loc="outside lower center", ncols=min(3, len(agents)), frameon=False, handlelength=4)
    return made


def _places(
    agents: Sequence[Scored], abilities: Sequence[str], angles: Sequence[float]
) -> Iterator[tuple[str, float, float]]:
    """Where each line is named: on the spoke on which it is farthest from the others; each spoke once."""
    taken: set[str] = set()
    for agent in agents if len(agents) > 1 else []:
        best = None
        for name, angle in zip(abilities, angles, strict=True):
            others = [each.scores[name].mean for each in agents if each is not agent and _has(each, name)]
            if not _has(agent, name) or not others or name in taken:
                continue
            own = agent.scores[name].mean
            apart = min(abs(own - other) for other in others)
            if best is None or apart > best[0]:
                best = apart, name, angle, own
        if best is not None:
            taken.add(best[1])
            yield agent.name.replace("$", r"\$"), best[2], best[3]


def _has(agent: Scored, ability: str) -> bool:
    return ability in agent.scores and bool(agent.scores[ability].seeds)


def _reach(agents: Sequence[Scored]) -> tuple[float, float]:
    """From where to where the spokes go: over all scores and the first agent's intervals."""
    found = [score.mean for agent in agents for score in agent.scores.values() if score.seeds]
    found += [end for score in agents[0].scores.values() if score.seeds for end in score.interval or ()]
    low, high = min([LEAST, *found]), max([MOST, *found])
    return floor(low / STEP) * STEP, high + 0.02 if high > MOST else MOST


def _rings(axes: PolarAxes, low: float, high: float) -> None:
    """Circles at 0 and 1, and thin ones between."""
    ticks = [low + STEP * place for place in range(int((high - low) / STEP + 1e-6) + 1)]
    axes.set_yticks(ticks, ["0 random" if tick == 0 else "" for tick in ticks])
    axes.tick_params(axis="y", labelsize=8.5, colors="0.35")
    axes.set_rlabel_position(15)
    axes.grid(color="0.85")
    circle = [2 * pi * place / 180 for place in range(181)]
    for ring in (0.0, 1.0):
        axes.plot(circle, [ring] * len(circle), color="0.45", linewidth=1.1, zorder=1)
    axes.text(pi / 12, 0.94, "1 optimum", fontsize=8.5, color="0.35", ha="center", va="center")
    axes.spines["polar"].set_visible(False)


def _line(
    axes: PolarAxes,
    agent: Scored,
    abilities: Sequence[str],
    angles: Sequence[float],
    style: drawing.Style,
    *,
    first: bool,
) -> None:
    colour, line, marker = style
    found = [(angle, agent.scores[name]) for angle, name in zip(angles, abilities, strict=True) if name in agent.scores]
    found = [(angle, score) for angle, score in found if score.seeds]
    if not found:
        return
    whole = len(found) == len(abilities) and len(found) > 2
    around = [*found, found[0]] if whole else found  # a gap stays open
    x, y = [angle for angle, _ in around], [score.mean for _, score in around]
    look = {"color": colour, "linestyle": line, "linewidth": 2.2 if first else 1.5, "zorder": 4 if first else 3}
    axes.plot(x, y, marker=marker, markersize=6, label=agent.name.replace("$", r"\$"), **look)
    if first:
        for angle, score in found:
            if score.interval:
                axes.plot([angle] * 2, score.interval, color=colour, linewidth=4, alpha=0.35, zorder=2)
