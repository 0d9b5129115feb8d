"""The kinds, tasks and prompts of calculator-v0 in tensors. What tokens do is in `tensors`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.errors import UserError
from inwit.core.results import Task
from inwit.core.seeding import stream
from inwit.core.types import Kinds, Tasks
from inwit.worlds.calculator.expressions import LETTERS, Tree, write
from inwit.worlds.calculator.noise import noise_tokens, noisy
from inwit.worlds.calculator.rules import (
    FIRST_OPERAND,
    ID,
    IDENTITY_POINTS,
    PAD,
    THINK,
    CalculatorSettings,
    expressions_of,
    held_out_of,
    parse_task,
)
from inwit.worlds.calculator.tools import TOOLS
from inwit.worlds.oracle.shortest import TOGETHER, shortest


@dataclass(frozen=True)
class KindTables:
    """K kinds, N operands and M = N - 1 operators at most, W prompt positions.

    An expression is evaluated in M operations over registers 0 .. N + M - 1: the operands, then the results in turn. A
    smaller expression ends in copies of its last result (tool 0), so that the last register is its value.
    """

    num_operators: Int[Tensor, " K"]
    classes: Int[Tensor, " K"]
    operations: Int[Tensor, "3 K M"]  # tools (0 to copy, else 1 + the tool's index), left and right registers
    prompt: Int[Tensor, "K W"]  # token ids; V + position for an operand
    points: Int[Tensor, "N 3"]  # the operands' values in the identity test


class CalculatorTasks:
    """N operands at most, L letters, K kinds, P prompt positions.

    Task data: `operands`, Int[B, N], digits, 0 where absent; `letters`, Int[B, N], the index of each operand's letter,
    increasing, -1 where absent.
    """

    id = ID
    Settings = CalculatorSettings
    value_outcome = "value_success"
    known_limit = "expressions up to the world's size only; the policy sees letters, never a number"

    def __init__(self, settings: CalculatorSettings) -> None:
        self.settings, self.masks, self.vocabulary = settings, settings.masks, settings.vocabulary
        self.identity_defined, self.extra_outcomes = settings.identity_defined, settings.extra_outcomes
        known = {"identity", "exam", "best_programs", "achieved"} if self.identity_defined else set()
        self.capabilities = frozenset({"machine", "registers"} | known)
        self.expressions = expressions_of(settings.tools, settings.min_operators, settings.max_operators)
        held_out = held_out_of(settings.tools, settings.min_operators, settings.max_operators, settings.split)
        self.kinds = Kinds(self.expressions.names, self.expressions.stages, self.expressions.classes, held_out)
        self.class_of = torch.tensor(self.kinds.classes)  # Int[K]: the same number for the same polynomial
        self.answer = self.vocabulary.id("ANS")
        self.think = self.vocabulary.id(THINK) if settings.ticks else -1
        self.num_operands = settings.max_operators + 1
        # Letters, operators, parentheses but the outermost pair, and =.
        self.expression_width = 4 * self.num_operands - 4
        self.prompt_width = self.expression_width + settings.noise
        self._noise = noise_tokens(self.vocabulary, settings.verbs)
        self.max_steps = self.num_columns = settings.budget(self.num_operands) + settings.ticks
        self._tools, self._called = [TOOLS[name] for name in settings.tools], settings.called
        self._kind_tables: dict[torch.device, KindTables] = {}

    def sample(self, kinds: Int[Tensor, " B"], generator: torch.Generator) -> Tasks:
        """Tasks of the given kinds with uniform digits and, with `names="any"`, an increasing draw of letters."""
        shape, exact = (kinds.shape[0], self.num_operands), self.settings.names == "exact"
        digits = torch.randint(0, 10, shape, generator=generator, device=generator.device)
        letters = self._letters_in_order(kinds) if exact else self._drawn_letters(kinds, generator)
        return Tasks(kinds, {"operands": digits * (letters >= 0), "letters": letters})

    def greedy_tasks(self, device: torch.device | str = "cpu") -> Tasks:
        """One row for each kind, with letters a, b, c, ... and digits that are always the same.

        A policy sees no digits, so a run decides success over all inputs, under these letters.
        """
        kinds = torch.arange(len(self.kinds))
        digits = torch.randint(0, 10, (len(kinds), self.num_operands), generator=stream(0, "calculator greedy tasks"))
        letters = self._letters_in_order(kinds)
        return Tasks(kinds, {"operands": digits * (letters >= 0), "letters": letters}).to(device)

    def all_tasks(self, kinds: list[int], device: torch.device | str = "cpu") -> Tasks:
        """Not available: raises `UserError`."""
        raise UserError(
            f"{ID} does not list its tasks: operands do not matter to identity, one greedy run of each kind "
            "(world.greedy_tasks()) decides success over all of them"
        )

    def to_letters(self, tasks: Tasks, tokens: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
        """Programs with operands named by their place (a, b, c, ... in the text's order), in each row's letters."""
        place, letters = tokens - FIRST_OPERAND, tasks.data["letters"]
        operand = (place >= 0) & (place < letters.shape[1])
        return torch.where(operand, FIRST_OPERAND + letters.gather(1, place.clamp(0, letters.shape[1] - 1)), tokens)

    def to_places(self, tasks: Tasks, tokens: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
        """The inverse of `to_letters`. A letter that the row's expression lacks becomes a place that no kind has."""
        letters = tasks.data["letters"]
        place = torch.full((len(tasks), len(LETTERS) + 1), self.num_operands, device=tokens.device)
        order = torch.arange(letters.shape[1], device=tokens.device).expand_as(letters)
        place.scatter_(1, letters.where(letters >= 0, len(LETTERS)), order)
        letter = tokens - FIRST_OPERAND
        operand = (letter >= 0) & (letter < len(LETTERS))
        return torch.where(operand, FIRST_OPERAND + place.gather(1, letter.clamp(0, len(LETTERS) - 1)), tokens)

    def best_program(self, kind: int) -> list[int] | None:
        """The shortest program of a kind, its operands named a, b, c, ...; None where the search found none.

        Raises `UserError` for an expression that would be searched for alone: there are thousands of them.
        """
        if self.kinds.stages[kind] >= TOGETHER:
            raise UserError(
                f"the shortest program of {self.kinds.names[kind]} takes seconds to search, as does each expression of "
                f"{self.kinds.stages[kind]} operators: world.max_operators must be at most {TOGETHER - 1}"
            )
        return self.best_program_for({"expression": self.kinds.names[kind]})

    def best_program_for(self, task: Task) -> list[int] | None:
        """The same for a task's expression, in its letters. An expression of five operators takes seconds."""
        settings = self.settings
        program = shortest(task["expression"], settings.num_slots, settings.tools, crossed=settings.crossed).program
        return self.vocabulary.ids(program) if program else None

    def named_as_in(self, tasks: Tasks, programs: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
        return self.to_letters(tasks, programs)  # the filling -1 is no operand, and stays

    def task(self, task: Task) -> Tasks:
        """One row from `{"expression": "(a*b)-(c*d)", "operands": [3, 5, 2, 7]}`.

        Raises `UserError` for a task that `parse_task` refuses, and for an expression that is none of this world's.
        """
        problem = parse_task(self.settings, task)
        settings, count = self.settings, len(problem.operands) - 1
        if problem.num_slots != settings.num_slots:
            raise UserError(
                f"num_slots = {problem.num_slots} does not fit: this world was made with {settings.num_slots}"
            )
        if problem.tree not in self.expressions.index:
            raise UserError(
                f"the expression {task['expression']} has {count} operators: this world's have "
                f"{settings.min_operators} to {settings.max_operators}"
            )
        last = count if settings.names == "exact" else settings.num_letters - 1
        if problem.letters[-1] > LETTERS[last]:
            raise UserError(
                f"operand {problem.letters[-1]} does not exist in {task['expression']}: with names = {settings.names} "
                f"its operands are {LETTERS[0]}..{LETTERS[last]}"
            )
        padding = self.num_operands - len(problem.operands)
        letters = [LETTERS.index(letter) for letter in problem.letters] + [-1] * padding
        data = {"operands": torch.tensor([problem.operands + [0] * padding]), "letters": torch.tensor([letters])}
        return Tasks(torch.tensor([self.expressions.index[problem.tree]]), data)

    def describe(self, tasks: Tasks) -> list[Task]:
        """Each row as the dict that `task` reads."""
        rows = zip(tasks.kind.tolist(), *(tasks.data[name].tolist() for name in ("operands", "letters")), strict=True)
        described = []
        for kind, operands, letters in rows:
            names = [LETTERS[letter] for letter in letters if letter >= 0]
            expression = write(self.expressions.trees[kind], names)
            described.append({"expression": expression, "operands": operands[: len(names)]})
        return described

    def stage(self, tasks: Tasks) -> Int[Tensor, " B"]:
        """The number of operators."""
        return self._kinds_on(tasks.kind.device).num_operators[tasks.kind]

    def prompt(self, tasks: Tasks) -> tuple[Int[Tensor, "B P"], Bool[Tensor, "B P"]]:
        """The expression and `=`, with noise between its tokens if the world has any, left-padded with PAD; the mask is
        False on the padding."""
        tokens = self._kinds_on(tasks.kind.device).prompt[tasks.kind]
        place = tokens - len(self.vocabulary)
        letters = tasks.data["letters"].gather(1, place.clamp(min=0))
        tokens = torch.where(place >= 0, FIRST_OPERAND + letters, tokens)
        if self.settings.noise:
            tokens = noisy(tokens, tasks, self._noise, self.settings.noise)
        return tokens, tokens != PAD

    def _letters_in_order(self, kinds: Int[Tensor, " B"]) -> Int[Tensor, "B N"]:
        place = torch.arange(self.num_operands, device=kinds.device)
        return torch.where(place <= self._kinds_on(kinds.device).num_operators[kinds][:, None], place, -1)

    def _drawn_letters(self, kinds: Int[Tensor, " B"], generator: torch.Generator) -> Int[Tensor, "B N"]:
        """As many letters as the kind has operands, every set of them equally likely, in increasing order."""
        shape, absent = (kinds.shape[0], self.settings.num_letters), self.settings.num_letters
        rank = torch.rand(shape, generator=generator, device=generator.device).argsort(1).argsort(1)
        drawn = rank <= self._kinds_on(kinds.device).num_operators[kinds][:, None]
        letters = torch.arange(absent, device=kinds.device).where(drawn, absent).sort(1).values[:, : self.num_operands]
        return letters.where(letters < absent, -1)

    def _kinds_on(self, device: torch.device) -> KindTables:
        if device not in self._kind_tables:
            kinds, points = self.expressions, torch.tensor(IDENTITY_POINTS, device=device)
            operations = torch.tensor([self._operations(tree) for tree in kinds.trees], device=device)
            self._kind_tables[device] = KindTables(
                num_operators=torch.tensor(kinds.stages, device=device),
                classes=torch.tensor(kinds.classes, device=device),
                operations=operations.permute(2, 0, 1).contiguous(),
                prompt=torch.tensor([self._prompt(name) for name in kinds.names], device=device),
                points=points.t()[: self.num_operands].contiguous(),
            )
        return self._kind_tables[device]

    def _operations(self, tree: Tree) -> list[tuple[int, int, int]]:
        """(tool, left, right) for each operator, operands first, filled up with copies."""
        done: list[tuple[int, int, int]] = []
        symbols = [tool.symbol for tool in self._tools]

        def register(node: Tree) -> int:
            if isinstance(node, int):
                return node
            left, right = register(node[1]), register(node[2])
            done.append((1 + symbols.index(node[0]), left, right))
            return self.num_operands + len(done) - 1

        last = register(tree)
        return done + [(0, last, last)] * (self.num_operands - 1 - len(done))

    def _prompt(self, text: str) -> list[int]:
        """The expression's tokens and `=`, left-padded; operand i stands as V + i."""
        size = len(self.vocabulary)
        ids = [size + LETTERS.index(sign) if sign in LETTERS else self.vocabulary.id(sign) for sign in text + "="]
        return [PAD] * (self.expression_width - len(ids)) + ids
