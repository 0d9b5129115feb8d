"""What a person sees of one episode, of any world: three lines of text, or a picture of constant size.

Both are made from the scalar twin's `task_dict()`, `state()` and `legal()`. A picture is drawn at twice its size.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from inwit.core.contracts import ScalarWorld, World
from inwit.core.errors import UserError
from inwit.core.text import glimpse, held, plural

METADATA: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 2}
WIDTH, HEIGHT = 640, 384  # both a multiple of 16, as video codecs like it
INK, FAINT, PAPER, LINE, BLUE = "#1f2933", "#8895a7", "#ffffff", "#cbd2d9", "#2f6fb0"
VERDICTS = {"right": "#2e8b57", "wrong": "#c0392b", "out of budget": "#c77700", "": FAINT}

Chip = tuple[str, str, str, str]  # a small name above, or none; text; colours of the ground and of the text


def frame(mode: str | None, world: World, twin: ScalarWorld, program: list[str]) -> str | np.ndarray:
    """Text for "ansi", UInt8[HEIGHT, WIDTH, 3] for "rgb_array"; `program` is what was written, the world's tokens
    marked. Raises `UserError` for another mode."""
    if mode == "ansi":
        return f"{_line(twin.task_dict())}\nwritten {' '.join(program) or 'nothing yet'}\n{_line(twin.state())}"
    if mode == "rgb_array":
        return _picture(world, twin, program)
    raise UserError(f"render_mode = {mode!r} does not exist: valid: {', '.join(METADATA['render_modes'])}")


def _line(named: dict[str, Any]) -> str:
    return "  ".join(f"{name} {glimpse(value)}" for name, value in named.items())


def _verdict(twin: ScalarWorld) -> str:
    if twin.truncated:
        return "out of budget"
    return ("right" if twin.success else "wrong") if twin.terminated else ""


def _picture(world: World, twin: ScalarWorld, program: list[str]) -> np.ndarray:
    from PIL import Image, ImageDraw  # here, so that environments that show nothing do not wait for it

    image = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), PAPER)
    draw, verdict = ImageDraw.Draw(image), _verdict(twin)
    colour = VERDICTS[verdict]
    draw.rectangle((0, 0, 2 * WIDTH, 12), fill=BLUE if not verdict else colour)
    draw.text((40, 34), world.id, fill=INK, font=_font(36, "Sans-Bold"))
    draw.text(
        (2 * WIDTH - 40, 34),
        verdict or plural(twin.steps, "token"),
        fill=colour,
        font=_font(36, "Sans-Bold"),
        anchor="ra",
    )

    legal = set(world.vocabulary.decode(twin.legal())) if not verdict else set()
    plain = [(name, glimpse(value), "#eef2f6", INK) for name, value in twin.task_dict().items()]
    newest = [("", name, "#dce8f5", INK) for name in program[:-1]] + [("", name, BLUE, PAPER) for name in program[-1:]]
    machine = [(name, held(value), "#fdf3dc", INK) for name, value in twin.state().items()]
    may = [("", n, *(("#dff1e6", "#1d6b41") if n in legal else (PAPER, "#b4bdc8"))) for n in world.vocabulary.names]
    for title, chips, top, height in (
        ("task", plain, 108, 116),
        ("written", newest, 240, 156),
        ("machine", machine, 412, 116),
        ("legal now", may, 544, 200),
    ):
        draw.line((40, top, 2 * WIDTH - 40, top), fill=LINE, width=2)
        draw.text((40, top + 12), title, fill=FAINT, font=_font(24, "Sans"))
        _fill(draw, chips, (210, top + 12, 2 * WIDTH - 40, top + height))
    return np.array(image.reduce(2))


def _fill(draw: Any, chips: list[Chip], box: tuple[int, int, int, int]) -> None:
    """Draw chips from left to right and line by line, as large as they fit; at the smallest the first are left out."""
    for size in (40, 32, 26, 20, 16):
        if (places := _places(chips, box, size)) is not None:
            break
    else:
        while (places := _places(chips, box, 16)) is None:
            chips = [("", "…", PAPER, FAINT), *chips[2:]] if len(chips) > 2 else [(*chips[-1][:1], "…", PAPER, FAINT)]
    for (name, text, ground, ink), (x, y, width, height) in zip(chips, places, strict=True):
        if name:
            draw.text((x + 2, y), name, fill=FAINT, font=_font(20, "Sans"))
        top = y + (26 if name else 0)
        edge = LINE if ground == PAPER and text != "…" else None
        draw.rounded_rectangle((x, top, x + width, y + height), 10, fill=ground, outline=edge, width=2)
        draw.text((x + width / 2, (top + y + height) / 2), text, fill=ink, font=_font(size, "SansMono"), anchor="mm")


def _places(
    chips: Iterable[Chip], box: tuple[int, int, int, int], size: int
) -> list[tuple[float, float, float, float]] | None:
    """Where chips stand with letters of this size: left, top, width, height of each; None if there is no room."""
    left, top, right, bottom = box
    x, y, places = float(left), float(top), []
    for name, text, _, _ in chips:
        width = max(_font(size, "SansMono").getlength(text) + size, _font(20, "Sans").getlength(name) + 4)
        height = 1.5 * size + (26 if name else 0)
        if x > left and x + width > right:
            x, y = float(left), y + height + 8
        if x + width > right or y + height > bottom:
            return None
        places.append((x, y, width, height))
        x += width + 10
    return places


@cache
def _font(size: int, style: str) -> Any:
    """DejaVu, which Matplotlib brings along."""
    import matplotlib
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVu{style}.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
