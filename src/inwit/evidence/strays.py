"""What an agent does after a forced token, beside the question whether it is right: figures that decide no verdict.

Does it go on as if nothing had happened, as a reciter does? Is its right end its own program, written again? And is it
right, too, after a second forced token: can it go on from anywhere, or from single strays alone?
"""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Generator, Tensor

from inwit.core.capabilities import Causal, capable
from inwit.core.claims import Control
from inwit.core.seeding import stream
from inwit.core.types import Rollout, State, map_rows
from inwit.evidence.away import after_token
from inwit.evidence.deviation import Deviations, proven
from inwit.evidence.reciting import Reciter, Restarter

GAP = 2  # columns between two forced tokens: the agent writes one token between them
MOST = 1000  # trials with two forced tokens, of ties and of others
TWICE = "a second token is forced two columns later, and a right end is left"


def after_tie(found: Deviations) -> dict[str, Control]:
    """Beside the measure on ties."""
    ties = found[found.tie]
    return {
        "goes on as if nothing had happened": _share(goes_on(ties), "writes what a reciter of its programs writes"),
        "restarting reciter": _restarts(ties),
        "two tokens forced": _share(twice_tied(found).own_right, TWICE),
    }


def after_longer(found: Deviations) -> dict[str, Control]:
    """Beside the measure on what takes more tokens."""
    longer = found[~found.tie]
    right = starts_over(found[~found.tie & found.own_right])
    return {
        "starts over, of its right ends": _share(right, "ends with its own program, written from its start"),
        "restarting reciter": _restarts(longer),
        "two tokens forced": _share(twice_longer(found).own_right, TWICE),
    }


def _restarts(found: Deviations) -> Control:
    script = Restarter(found.subject.world, found.subject.tasks, found.subject.own.tokens)
    return _share(
        found.right(script), "begins its program again after each token that is not its own, and plans nothing"
    )


def _share(flags: Bool[Tensor, " D"], why: str) -> Control:
    return Control(float(flags.double().mean()), why=why) if len(flags) else Control(None, why="no such episode")


def goes_on(found: Deviations) -> Bool[Tensor, " D"]:
    """Where the agent writes, token by token, what a reciter of its own programs writes."""
    reciter = Reciter(found.subject.world, found.subject.tasks, found.subject.own.tokens)
    pairs = zip(found.episodes(found.subject.agent.policy), found.episodes(reciter), strict=True)
    same = [_written(mine, found).eq(_written(other, found)).all(1) for mine, other in pairs]
    return torch.cat(same) if same else found.tie


def starts_over(found: Deviations) -> Bool[Tensor, " D"]:
    """Where what the agent writes ends with its own program, from its start. The forced token may be its first one."""
    if not len(found):
        return found.tie
    written = torch.cat([_written(each, found) for each in found.episodes(found.subject.agent.policy)])
    own, length = found.subject.own.tokens[found.row], found.subject.lengths[found.row]
    start = (written >= 0).sum(1) - length
    place = torch.arange(own.shape[1], device=own.device)
    end = written.gather(1, (start[:, None] + place).clamp(0, written.shape[1] - 1))
    return ((end == own) | (place >= length[:, None])).all(1) & (start >= found.at)


def twice_tied(found: Deviations, gap: int = GAP) -> Deviations:
    """A second forced token `gap` columns after the first, one that is not what the agent would write there: where a
    right program is left that is no longer than the agent's own. Drawn of all where there are more than `MOST`."""
    generator = stream(0, "two forced tokens, no longer")
    again = _again(_drawn(found[found.tie], generator), gap)
    return _drawn(again[again.tie], generator)


def twice_longer(found: Deviations, gap: int = GAP) -> Deviations:
    """The same where any right program is left, but none so short. Its first tokens are drawn of all, and for each one
    second token is drawn."""
    generator = stream(0, "two forced tokens, longer")
    again = _again(_drawn(found, generator), gap, generator)
    return again[~again.tie]


def _drawn(found: Deviations, generator: Generator) -> Deviations:
    if len(found) <= MOST:
        return found
    return found[torch.randperm(len(found), generator=generator)[:MOST].sort().values.to(found.row.device)]


def _again(found: Deviations, gap: int, generator: Generator | None = None) -> Deviations:
    """Every second token where a right end is proven; with a generator one of each episode's legal ones is tried."""
    subject, causal = found.subject, capable(found.subject.world, "causal")
    assert causal is not None
    if not len(found):
        return found
    written = torch.cat([_written(each, found) for each in found.episodes(subject.agent.policy)])
    second, columns = found.at + gap, torch.arange(written.shape[1], device=written.device)
    open_to = ((columns == second[:, None]) & (written >= 0)).T
    state, parts = causal.reset(subject.tasks[found.row]), list[Deviations]()
    for column, here in enumerate(open_to):
        if bool(here.any()):
            parts.append(_second(found[here], causal, _rows(state, here), column, written[here], generator))
        state = after_token(causal, state, written[:, column].clamp(min=0))
    return _joined(parts) if parts else found[:0]


def _second(
    found: Deviations, causal: Causal, state: State, at: int, written: Tensor, generator: Generator | None
) -> Deviations:
    """The second tokens in one column, where the agent's episodes stand in `state`."""
    legal = causal.legal(state).scatter(1, written[:, at][:, None], False)
    if generator is not None:
        luck = torch.rand(legal.shape, generator=generator).to(legal.device).masked_fill(~legal, -1.0)
        legal &= luck == luck.amax(1, keepdim=True)
    place, token = legal.nonzero().unbind(1)
    after, step = causal.step(_rows(state, place), token)
    going = ~step.terminated & ~step.truncated
    place, token, after = place[going], token[going], _rows(after, going)
    column = torch.full_like(place, at)
    tie, possible = proven(found.subject, causal, found.row[place], column, after)
    columns = [each[possible] for each in (found.row[place], column, token, tie)]
    return Deviations(found.subject, *columns, unknown=int((~possible).sum()), written=written[place[possible]])


def _joined(parts: list[Deviations]) -> Deviations:
    names = ("row", "at", "token", "tie")
    columns = [torch.cat([getattr(part, name) for part in parts]) for name in names]
    written = torch.cat([part.written for part in parts if part.written is not None])
    return Deviations(parts[0].subject, *columns, unknown=sum(part.unknown for part in parts), written=written)


def _rows(state: State, rows: Tensor) -> State:
    return map_rows(state, lambda tensor: tensor[rows])


def _written(rollout: Rollout, found: Deviations) -> Tensor:
    """What was written in a block's episodes, as many columns as the world has; -1 after their ends."""
    tokens = rollout.tokens.masked_fill(~rollout.live, -1)
    return torch.nn.functional.pad(tokens, (0, found.subject.world.num_columns - tokens.shape[1]), value=-1)
