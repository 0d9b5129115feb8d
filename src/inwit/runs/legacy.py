"""Evaluations as inwit 0.1 kept them, turned into the shape of `core.results.Evaluation.to_dict()`.

They held `stages` (of a world whose problems are listed) or `groups` (of the calculator). Values are passed on as they
stand in the file; `folder.evaluation_from` checks them and leaves out names that it does not know.
"""

from __future__ import annotations

from inwit.core.results import EXACT, NONE, NOT_SEARCHED, SAMPLED, Json

STAGE = {"stage", "problems", "solved", "success", "mean_steps"}
YARDSTICKS = {"oracle_program", "oracle_steps", "shortcut_program", "shortcut_success", "random_success"}


def modern(values: Json, world: Json) -> Json:
    """An evaluation in today's shape; one that has this shape already is returned unchanged.

    `world` holds the settings of the run's world, as far as they are known: where letters vary, inwit 0.1 asked for
    each expression under its first letters alone, which proves nothing of the others.
    """
    if isinstance(values.get("stages"), list):
        rows = [_stage(row) for row in values["stages"] if isinstance(row, dict)]
        return {**values, "rows": rows, "proven": True, "method": "greedy, on every problem"}
    if isinstance(values.get("groups"), list):
        rows = [_group(row) for row in values["groups"] if isinstance(row, dict)]
        more = {"split": _split(values.get("split")), "cost_over_best": values.get("tokens_over_shortest")}
        proven, method = world.get("names") != "any", "greedy; identity decides for all inputs"
        method += "" if proven else ", under one set of letters"
        return {**values, **more, "rows": rows, "proven": proven, "method": method}
    return values


def _stage(row: Json) -> Json:
    """`mean_steps` was over all problems: it is the cost only where all were solved."""
    complete = row.get("solved") == row.get("problems")
    more = {} if complete else {"mean_steps": row.get("mean_steps")}
    return {
        **row,  # stage, problems and solved have their names of today
        "name": f"stage {row.get('stage')}",
        "cost": row.get("mean_steps") if complete else None,
        "best_cost": row.get("oracle_steps"),  # one program, and so the same for each problem
        "yardsticks": _stage_yardsticks(row),
        "extra": {name: value for name, value in row.items() if name not in STAGE | YARDSTICKS} | more,
    }


def _stage_yardsticks(row: Json) -> Json:
    """Where no random policy was counted, the world was not searched either."""
    random, best, shortcut = (row.get(n) for n in ("random_success", "oracle_program", "shortcut_program"))
    if random is None:
        unknown = {"known": NOT_SEARCHED, "why": "this world was not searched"}
        return dict.fromkeys(("oracle", "shortcut", "random"), unknown)
    none = {"known": NONE, "why": "no program is always right"}
    oracle = {"known": EXACT, "success": 1.0, "cost": row.get("oracle_steps"), "program": best}
    cost = len(shortcut) if isinstance(shortcut, list) else None
    cut = {"known": EXACT, "success": row.get("shortcut_success"), "program": shortcut, "cost": cost}
    return {
        "oracle": none if best is None else oracle,
        "shortcut": {"known": NONE} if shortcut is None else cut,
        "random": {"known": EXACT, "success": random},
    }


def _group(row: Json) -> Json:
    """Lengths were over the solved expressions, as `cost` and `best_cost` are."""
    operators, slots, proven = (row.get(n) for n in ("operators", "slots_needed", "proven"))
    name = f"{operators} operator{'' if operators == 1 else 's'}"
    if slots is not None:
        name += f", {slots} slot{'' if slots == 1 else 's'}"
    if slots is not None and proven == row.get("expressions"):
        oracle = {"known": EXACT, "success": 1.0}
    elif slots is None and proven:
        oracle = {"known": NONE, "why": "no program within the bound of the search"}
    else:
        oracle = {"known": NOT_SEARCHED, "why": "the shortest program of some expressions is not proven"}
    return {
        "name": name,
        "stage": operators,
        "problems": row.get("expressions"),
        "solved": row.get("identity_solved"),
        "cost": row.get("mean_tokens"),
        "best_cost": row.get("shortest_tokens"),
        "yardsticks": {
            "oracle": oracle,
            "shortcut": {"known": EXACT, "success": row.get("shortcut_success")},
            "random": {"known": SAMPLED, "success": row.get("random_success")},
        },
        "labels": {"slots": slots},
        "extra": {"value_success": row.get("value_success"), "value_success_interval": None, "proven": proven},
    }


def _split(split: object) -> Json | None:
    """None where nothing is held out."""
    if not isinstance(split, dict) or not split.get("held_out"):
        return None
    return {**split, "twins": split.get("held_out_twins")}
