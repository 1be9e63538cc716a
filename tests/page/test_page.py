"""The page of `redelta inspect --html` in Chromium: its content is read back, and it is used with the keyboard.

The delta has a hundred thousand commands. They are made here, so they are known.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from helpers.browser import browser, set_colours
from helpers.tool import Tool
from helpers.wire import Command, Copy, Literal, digest_of, encode_delta

COMMANDS = 100_000
HOSTILE = "</script><img src=x onerror=alert(1)>"


def alternating(count: int) -> list[Command]:
    """Copies and literals in turns; no copy continues the one before, so each is a piece."""
    chance = random.Random(1)
    commands: list[Command] = []
    end = 0
    for _ in range(count // 2):
        offset = end + chance.randint(1, 300) if chance.random() < 0.9 else chance.randint(0, end)
        commands.append(Copy(offset, chance.randint(100, 5000)))
        commands.append(Literal(chance.randbytes(chance.choice((1, 5, 60, 300)))))
        end = offset + commands[-2].length if isinstance(commands[-2], Copy) else 0
    return commands


@dataclass(frozen=True)
class Shown:
    """A page in a browser, and its delta."""

    driver: webdriver.Chrome
    commands: list[Command]
    delta: bytes

    def text(self, name: str) -> str:
        return self.driver.find_element(By.ID, name).text

    def map(self) -> WebElement:
        return self.driver.find_element(By.ID, "map")

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def click(self, name: str) -> None:
        self.driver.find_element(By.ID, name).click()

    def rows(self, table: str) -> list[list[str]]:
        """All cells of a table, except its head."""
        script = """return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map(
            (row) => [...row.cells].map((cell) => cell.innerText.trim()))"""
        rows: list[list[str]] = self.driver.execute_script(script, table)
        return rows

    def colour(self) -> str:
        found: str = self.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        return found

    def pixels(self) -> dict[str, int]:
        """How often each colour is on the canvas, as #rrggbb."""
        script = """
            const canvas = document.getElementById('canvas');
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            const found = {};
            for (let i = 0; i < data.length; i += 4) {
                const colour = '#' + [0, 1, 2].map((j) => data[i + j].toString(16).padStart(2, '0')).join('');
                found[colour] = (found[colour] ?? 0) + 1;
            }
            return found"""
        found: dict[str, int] = self.driver.execute_script(script)
        return found

    def variable(self, name: str) -> str:
        script = "return getComputedStyle(document.documentElement).getPropertyValue(arguments[0]).trim()"
        found: str = self.driver.execute_script(script, f"--{name}")
        return found


def size_of(command: Command) -> int:
    return len(command.data) if isinstance(command, Literal) else command.length


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with browser(tmp_path_factory.mktemp("profile")) as made:
        yield made


def show(driver: webdriver.Chrome, redelta: Tool, path: Path, commands: list[Command], delta: bytes) -> Shown:
    path.write_bytes(delta)
    page = path.parent / "page.html"
    redelta.run("inspect", "-f", "--html", page, path).done()
    set_colours(driver, "light")
    driver.get(page.as_uri())
    return Shown(driver, commands, delta)


@pytest.fixture
def shown(driver: webdriver.Chrome, redelta: Tool, tmp_path: Path) -> Iterator[Shown]:
    commands = alternating(COMMANDS)
    yield show(driver, redelta, tmp_path / "large.delta", commands, encode_delta(commands))
    assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_numbers_of_a_hundred_thousand_commands_are_read_back(shown: Shown) -> None:
    new_size = sum(map(size_of, shown.commands))
    literal = sum(len(each.data) for each in shown.commands if isinstance(each, Literal))
    copied = new_size - literal
    end = max(each.offset + each.length for each in shown.commands if isinstance(each, Copy))
    assert shown.driver.title.endswith("/large.delta: a delta")
    assert f"{len(shown.delta):,} bytes are sent" in shown.text("summary")
    assert shown.text("delta-bytes") == f"{len(shown.delta):,} bytes"
    assert shown.text("new-bytes") == f"{new_size:,} bytes"
    assert shown.text("basis-bytes") == f"at least {end:,} bytes"
    assert shown.text("copied") == f"{copied:,} bytes, {100 * copied / new_size:.2f} %, in {COMMANDS // 2:,} pieces"
    assert shown.text("literal") == f"{literal:,} bytes, {100 * literal / new_size:.2f} %, in {COMMANDS // 2:,} pieces"
    assert shown.text("commands").startswith(f"{COMMANDS:,}, ")
    assert shown.text("digest").startswith("none")
    lengths = shown.rows("lengths")
    counts = [[int(cell.replace(",", "")) for cell in row[1:]] for row in lengths]
    assert [sum(column) for column in zip(*counts, strict=True)] == [COMMANDS // 2, literal, COMMANDS // 2, copied]
    largest = max(size_of(each) for each in shown.commands)
    assert shown.rows("largest-copies")[0][1] == f"{largest:,}"


def row_of(commands: list[Command], number: int) -> list[str]:
    at = sum(map(size_of, commands[:number]))
    command = commands[number]
    basis = f"{command.offset:,}" if isinstance(command, Copy) else ""
    kind = "copy" if isinstance(command, Copy) else "literal"
    return [f"{number + 1:,}", kind, f"{at:,}", f"{size_of(command):,}", basis]


def test_keys_lead_through_the_map_and_the_table_follows(shown: Shown) -> None:
    shown.press(Keys.TAB)
    assert shown.driver.switch_to.active_element == shown.map(), "the map is the first thing that takes keys"
    assert shown.map().aria_role == "slider"
    place = 0
    for keys, moved_to in (
        ([Keys.ARROW_RIGHT], 1),
        ([Keys.ARROW_UP] * 3, 4),
        ([Keys.ARROW_LEFT], 3),
        ([Keys.ARROW_DOWN], 2),
        ([Keys.PAGE_UP] * 5, 2 + 5 * (COMMANDS // 50)),
        ([Keys.PAGE_DOWN], 2 + 4 * (COMMANDS // 50)),
        ([Keys.END], COMMANDS - 1),
        ([Keys.ARROW_RIGHT], COMMANDS - 1),
        ([Keys.HOME], 0),
        ([Keys.ARROW_LEFT], 0),
    ):
        shown.press(*keys)
        place = moved_to
        number, kind, at, size, basis = row_of(shown.commands, place)
        assert shown.map().get_attribute("aria-valuenow") == str(place + 1)
        said = shown.map().get_attribute("aria-valuetext") or ""
        assert said == shown.text("here")
        assert said.startswith(f"{number} of {COMMANDS:,}: {kind}, {size} byte")
        assert f" at byte {at} of the new file" in said
        assert said.endswith(f"from byte {basis} of the basis" if basis else "of the new file")
        current = shown.driver.find_element(By.CSS_SELECTOR, "#pieces tr[aria-current]").text
        assert current.split() == [cell for cell in (number, kind, at, size, basis) if cell]


def test_every_row_of_the_table_can_be_reached(shown: Shown) -> None:
    assert shown.rows("pieces") == [row_of(shown.commands, number) for number in range(25)]
    shown.click("rows-next")
    assert shown.rows("pieces") == [row_of(shown.commands, number) for number in range(25, 50)]
    shown.click("rows-last")
    assert shown.rows("pieces")[-1] == row_of(shown.commands, COMMANDS - 1)
    shown.click("rows-previous")
    shown.click("rows-first")
    assert shown.text("pieces-caption") == f"1 to 25 of {COMMANDS:,}"


def test_zoom_goes_in_and_out(shown: Shown) -> None:
    new_size = sum(map(size_of, shown.commands))
    assert (shown.text("view-from"), shown.text("view-to")) == ("0", f"{new_size:,}")
    shown.press(Keys.TAB, Keys.END)
    shown.press("++++++++++")
    width = int(shown.text("view-to").replace(",", "")) - int(shown.text("view-from").replace(",", ""))
    assert abs(width - new_size / 1024) <= 2
    assert shown.text("view-to") == f"{new_size:,}"
    shown.press("-----")
    wider = int(shown.text("view-to").replace(",", "")) - int(shown.text("view-from").replace(",", ""))
    assert abs(wider - new_size / 32) <= 2
    shown.press("0")
    assert (shown.text("view-from"), shown.text("view-to")) == ("0", f"{new_size:,}")


def test_buttons_go_to_literals_and_to_the_largest(shown: Shown) -> None:
    shown.click("literal-next")
    assert ": literal, " in shown.text("here")
    assert shown.text("here").startswith("2 of ")
    shown.click("literal-next")
    assert shown.text("here").startswith("4 of ")
    shown.click("literal-previous")
    assert shown.text("here").startswith("2 of ")
    row = shown.rows("largest-copies")[0]
    shown.driver.find_element(By.CSS_SELECTOR, "#largest-copies button").click()
    assert f"copy, {row[1]} bytes at byte {row[0]} of the new file, from byte {row[2]} of" in shown.text("here")
    assert shown.driver.switch_to.active_element == shown.map()


def test_pointer_shows_what_is_under_it(shown: Shown) -> None:
    webdriver.ActionChains(shown.driver).move_to_element(shown.map()).perform()
    new_size = sum(map(size_of, shown.commands))
    found = re.search(r"at byte ([\d,]+) of", shown.text("here"))
    assert found is not None
    assert abs(int(found[1].replace(",", "")) / new_size - 0.5) < 0.01


def luminance(colour: str) -> float:
    """WCAG's relative luminance, of #rrggbb or rgb(r, g, b)."""
    numbers = (
        [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        if colour.startswith("#")
        else [int(each) for each in re.findall(r"\d+", colour)[:3]]
    )
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (n / 255 for n in numbers)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_readable_in_light_and_dark(shown: Shown, scheme: str) -> None:
    set_colours(shown.driver, scheme)
    page = shown.colour()
    assert (luminance(page) > 0.5) == (scheme == "light")
    for name in ("text", "faint", "copied", "literal"):
        assert contrast(shown.variable(name), page) >= 4.5, name
        assert contrast(shown.variable(name), shown.variable("ground")) >= 4.5, name
    drawn = shown.pixels()
    for name in ("ground", "copied", "literal"):
        assert drawn.get(shown.variable(name), 0) > 50, f"{name} is not on the map"


def test_all_controls_have_names_and_headings_are_in_order(shown: Shown) -> None:
    for each in shown.driver.find_elements(By.CSS_SELECTOR, "button, [tabindex], table"):
        assert each.accessible_name or each.get_attribute("id") == "numbers", each.get_attribute("outerHTML")
    headings = shown.driver.find_elements(By.CSS_SELECTOR, "h1, h2, h3")
    assert [each.tag_name for each in headings] == ["h1"] + ["h2"] * (len(headings) - 1)
    assert shown.driver.execute_script("return document.documentElement.lang") == "en"


def test_page_fits_a_narrow_window(shown: Shown) -> None:
    metrics = {"width": 400, "height": 800, "deviceScaleFactor": 2, "mobile": False}
    shown.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    map_width = shown.map().rect["width"]
    shown.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert 250 < map_width <= 400


def test_page_asks_for_nothing_from_outside(shown: Shown) -> None:
    asked = shown.driver.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert asked == []


@pytest.mark.parametrize(
    ("commands", "new"),
    [([], b""), ([Literal(b"x")], b"x"), ([Copy(0, 1 << 60), Copy(5, 1)], None)],
)
def test_small_and_vast_deltas_are_shown(
    driver: webdriver.Chrome, redelta: Tool, tmp_path: Path, commands: list[Command], new: bytes | None
) -> None:
    shown = show(driver, redelta, tmp_path / "small.delta", commands, encode_delta(commands, new))
    assert len(shown.rows("pieces")) == len(commands)
    shown.press(Keys.TAB)
    shown.press(Keys.ARROW_RIGHT, Keys.END, "+", "-", "0", Keys.PAGE_UP)
    if new is not None:
        assert shown.text("digest") == digest_of(new).hex()
    assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_a_basis_that_is_known_is_shown(driver: webdriver.Chrome, redelta: Tool, tmp_path: Path) -> None:
    basis = b"the old file"
    delta = encode_delta([Copy(0, 3)], basis[:3], basis)
    shown = show(driver, redelta, tmp_path / "small.delta", [Copy(0, 3)], delta)
    assert (shown.text("basis-bytes"), shown.text("basis-digest")) == ("12 bytes", digest_of(basis).hex())
    bare = show(driver, redelta, tmp_path / "bare.delta", [Copy(0, 3)], encode_delta([Copy(0, 3)]))
    assert bare.text("basis-bytes") == "at least 3 bytes"


def test_hostile_name_is_only_shown(driver: webdriver.Chrome, redelta: Tool, tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE[: HOSTILE.index("/")]
    folder.mkdir()
    path = folder / HOSTILE[HOSTILE.index("/") + 1 :]
    shown = show(driver, redelta, path, [Literal(b"x")], encode_delta([Literal(b"x")]))
    assert shown.text("name").endswith(HOSTILE)
    assert driver.find_elements(By.TAG_NAME, "img") == []
    assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]
