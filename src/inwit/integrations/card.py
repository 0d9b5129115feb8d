"""The model card: what an agent is, how good it is and how that is known, and how to load it."""

from __future__ import annotations

from inwit.core import result_text
from inwit.core.contracts import Agent, parameters_of
from inwit.core.results import Evaluation
from inwit.version import __version__
from inwit.worlds import WORLDS


def model_card(agent: Agent, evaluation: Evaluation, name: str) -> str:
    """Markdown with the Hub's header."""
    config, summary = agent.config, agent.summary
    trained = "not trained"
    if "update" in summary:
        trained = f"{summary['update']:,} updates, {summary['tokens']:,} tokens, {summary['seconds']:.1f} s of training"
    settings = [f"{name} {value}" for name, value in config.world.settings.to_dict().items()]
    width = getattr(config.policy.settings, "width", None)
    parameters = sum(parameter.numel() for parameter in parameters_of(agent.policy))
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
            f"| policy | {config.policy.id}{f', width {width}' if width else ''}, {parameters:,} parameters |",
            f"| learner | {config.learner.id} |",
            f"| recipe, seed | {config.recipe}, {config.seed} |",
            f"| training | {trained}, {agent.status} |",
            f"| saved by | inwit {__version__} |",
            "",
            "## Results",
            "",
            *_results(evaluation),
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


def _results(evaluation: Evaluation) -> list[str]:
    """The evaluation as a table, and how its figures are known."""
    headings, rows = result_text.headings(evaluation), result_text.cells(evaluation)
    table = [headings, ["---"] * len(headings), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    sampled = [name for name, *column in zip(headings, *rows, strict=True) if any("~" in cell for cell in column)]
    if sampled:
        known = f"Columns with `~` are estimated from samples: {', '.join(sampled)}."
    else:
        known = "Nothing is sampled." if evaluation.proven else ""
    meanings = [f"- {name}: {meaning}" for name, meaning in result_text.meanings(evaluation).items()]
    return [
        f"{evaluation.method[:1].upper()}{evaluation.method[1:]}. {known}".rstrip(),
        "",
        *(f"| {' | '.join(cells)} |" for cells in table),
        "",
        *meanings,
        *(f"- {note}".replace("*", r"\*") for note in result_text.notes(evaluation)),
        *([f"- known limit: {evaluation.known_limit}"] if evaluation.known_limit else []),
    ]
