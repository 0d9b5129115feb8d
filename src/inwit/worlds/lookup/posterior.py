"""The beliefs of `beliefs.py` in batches, from a state of lookup-v0 in which not all is drawn. Float64."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from inwit.core.types import State
from inwit.worlds.lookup.rules import ERR, LookupSettings
from inwit.worlds.lookup.tasks import tools_of

Values = Float[Tensor, "B n"]


def answer_chance(settings: LookupSettings, state: State) -> Float[Tensor, "B V"]:
    """The distribution of the world's answer to the last call, over the vocabulary."""
    cell, call = state["cell"], (state["calls"] - 1).clamp_min(0)
    tool = tools_of(settings, cell)
    sure = state["sure"].gather(1, call[:, None])
    fails = _known_or(state["fails"].gather(1, call[:, None])[:, 0], settings.fail)
    broken = _broken(settings, state, tool)
    err = torch.where(sure[:, 0], 0.0, broken + (1 - broken) * fails)
    said = _said(settings, state, cell)
    if settings.lie:
        lied = state["lies"].gather(1, call[:, None])
        honest = said * (1 - settings.lie) + (1 - said) * settings.lie / (settings.num_values - 1)
        said = torch.where(lied < 0, honest, _moved(said, lied[:, 0]))
    values = torch.where(sure, cell_chance(settings, state, cell), said) * (1 - err)[:, None]
    before = torch.zeros(len(cell), settings.first_value, dtype=torch.float64, device=cell.device)
    before[:, ERR] = err
    return torch.cat([before, values], 1)


def cell_chance(settings: LookupSettings, state: State, cell: Int[Tensor, " B"]) -> Values:
    """The distribution of the true value of one cell in each row."""
    n = settings.num_values
    value = state["table"].gather(1, cell[:, None])
    known = torch.nn.functional.one_hot(value[:, 0].long().clamp_min(0), n).double()
    belief = torch.full_like(known, 1 / n)
    if settings.deceives:
        stale = _stale(settings, state, tools_of(settings, cell))[:, None]
        said = _normalised(_likelihood(settings, state, cell))
        other = (1 - said) / (n - 1)
        if settings.stale:
            drift = state["drift"].gather(1, cell[:, None])
            other = torch.where(drift < 0, other, _moved(said, -drift[:, 0]))
        belief = (1 - stale) * said + stale * other
    return torch.where(value >= 0, known, belief)


def _said(settings: LookupSettings, state: State, cell: Int[Tensor, " B"]) -> Values:
    """The distribution of what the tool says of a cell where it neither fails nor lies."""
    if not settings.stale:
        return cell_chance(settings, state, cell)
    stale = _stale(settings, state, tools_of(settings, cell))[:, None]
    likelihood = _likelihood(settings, state, cell)
    honest, wrong = (_normalised(_said_prior(state, cell, settings, old) * likelihood) for old in (False, True))
    return (1 - stale) * honest + stale * wrong


def _said_prior(state: State, cell: Int[Tensor, " B"], settings: LookupSettings, stale: bool) -> Values:
    n = settings.num_values
    value = state["table"].gather(1, cell[:, None])
    known = torch.nn.functional.one_hot(value[:, 0].long().clamp_min(0), n).double()
    if stale:
        drift = state["drift"].gather(1, cell[:, None])
        known = torch.where(drift < 0, (1 - known) / (n - 1), _moved(known, drift[:, 0]))
    return torch.where(value >= 0, known, 1 / n)


def _stale(settings: LookupSettings, state: State, tool: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """The probability that a tool is stale: only cells whose true value is known tell anything of it."""
    stale = torch.full(tool.shape, settings.stale, dtype=torch.float64, device=tool.device)
    if not settings.stale:
        return stale
    honest, asked = 1 - stale, state["asked"]
    for call in range(asked.shape[1]):
        cell = asked[:, call].clamp_min(0)
        again = (asked[:, :call] == asked[:, call, None]).any(1)  # a cell counts once
        counts = (asked[:, call] >= 0) & (tools_of(settings, cell) == tool) & ~again
        likelihood = _likelihood(settings, state, cell)
        for old, weight in ((False, honest), (True, stale)):
            told = (_said_prior(state, cell, settings, old) * likelihood).sum(1)
            weight.mul_(torch.where(counts, told, 1.0))
    belief = stale / (stale + honest)
    return _known_or(state["stale"].gather(1, tool[:, None])[:, 0], belief)


def _likelihood(settings: LookupSettings, state: State, cell: Int[Tensor, " B"]) -> Values:
    """For each value how likely the cheap answers to a cell are if the tool says that value."""
    n = settings.num_values
    cheap = (state["asked"] == cell[:, None]) & ~state["sure"] & (state["heard"] >= 0) & (state["heard"] < n)
    heard, lie = state["heard"].clamp(0, n - 1), settings.lie
    same = torch.nn.functional.one_hot(heard, n).double()  # Float64[B, calls, n]
    told = same * (1 - lie) + (1 - same) * lie / (n - 1)
    if lie:
        lies = state["lies"].long()
        sure_of = torch.nn.functional.one_hot((heard - lies) % n, n).double()
        told = torch.where(lies[:, :, None] < 0, told, sure_of)
    return torch.where(cheap[:, :, None], told, 1.0).prod(1)


def _broken(settings: LookupSettings, state: State, tool: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """q / (q + (1 - q) p^e) after e errors; 0 once the tool has answered."""
    cheap = (tools_of(settings, state["asked"]) == tool[:, None]) & ~state["sure"] & (state["heard"] >= 0)
    erred = cheap & (state["heard"] == settings.num_values)
    errors = torch.where(erred, _known_or(state["fails"], settings.fail), 1.0).prod(1)
    belief = settings.broken / (settings.broken + (1 - settings.broken) * errors)
    belief = belief.nan_to_num(0.0).masked_fill((cheap & ~erred).any(1), 0.0)
    return _known_or(state["broken"].gather(1, tool[:, None])[:, 0], belief)


def _moved(shares: Values, by: Int[Tensor, " B"]) -> Values:
    """The distribution of a value plus `by`, modulo n."""
    n = shares.shape[1]
    return shares.gather(1, (torch.arange(n, device=shares.device) - by.long()[:, None]) % n)


def _known_or(flag: Tensor, chance: Tensor | float) -> Tensor:
    return torch.where(flag < 0, chance, flag.double())


def _normalised(weights: Values) -> Values:
    """Zeros stay where nothing has weight: what they are a belief under is then impossible itself."""
    total = weights.sum(1, keepdim=True)
    return weights / torch.where(total > 0, total, 1.0)
