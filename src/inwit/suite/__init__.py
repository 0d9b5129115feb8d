"""A battery of small experiments: who can do what. Each ability has one knob, an exact optimum and a random score.

0 is the uniformly random legal policy, 1 the proven optimum; no score is clipped. All experiments train from reward
alone. Start with `ability.py`: what an ability is; then `jobs.py`: what is to be done; `work.py` does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inwit.core.registry import Entry, Registry

if TYPE_CHECKING:  # listing abilities needs no PyTorch
    from inwit.suite.ability import Ability

# In the order in which they are shown.
ABILITIES: Registry[Ability] = Registry(
    "ability",
    "inwit.abilities",
    {
        "reading": Entry("inwit.suite.abilities_open:READING", "reads which operators a prompt names, and their order"),
        "horizon": Entry("inwit.suite.abilities_closed:HORIZON", "follows a chain of calls"),
        "holding": Entry(
            "inwit.suite.abilities_closed:HOLDING", "holds what it heard while it asks for something else"
        ),
        "slots": Entry("inwit.suite.abilities_open:SLOTS", "puts a value aside where the expression needs it"),
        "adapting": Entry("inwit.suite.abilities_closed:ADAPTING", "lets what it heard decide what it does next"),
        "thrift": Entry("inwit.suite.abilities_closed:THRIFT", "asks no more than the query needs"),
        "failing tools": Entry("inwit.suite.abilities_closed:FAILING", "does what is best where tools fail or lie"),
        "exploration": Entry("inwit.suite.abilities_open:EXPLORATION", "finds a program among tokens that do nothing"),
        "lucky shortcuts": Entry("inwit.suite.abilities_open:LUCKY_SHORTCUTS", "goes on from what is right by luck"),
        "recovery": Entry("inwit.suite.abilities_open:RECOVERY", "ends right after a token that it did not choose"),
        "carrying over": Entry("inwit.suite.abilities_open:CARRYING_OVER", "solves expressions that it never met"),
        "noise": Entry("inwit.suite.abilities_open:NOISE", "reads among tokens that mean nothing"),
    },
)


def register_ability(name: str, ability: Ability | str, summary: str = "") -> None:
    """Register an ability, or "module:attribute" (entry point group `inwit.abilities`). Raises `UserError` if the name
    is taken."""
    ABILITIES.register(name, ability, summary)
