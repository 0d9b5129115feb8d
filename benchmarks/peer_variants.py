"""What `benchmarks/peers.py` compares: each library at its documented defaults and at the best tuning that was found.

"Defaults" are the constructor's own hyper-parameters and the number of environments of the library's own example. Width
is the same for all. `epochs` and `batch` are told beside the figures; all compute in float32.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

WORLDS: dict[str, dict[str, Any]] = {
    "tutorial": {"world": "tutorial-v1"},
    "calculator": {"world": "calculator-v0", "max_operators": 2},
}

OVER, CUT = "terminates", "truncates"  # what an episode is that has spent its budget: see `inwit.gym.keywords`


@dataclass(frozen=True)
class Variant:
    family: str  # inwit, sb3, torchrl
    about: str
    epochs: int
    batch: int  # environment steps in a minibatch, about
    settings: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    worlds: tuple[str, ...] = tuple(WORLDS)  # where it is measured
    commands: tuple[str, ...] = ("speed", "solve", "cold")  # and in which respect


def named(words: list[str]) -> list[str]:
    """The variants that are called as one of the words, or else those whose names begin or end with it; raises
    `ValueError` for a word that names none."""

    def meant(name: str, word: str) -> bool:
        return name == word if word in VARIANTS else name.startswith(f"{word}-") or name.endswith(f"-{word}")

    for word in words:
        if not any(meant(name, word) for name in VARIANTS):
            raise ValueError(f"{word!r} names none of {', '.join(VARIANTS)}")
    return [name for name in VARIANTS if any(meant(name, word) for word in words)]


def _sb3(algorithm: str, about: str, epochs: int, batch: int, **settings: Any) -> Variant:
    return Variant("sb3", about, epochs, batch, {"algorithm": algorithm, **settings})


def _tuned(budget: str, epochs: int = 4, num_envs: int = 256, **changes: Any) -> dict[str, Any]:
    """One large minibatch, or two in each of several epochs, no discount: a batch as ours has it."""
    return {
        "num_envs": num_envs,
        "budget": budget,
        "n_steps": 8,
        "batch_size": num_envs * 8 // (1 if epochs == 1 else 2),
        "n_epochs": epochs,
        "learning_rate": 3e-3,
        "ent_coef": 0.15,
        "gamma": 1.0,
        **changes,
    }


# A single pass with this step got there with five seeds of five; each setting with two passes or four that was tried
# with two seeds stayed on the shortcut of the last stage with at least one. Passes and step were not taken apart.
_MASKABLE = {"epochs": 1, "learning_rate": 1e-2, "ent_coef": 0.2}
# In the calculator the settings above solve nothing. With these MaskablePPO solves 61 % of the expressions with two
# operators within 120 s, 44 % in a single pass, 39 % with half the entropy; of the others A2C and PPO solve nothing at
# all with them.
_CALCULATOR = {"learning_rate": 3e-3, "ent_coef": 0.02}
# Without masks no setting that was tried left the shortcuts of the last stage (about 30 %): 12 of 18 tokens are
# never legal, and A2C, looked into, wrote them half of the time and STO hardly ever. With 0.15 PPO lost
# the first stages again, with the one seed tried.
_PPO = {"ent_coef": 0.05}


_A2C = {
    "num_envs": 256,
    "n_steps": 8,
    "learning_rate": 3e-3,
    "ent_coef": 0.05,
    "gamma": 0.9,  # meant to make illegal tokens cost something; no clear gain was measured
    "normalize_advantage": True,
    "use_rms_prop": False,
}
_ONE_LSTM = {"network": {"shared_lstm": True, "enable_critic_lstm": False}}


def _torchrl(about: str, epochs: int, minibatches: int, budget: str, **changes: Any) -> Variant:
    settings = {"num_envs": 256, "n_steps": 8, "learning_rate": 3e-3, "entropy": 0.15, "gamma": 1.0, "lmbda": 0.95}
    settings |= {
        "epochs": epochs,
        "minibatches": minibatches,
        "budget": budget,
        "gae_each_epoch": False,
        **changes,
    }
    return Variant("torchrl", about, epochs, settings["num_envs"] * settings["n_steps"] // minibatches, settings)


_GRU = {"learning_rate": 1e-2, "lmbda": 1.0}  # with a single pass, as with MaskablePPO

# The rollout hyper-parameters of TorchRL's own PPO tutorial, but for the width.
_TUTORIAL = {
    "num_envs": 8,
    "n_steps": 125,
    "learning_rate": 3e-4,
    "entropy": 1e-4,
    "gamma": 0.99,
    "gae_each_epoch": True,
}

# Random programs are tried beside the policy's own episodes; those that were right are tried again and imitated.
_REHEARSAL = {
    "rehearsal": {"rows": 64, "programs": 2048},
    "training": {"episodes": 64, "learning_rate": 0.07},
}

VARIANTS: dict[str, Variant] = {
    "inwit-a2c": Variant("inwit", "the recipe, one pass", 1, 2500),
    "inwit-ppo": Variant("inwit", "the recipe with PPO", 4, 1250, {"learner": {"id": "ppo", "group_size": 16}}),
    "inwit-rehearsal": Variant(
        "inwit",
        "A2C, and imitates random programs that were right",
        1,
        300,
        _REHEARSAL,
        worlds=("tutorial",),
        commands=("solve",),
    ),
    "inwit-one-pass": Variant(
        "inwit", "the recipe, in large rollouts", 1, 10_000, {"training": {"episodes": 2048}}, commands=("speed",)
    ),
    "sb3-a2c-default": _sb3("A2C", "MLP, machine shown, defaults", 1, 20, num_envs=4, budget=CUT),
    "sb3-a2c-tuned": _sb3("A2C", "MLP, machine shown, tuned", 1, 2048, budget=OVER, **_A2C),
    "sb3-a2c-tuned-bootstrap": _sb3("A2C", "likewise, bootstraps at truncation", 1, 2048, budget=CUT, **_A2C),
    "sb3-a2c-one-pass": replace(
        _sb3("A2C", "MLP, machine shown", 1, 8192, budget=OVER, **_A2C | {"num_envs": 1024}), commands=("speed",)
    ),
    "sb3-ppo-default": _sb3("PPO", "MLP, machine shown, defaults", 10, 64, num_envs=4, budget=CUT),
    "sb3-ppo-tuned": _sb3("PPO", "MLP, machine shown, tuned", 4, 1024, **_tuned(OVER, **_PPO)),
    "sb3-ppo-tuned-bootstrap": _sb3("PPO", "likewise, bootstraps at truncation", 4, 1024, **_tuned(CUT, **_PPO)),
    "sb3-ppo-one-pass": replace(
        _sb3("PPO", "MLP, machine shown, one epoch", 1, 16384, **_tuned(OVER, 1, 2048)), commands=("speed",)
    ),
    "maskable-default": _sb3("MaskablePPO", "MLP, machine shown, masks, defaults", 10, 64, num_envs=1, budget=CUT),
    "maskable-tuned": replace(
        _sb3("MaskablePPO", "MLP, machine shown, masks, tuned", 1, 2048, **_tuned(OVER, **_MASKABLE)),
        worlds=("tutorial",),
    ),
    "maskable-tuned-bootstrap": replace(
        _sb3("MaskablePPO", "likewise, bootstraps at truncation", 1, 2048, **_tuned(CUT, **_MASKABLE)),
        worlds=("tutorial",),
    ),
    "maskable-calculator-tuned": replace(
        _sb3("MaskablePPO", "MLP, machine shown, masks, tuned", 4, 1024, **_tuned(OVER, **_CALCULATOR)),
        worlds=("calculator",),
    ),
    "recurrent-default": _sb3("RecurrentPPO", "LSTM, defaults", 10, 128, num_envs=1, budget=CUT),
    "recurrent-tuned": _sb3("RecurrentPPO", "one LSTM, tuned", 4, 1024, **_tuned(OVER), **_ONE_LSTM),
    "recurrent-tuned-bootstrap": _sb3(
        "RecurrentPPO", "likewise, bootstraps at truncation", 4, 1024, **_tuned(CUT), **_ONE_LSTM
    ),
    "recurrent-one-pass": replace(
        _sb3("RecurrentPPO", "one LSTM, one epoch", 1, 4096, **_tuned(OVER, 1, 512), **_ONE_LSTM), commands=("speed",)
    ),
    "torchrl-default": _torchrl("GRU, masks, the tutorial's settings", 10, 8, CUT, **_TUTORIAL),
    "torchrl-tuned": replace(_torchrl("GRU, masks, tuned", 1, 1, OVER, **_GRU), worlds=("tutorial",)),
    "torchrl-tuned-bootstrap": replace(
        _torchrl("likewise, bootstraps at truncation", 1, 1, CUT, **_GRU), worlds=("tutorial",)
    ),
    "torchrl-calculator-tuned": replace(
        _torchrl("GRU, masks, tuned", 1, 1, OVER, learning_rate=3e-3, entropy=0.02, lmbda=1.0), worlds=("calculator",)
    ),
    "torchrl-one-pass": replace(_torchrl("GRU, masks, one epoch", 1, 1, OVER, num_envs=2048), commands=("speed",)),
}
