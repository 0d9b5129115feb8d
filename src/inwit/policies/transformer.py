"""A decoder-only transformer (Vaswani et al. 2017; pre-norm) over prompt and program, with a cache of keys and values.

Departures: the stage's embedding is the first token, positions are learnt and counted from the first real token
(padding, on either side of the prompt, is never attended to and takes no position), and there is no dropout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from inwit.core.errors import UserError
from inwit.core.settings import Settings, setting
from inwit.core.taps import NO_EDITS, Edits, Taps
from inwit.core.types import Memory, Output
from inwit.policies import init
from inwit.policies.base import TokenPolicy
from inwit.policies.replay import Prompt, PromptMask, Stage, Tokens

Stream = Float[Tensor, "B S H"]  # S positions
Queries = Float[Tensor, "B Q H"]
Cache = Float[Tensor, "B L S H"]  # of L blocks


@dataclass(frozen=True)
class TransformerSettings(Settings):
    width: int = setting(96, "units of the residual stream", at_least=1, at_most=4096)
    layers: int = setting(2, "blocks", at_least=1, at_most=64)
    heads: int = setting(4, "attention heads", at_least=1, at_most=64)
    max_length: int = setting(128, "positions: stage, prompt and program", at_least=2, at_most=8192)
    stage_aware: bool = setting(True, "let the stage's embedding be the first token")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise UserError(f"width = {self.width} is no multiple of heads = {self.heads}")


class Transformer(TokenPolicy[TransformerSettings]):
    """Memory: `keys`, `values` Float[B, layers, S, width], `attend` Bool[B, S] (False on padding), `length` Int[B], and
    `newest` Float[B, 1 + layers, width], of the newest position: what enters the first block, and what an edit added
    after each block, 0 without one. `read` answers from these.

    Taps: `stream.0` is what enters the first block, `stream.1` what leaves it, and so on; at the newest position alone.
    An edit changes the keys and values of later blocks, so that it lasts."""

    Settings = TransformerSettings

    def __init__(
        self, settings: TransformerSettings, *, vocabulary_size: int, num_stages: int, generator: Generator
    ) -> None:
        super().__init__(settings)
        self.taps = tuple(f"stream.{layer}" for layer in range(settings.layers + 1))
        width, scale = settings.width, settings.width**-0.5
        stages = num_stages if settings.stage_aware else 1
        self.stage_embedding = init.normal(stages, width, scale=0.5, generator=generator)
        self.token_embedding = init.normal(vocabulary_size, width, scale=0.5, generator=generator)
        self.position_embedding = init.normal(settings.max_length, width, scale=0.5, generator=generator)
        self.blocks = nn.ModuleList(_Block(settings, generator) for _ in range(settings.layers))
        self.norm = init.ones(width, generator=generator)
        self.head_weight = init.uniform(vocabulary_size + 1, width, scale=scale, generator=generator)
        self.head_bias = init.zeros(vocabulary_size + 1, generator=generator)

    def begin(
        self,
        prompt: Prompt,
        prompt_mask: PromptMask,
        stage: Stage,
        *,
        capture: Iterable[str] = (),
        edit: Edits = NO_EDITS,
    ) -> tuple[Output, Memory]:
        taps = Taps(self.taps, capture, edit)
        stream, attend = self._embed(prompt, prompt_mask, stage)
        newest: list[Tensor] = []

        def tapped(name: str, each: Stream) -> Stream:
            edited = _tapped(taps, name, each, attend)
            if not newest:
                newest.append(_last(edited, attend))
            elif edited is each:
                newest.append(torch.zeros_like(newest[0]))
            else:
                newest.append(_last(edited - each, attend))
            return edited

        stream, keys, values = self._run(stream, attend, tapped)
        memory = {"keys": keys, "values": values, "attend": attend, "length": attend.sum(1)}
        return self._head(_last(stream, attend), taps.taken), memory | {"newest": torch.stack(newest, 1)}

    def step(
        self, token: Int[Tensor, " B"], memory: Memory, *, capture: Iterable[str] = (), edit: Edits = NO_EDITS
    ) -> tuple[Output, Memory]:
        taps = Taps(self.taps, capture, edit)
        entering = F.embedding(token, self.token_embedding) + self._position(memory["length"])
        attend = F.pad(memory["attend"], (0, 1), value=True)
        self._check_length(attend.shape[1])
        newest, keys, values = [taps("stream.0", entering)], [], []
        stream, nothing = newest[0][:, None], entering.new_zeros(entering.shape)
        for index, block in enumerate(self.blocks):
            key, value = block.remember(stream)  # pyright: ignore[reportCallIssue]
            keys.append(torch.cat([memory["keys"][:, index], key], 1))
            values.append(torch.cat([memory["values"][:, index], value], 1))
            leaving = block(stream, keys[-1], values[-1], attend[:, None])[:, 0]
            stream = taps(f"stream.{index + 1}", leaving)[:, None]
            newest.append(stream[:, 0] - leaving if edit else nothing)
        after = {"keys": torch.stack(keys, 1), "values": torch.stack(values, 1), "newest": torch.stack(newest, 1)}
        return self._head(stream[:, 0], taps.taken), after | {"attend": attend, "length": memory["length"] + 1}

    def read(self, memory: Memory) -> Output:
        """The newest position is computed again, with the memory's keys and values."""
        newest, attend = memory["newest"][:, :, None], memory["attend"][:, None]
        stream = newest[:, 0]
        for index, block in enumerate(self.blocks):
            stream = block(stream, memory["keys"][:, index], memory["values"][:, index], attend) + newest[:, index + 1]
        return self._head(stream[:, 0])

    def replay(
        self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage, tokens: Tokens, capture: Iterable[str] = ()
    ) -> Output:
        group_size = len(tokens) // len(prompt)
        stream, attend = (part.repeat_interleave(group_size, 0) for part in self._embed(prompt, prompt_mask, stage))
        written = F.embedding(tokens[:, :-1], self.token_embedding)
        place = attend.sum(1, keepdim=True) + torch.arange(written.shape[1], device=tokens.device)
        whole = torch.cat([stream, written + self._position(place)], 1)
        live = F.pad(attend, (0, written.shape[1]), value=True)
        self._check_length(live.shape[1])
        taps = Taps(self.taps, capture, NO_EDITS)

        def answering(each: Stream) -> Stream:
            """Where the outputs stand: the prompt's last position, and the written tokens."""
            return torch.cat([_last(each[:, : attend.shape[1]], attend)[:, None], each[:, attend.shape[1] :]], 1)

        def captured(name: str, each: Stream) -> Stream:
            if taps.wants(name):
                taps(name, answering(each))
            return each

        outputs, _, _ = self._run(whole, live, captured)
        return self._head(answering(outputs), taps.taken)

    def _embed(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Stream, Bool[Tensor, "N S"]]:
        """Stage and prompt, S = 1 + P, and which of them are real."""
        self._check_length(1 + prompt.shape[1])
        attend = F.pad(prompt_mask, (1, 0), value=True)
        place = (attend.long().cumsum(1) - 1).clamp_min(0)
        first = self._stage(stage)[:, None]
        return torch.cat([first, F.embedding(prompt, self.token_embedding)], 1) + self._position(place), attend

    def _check_length(self, positions: int) -> None:
        if positions > self.settings.max_length:
            raise UserError(
                f"policy.max_length = {self.settings.max_length} is too small: "
                f"this world's prompts and programs need {positions} positions and more"
            )

    def _position(self, place: Int[Tensor, "*P"]) -> Tensor:
        return F.embedding(place, self.position_embedding)

    def _run(
        self, stream: Stream, attend: Bool[Tensor, "B S"], tap: Callable[[str, Stream], Stream]
    ) -> tuple[Stream, Cache, Cache]:
        size = stream.shape[1]
        causal = torch.ones(size, size, dtype=torch.bool, device=stream.device).tril()
        # A padding position attends to itself, so that no row of the softmax is empty; nothing real attends to it.
        mask = (causal & attend[:, None]) | torch.eye(size, dtype=torch.bool, device=stream.device)
        keys, values = [], []
        stream = tap("stream.0", stream)
        for index, block in enumerate(self.blocks):
            key, value = block.remember(stream)  # pyright: ignore[reportCallIssue]
            keys.append(key)
            values.append(value)
            stream = tap(f"stream.{index + 1}", block(stream, key, value, mask))
        return stream, torch.stack(keys, 1), torch.stack(values, 1)

    def _head(self, hidden: Float[Tensor, "*B H"], taps: dict[str, Tensor] | None = None) -> Output:
        return super()._head(F.layer_norm(hidden, self.norm.shape, self.norm), taps)


class _Block(nn.Module):
    """Attention and a two-layer perceptron, each on the normalised stream and added to it."""

    def __init__(self, settings: TransformerSettings, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = settings.heads
        width, scale = settings.width, settings.width**-0.5
        self.attention_norm = init.ones(width, generator=generator)
        self.query = init.uniform(width, width, scale=scale, generator=generator)
        self.key_value = init.uniform(2 * width, width, scale=scale, generator=generator)
        self.mix = init.uniform(width, width, scale=scale, generator=generator)
        self.perceptron_norm = init.ones(width, generator=generator)
        self.widen = init.uniform(4 * width, width, scale=scale, generator=generator)
        self.widen_bias = init.zeros(4 * width, generator=generator)
        self.narrow = init.uniform(width, 4 * width, scale=scale / 2, generator=generator)

    def remember(self, stream: Stream) -> tuple[Stream, Stream]:
        """Keys and values of the positions of `stream`."""
        normed = F.layer_norm(stream, self.attention_norm.shape, self.attention_norm)
        key, value = F.linear(normed, self.key_value).chunk(2, -1)
        return key, value

    def forward(self, stream: Queries, keys: Stream, values: Stream, mask: Bool[Tensor, "B Q S"]) -> Queries:
        normed = F.layer_norm(stream, self.attention_norm.shape, self.attention_norm)
        query, key, value = (self._split(part) for part in (F.linear(normed, self.query), keys, values))
        read = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None])
        stream = stream + F.linear(read.transpose(1, 2).flatten(2), self.mix)
        normed = F.layer_norm(stream, self.perceptron_norm.shape, self.perceptron_norm)
        return stream + F.linear(F.gelu(F.linear(normed, self.widen, self.widen_bias)), self.narrow)

    def _split(self, part: Stream) -> Tensor:
        return part.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def _last(stream: Stream, attend: Bool[Tensor, "B S"]) -> Float[Tensor, "B H"]:
    """The stream at the last real position of each row."""
    return stream.gather(1, _last_place(stream, attend))[:, 0]


def _tapped(taps: Taps, name: str, stream: Stream, attend: Bool[Tensor, "B S"]) -> Stream:
    """The stream with its last real position passed through a tap."""
    if not taps.wants(name):
        return stream
    place = _last_place(stream, attend)
    return stream.scatter(1, place, taps(name, stream.gather(1, place)[:, 0])[:, None])


def _last_place(stream: Stream, attend: Bool[Tensor, "B S"]) -> Int[Tensor, "B 1 H"]:
    place = torch.arange(attend.shape[1], device=stream.device)
    return (place * attend).argmax(1)[:, None, None].expand(-1, 1, stream.shape[2])
