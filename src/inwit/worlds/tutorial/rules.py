"""What both tutorial worlds share, free of PyTorch: vocabulary, settings, stages, and the reading of a task."""

from __future__ import annotations

from dataclasses import dataclass

from inwit.core.errors import UserError
from inwit.core.numbers import given_number
from inwit.core.results import Task
from inwit.core.settings import Settings, setting
from inwit.core.vocabulary import Vocabulary
from inwit.worlds.reading import TaskField, check_fields, digits

VOCABULARY = Vocabulary([*"0123456789", "CTX", "MUL", "ADD", "SUB", "ANS", "STO", "RCL", "EOS"])
CTX, MUL, ADD, SUB, ANS, STO, RCL, EOS = VOCABULARY.ids(["CTX", "MUL", "ADD", "SUB", "ANS", "STO", "RCL", "EOS"])

IDLE = (*VOCABULARY.ids("0123456789"), CTX, EOS)  # what does nothing in tutorial-v1: the tokens of prompts

TASK_FIELDS = {
    "stage": TaskField("the problem's stage: 0, 1 or 2"),
    "operands": TaskField("its digits: 3 + stage of them, in tutorial-v0 always 5", many=True),
}
STAGES = (0, 1, 2)
GOALS = ("a×b + c", "a×b + c − d", "a×b + c − d×e")  # of digits a to e, stage by stage
MAX_OPERANDS = 5
PROMPT_WIDTH = MAX_OPERANDS + 1  # the digits, then CTX


@dataclass(frozen=True)
class TutorialSettings(Settings):
    # Up to 9 the oracle searches every program in seconds; values stay far below 2**63 (9**9).
    max_steps: int = setting(7, "tokens an episode may spend", at_least=1, at_most=9)
    masks: bool = setting(True, "let the policy write legal tokens only (tutorial-v0 has no illegal ones)")

    idle: int = setting(
        0,
        "how many of the tokens that do nothing (0 to 9, CTX, EOS) are legal, at the price of a step (tutorial-v1)",
        at_least=0,
        at_most=len(IDLE),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.idle and not self.masks:
            raise UserError(
                f"idle = {self.idle} changes nothing with masks = false, where every token may be written: "
                "set masks = true or idle = 0"
            )


@dataclass(frozen=True)
class TutorialV0Settings(TutorialSettings):
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.idle:
            raise UserError(
                f"idle = {self.idle} changes nothing in tutorial-v0, where every token is legal: "
                "take tutorial-v1 or set idle = 0"
            )


# What a tutorial's machine shows after its registers and flags: the operands by nine, the share of the budget spent.
TAIL = (*(f"operand {place}" for place in range(MAX_OPERANDS)), "budget spent")


def num_shown(stage: int) -> int:
    """How many operands the prompt of a stage shows."""
    return 3 + stage


def num_operands(stage: int, *, hidden: bool) -> int:
    """How many operands a problem of a stage has; with `hidden` (tutorial-v0) all five in every stage."""
    return MAX_OPERANDS if hidden else num_shown(stage)


def parse_task(task: Task, world: str, *, hidden: bool) -> tuple[int, list[int]]:
    """The stage and the operands of a task such as `{"stage": 2, "operands": [5, 5, 7, 9, 8]}`.

    Raises `UserError` for anything else.
    """
    check_fields(task, world, TASK_FIELDS, "a stage and operands, as in stage 0, operands 3 4 5")
    stage = given_number("stage", task["stage"], text=True)
    if stage not in STAGES:
        raise UserError(f"stage {stage} does not exist: {world} has stages 0, 1, 2")
    return stage, digits(task["operands"], num_operands(stage, hidden=hidden), f"stage {stage} of {world}")
