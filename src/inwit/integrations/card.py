"""The model card: what an agent is, how good it is exactly, and how to load it."""

from __future__ import annotations

from typing import Any

from inwit.core.contracts import Agent
from inwit.version import __version__
from inwit.worlds import WORLDS


def model_card(agent: Agent, results: dict[str, Any] | None, why_not: str, name: str) -> str:
    """Markdown with the Hub's header. `results` is an evaluation as plain data, or None with the reason."""
    config, summary = agent.config, agent.summary
    trained = (
        "not trained"
        if "update" not in summary
        else (f"{summary['update']:,} updates, {summary['tokens']:,} tokens, {summary['seconds']:.1f} s of training")
    )
    settings = [f"{name} {value}" for name, value in config.world.settings.to_dict().items()]
    width = getattr(config.policy.settings, "width", None)
    return "\n".join(
        [
            "---",
            "library_name: inwit",
            "pipeline_tag: reinforcement-learning",
            f"tags: [inwit, reinforcement-learning, tool-use, {config.world.id}]",
            "---",
            "",
            f"# {name}",
            "",
            f"An inwit agent for the world `{config.world.id}`: {WORLDS.summary(config.world.id)}.",
            "",
            "| | |",
            "|---|---|",
            f"| world | {config.world.id} ({', '.join(settings)}) |",
            f"| policy | {config.policy.id}{f', width {width}' if width else ''}, {_parameters(agent):,} parameters |",
            f"| learner | {config.learner.id} |",
            f"| recipe, seed | {config.recipe}, {config.seed} |",
            f"| training | {trained}, {agent.status} |",
            f"| saved by | inwit {__version__} |",
            "",
            "## Exact results",
            "",
            *_results(results, why_not),
            "",
            "## How to load it",
            "",
            "```python",
            "import inwit",
            "",
            f'agent = inwit.from_pretrained("{name}")',
            "print(inwit.evaluate(agent).solved)",
            "```",
            "",
        ]
    )


def _results(results: dict[str, Any] | None, why_not: str) -> list[str]:
    if results is None:
        return [f"None: {why_not}."]
    lines = ["The greedy agent on every problem of its world; nothing is sampled.", ""]
    if "stages" in results:
        lines += [
            "| stage | problems | solved | success | best shortcut | random policy |",
            "|---|---|---|---|---|---|",
        ]
        for stage in results["stages"]:
            shares = (stage["success"], stage["shortcut_success"], stage["random_success"])
            cells = [str(stage["stage"]), f"{stage['problems']:,}", f"{stage['solved']:,}", *map(_percent, shares)]
            lines.append(f"| {' | '.join(cells)} |")
    else:
        lines += [
            "| operators | slots needed | expressions | solved for every input | by value |",
            "|---|---|---|---|---|",
        ]
        for group in results["groups"]:
            counts = (group["operators"], group["slots_needed"], group["expressions"], group["identity_solved"])
            lines.append(f"| {' | '.join(map(str, counts))} | {_percent(group['value_success'])} |")
    return [*lines, "", f"Known limit: {results['known_limit']}."]


def _percent(share: float | None) -> str:
    """Never rounds up to 100 %: that is a claim about every problem."""
    if share is None:
        return "unknown"
    text = f"{100 * share:.1f} %"
    return "> 99.9 %" if text == "100.0 %" and share < 1 else text


def _parameters(agent: Agent) -> int:
    return sum(parameter.numel() for parameter in agent.policy.parameters())
