"""An agent's network as ONNX, to be run without PyTorch and without inwit.

Two files: the step function (token and memory in, logits, value and memory out) under the given name, and beside it,
as `NAME.begin.onnx`, the function that reads a prompt and makes the first memory. Every export is run in onnxruntime on
1,000 states and compared before it is kept. Products in bfloat16 become float32: onnxruntime has none on CPU.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn
from torch.onnx import OnnxExporterError

from inwit.core import storage
from inwit.core.contracts import Agent, Policy, World, parameters_of
from inwit.core.distributions import choose, gumbel
from inwit.core.errors import UserError, missing
from inwit.core.isolation import on_own_terms
from inwit.core.paths import given_path
from inwit.core.seeding import stream
from inwit.core.types import Memory, Output
from inwit.evaluation.exact import refuse_unfit
from inwit.policies import make_policy
from inwit.runs import loading

ROWS, COLUMNS = 250, 4  # of the states that an export is checked on
TOLERANCE = 1e-4
EXTRA = ("onnx", "onnxscript", "onnxruntime")
PROMPT = ["prompt", "prompt_mask", "stage"]
Prompts = tuple[Tensor, Tensor, Tensor]
GROWING = {"keys": 2, "values": 2, "attend": 1}  # memory that grows by a position a step, and the axis of its positions


def export_onnx(agent: Agent | str | Path, path: str | Path) -> tuple[Path, Path]:
    """Write the step function to `path` and the prompt reader beside it; returns both paths.

    Takes an agent or a run. Raises `UserError` without the extra, for an agent without parameters, if the files cannot
    be written, or if what onnxruntime computes from them is not what the agent computes.
    """
    for package in EXTRA:
        if find_spec(package) is None:
            raise missing(package, "export")
    agent = agent if isinstance(agent, Agent) else loading.load(agent)
    refuse_unfit(agent)
    path = given_path(path, "a file")
    files = path, path.with_name(f"{path.stem}.begin.onnx")
    for file in files:
        storage.check_replaceable(file)
    with (
        on_own_terms(agent.threads),
        torch.no_grad(),
        TemporaryDirectory() as folder,  # good files replace those at `path`
    ):
        policy = _for_export(agent)
        made = Path(folder, "step.onnx"), Path(folder, "begin.onnx")
        prompts, states = sampled_states(agent.world, policy)
        token, memory = states[-1]
        if taken := sorted({"token", "logits", "value", *PROMPT} & set(memory)):
            raise UserError(f"the memory has a tensor {taken[0]!r}, which ONNX files name otherwise: call it otherwise")
        with storage.explained(f"cannot write {files[0]}"):
            files[0].parent.mkdir(parents=True, exist_ok=True)
        _write(agent, _Function(policy, list(memory)), made[0], {"token": token, **memory}, memory)
        _write(agent, _Function(policy), made[1], dict(zip(PROMPT, prompts, strict=True)), memory)
        _check(policy, made, prompts, states)
        for file, source in zip(files, made, strict=True):
            storage.publish(file, source.read_bytes())
    return files


def sampled_states(
    world: World, policy: Policy, rows: int = ROWS, columns: int = COLUMNS
) -> tuple[Prompts, list[tuple[Tensor, Memory]]]:
    """Prompts, and for each column the tokens and memories of the policy's own sampled programs."""
    draws = stream(0, "onnx check")
    tasks = world.sample(torch.randint(len(world.kinds), (rows,), generator=draws), draws)
    prompts = (*world.prompt(tasks), world.stage(tasks))
    output, memory = policy.begin(*prompts)
    state, states = world.reset(tasks), []
    for _ in range(columns):
        legal = world.legal(state) | state["ended"][:, None]
        token = choose(output.logits, legal, gumbel(output.logits.shape, draws))
        forced = world.forced(state)
        token = torch.where((forced >= 0) & ~state["ended"], forced, token)  # what the world writes
        states.append((token, memory))
        state, _ = world.step(state, token)
        output, memory = policy.step(token, memory)
    return prompts, states


def _for_export(agent: Agent) -> Policy:
    """A copy of the policy on the CPU, with products in float32."""
    config, policy = agent.config, agent.policy
    if config is None or not isinstance(policy, nn.Module) or not parameters_of(policy):
        raise UserError("the agent has no network to export: ONNX takes a policy with parameters that a training made")
    if not hasattr(config.policy.settings, "matrix_dtype"):
        return copy.deepcopy(policy).cpu().eval()
    plain = replace(config.policy.settings, matrix_dtype="float32")
    made = make_policy(config.policy.id, plain, agent.world, stream(config.seed, "weights"))
    made.load_state_dict(policy.state_dict())
    return made.eval()


class _Function(nn.Module):
    """`begin` of a policy, or `step` with the tensors of the memory one by one, as ONNX needs them."""

    def __init__(self, policy: Policy, names: list[str] | None = None) -> None:
        super().__init__()
        self.policy, self.names = policy, names  # of the memory's tensors; None: `begin`, which takes none

    def forward(self, first: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        if self.names is None:
            return _flat(*self.policy.begin(first, *rest))
        return _flat(*self.policy.step(first, dict(zip(self.names, rest, strict=True))))


def _flat(output: Output, memory: Memory) -> tuple[Tensor, ...]:
    return output.logits, output.value, *memory.values()


def _write(agent: Agent, function: _Function, file: Path, inputs: dict[str, Tensor], memory: Memory) -> None:
    batch = torch.export.Dim("batch")
    longest = getattr(agent.config.policy.settings, "max_length", 128)
    positions = torch.export.Dim("positions", min=2, max=max(3, longest - 1))
    shapes = [{0: batch, **({GROWING[name]: positions} if name in GROWING else {})} for name in inputs]
    step = function.names is not None
    about = {
        "world": agent.config.world.to_dict(),
        "policy": agent.config.policy.to_dict(),
        "vocabulary": agent.world.vocabulary.names,
        "function": "step" if step else "begin",
    }
    with _quiet(), _traced(agent.config.policy.id):
        program = torch.onnx.export(
            function,
            tuple(inputs.values()),
            dynamo=True,
            verbose=False,
            input_names=list(inputs),
            output_names=["logits", "value", *(f"next_{name}" if step else name for name in memory)],
            dynamic_shapes=(shapes[0], tuple(shapes[1:])) if shapes[1:] else (shapes[0],),
        )
    assert program is not None
    program.model.metadata_props["inwit"] = json.dumps(about)
    with _quiet(), storage.explained(f"cannot write {file}"):
        program.save(file)


def _check(policy: Policy, files: tuple[Path, Path], prompts: Prompts, states: list[tuple[Tensor, Memory]]) -> None:
    """Compare with onnxruntime; raises `UserError` if a likeliest token or a number differs."""
    from onnxruntime import InferenceSession

    step, begin = (InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"]) for file in files)
    asked = [(begin, dict(zip(PROMPT, prompts, strict=True)), policy.begin(*prompts))]
    asked += [(step, {"token": token, **memory}, policy.step(token, memory)) for token, memory in states]
    for session, inputs, answer in asked:
        theirs = [np.asarray(part) for part in session.run(None, {name: each.numpy() for name, each in inputs.items()})]
        ours = [tensor.numpy() for tensor in _flat(*answer)]
        same = np.array_equal(theirs[0].argmax(1), ours[0].argmax(1))
        error = max(float(np.abs(a - b).max()) for a, b in zip(theirs, ours, strict=True) if b.dtype == np.float32)
        if not same or not error < TOLERANCE:
            raise UserError(f"the export was not kept: onnxruntime's numbers differ by {error:.1e}, or its tokens do")


@contextmanager
def _traced(policy: str) -> Iterator[None]:
    try:
        yield
    except OnnxExporterError as error:
        why = " ".join(str(error.__cause__ or error).split())[:200]
        raise UserError(f"the policy {policy} cannot be exported, since PyTorch cannot trace it: {why}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings of PyTorch's exporter: they are about its own parts and do not help the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
