"""Pages as people see them: axe-core finds nothing, nothing is wider than the window, nothing is asked for."""

from __future__ import annotations

import re
from typing import Any

import pytest

from browsing import WIDTHS, View, screenshots, viewed

WORLDS = ("tutorial", "calculator", "lookup")
# Other ways to look: 200 % zoom halves the window, and people ask their system for calm, or for their own colours.
OTHERS: dict[str, dict[str, Any]] = {
    "zoomed": {"width": 670, "device_scale_factor": 2},
    "calm": {"reduced_motion": "reduce"},
    "own colours": {"forced_colors": "active"},
    "own colours, dark": {"forced_colors": "active", "scheme": "dark"},
}


def used(view: View, address: str) -> None:
    """The page after some use: a step, a token written by hand, a unit changed, so with branches."""
    view.open(address)
    view.keys("ArrowRight", "2")
    slider = view.page.query_selector("[data-key=slider]")
    if slider:
        slider.focus()
        view.keys("ArrowRight")
    view.page.evaluate("() => document.activeElement.blur()")


def faultless(view: View) -> None:
    assert view.overflow() == 0
    assert view.violations() == []
    assert not re.search(r"\[object|undefined|NaN", view.page.inner_text("body")), "a value shown as no text"
    view.untouched()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("world", WORLDS)
def test_nothing_is_amiss(browser: Any, addresses: dict[str, str], world: str, width: int, scheme: str) -> None:
    with viewed(browser, width, scheme) as view:
        view.open(addresses[world])
        view.page.screenshot(path=screenshots() / f"{world}-{width}-{scheme}.png", full_page=True)
        used(view, addresses[world])
        faultless(view)
        view.page.screenshot(path=screenshots() / f"{world}-used-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("way", OTHERS)
@pytest.mark.parametrize("world", WORLDS)
def test_nothing_is_amiss_for_other_eyes(browser: Any, addresses: dict[str, str], world: str, way: str) -> None:
    with viewed(browser, **OTHERS[way]) as view:
        used(view, addresses[world])
        faultless(view)
        moving = (
            "[...document.querySelectorAll('*')].filter((one) => getComputedStyle(one).transitionDuration !== '0s')"
        )
        if way == "calm":
            assert view.page.evaluate(f"() => {moving}.length") == 0
        view.page.screenshot(path=screenshots() / f"{world}-{way.replace(', ', '-').replace(' ', '-')}.png")


@pytest.mark.parametrize(("width", "least"), [(1340, 34), (768, 34), (390, 40), (320, 40)])
def test_what_is_pressed_is_large_enough(browser: Any, addresses: dict[str, str], width: int, least: int) -> None:
    sized = (
        "(all) => all.map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])"
        ".map(([what, { width, height }]) => [what, Math.round(width), Math.round(height)])"
    )
    with viewed(browser, width) as view:
        used(view, addresses["tutorial"])
        controls = view.page.eval_on_selector_all(":is(button, select, input):not([type=range])", sized)
        shown = [(what, wide, high) for what, wide, high in controls if high]
        assert len(shown) > 30
        assert [each for each in shown if each[2] < least or each[1] < 34] == []


def test_a_finger_finds_what_it_presses_and_a_turned_tablet_shows_all(browser: Any, addresses: dict[str, str]) -> None:
    with viewed(browser, 820, has_touch=True, is_mobile=True) as view:
        view.open(f"{addresses['tutorial']}#screen=compare")
        view.page.wait_for_function(
            "() => document.querySelectorAll('#matrix th button').length === 64", timeout=30_000
        )
        low = "(all) => all.map((one) => one.getBoundingClientRect()).filter(({ height }) => height && height < 40)"
        beyond = (
            "() => { const box = document.querySelector('#matrix .scroll'); return box.scrollWidth - box.clientWidth; }"
        )
        for screen in ("compare", "step"):
            view.page.click(f"[data-screen={screen}]")
            view.settle()
            assert view.page.eval_on_selector_all(":is(button, select, input):not([type=range])", low) == []
        view.page.click("[data-screen=compare]")
        for width in (820, 390):
            view.page.set_viewport_size({"width": width, "height": 800})
            view.settle()
            assert view.page.evaluate(beyond) <= 0, width
        view.untouched()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("world", WORLDS)
def test_nothing_is_amiss_on_any_screen(browser: Any, addresses: dict[str, str], world: str, width: int) -> None:
    with viewed(browser, width, "light" if width in (1340, 320) else "dark") as view:
        view.open(addresses[world])
        tabs = view.page.locator("#screens button:visible")
        assert tabs.count() >= 4
        for tab in tabs.all():
            tab.click()
            view.found()
            name = tab.get_attribute("data-screen")
            assert tab.get_attribute("aria-current") == "page", name
            assert view.page.locator("#screens [aria-current]").count() == 1
            faultless(view)
            view.page.screenshot(path=screenshots() / f"{world}-{name}-{width}.png", full_page=True)


@pytest.mark.parametrize("width", [1340, 320])
def test_nothing_is_amiss_in_the_list_of_keys(browser: Any, addresses: dict[str, str], width: int) -> None:
    with viewed(browser, width) as view:
        view.open(addresses["tutorial"])
        view.keys("?")
        assert view.page.is_visible("dialog[open]")
        faultless(view)
        view.keys("Escape")
        assert not view.page.is_visible("dialog[open]")


def test_axe_finds_what_is_amiss(browser: Any, addresses: dict[str, str]) -> None:
    """A check that finds nothing must be able to find something, in spite of the page's own policy."""
    with viewed(browser) as view:
        view.open(addresses["tutorial"])
        view.page.evaluate("() => document.getElementById('help').replaceChildren()")
        view.page.evaluate("() => { document.getElementById('limit').style.width = '3000px'; }")
        view.page.evaluate("() => { document.getElementById('limit').style.maxWidth = 'none'; }")
        assert any(found.startswith("button-name") for found in view.violations())
        assert view.overflow() > 1000
