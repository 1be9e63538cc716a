#!/usr/bin/env python3
"""Takes a screenshot of a page in Chromium: PYTHONPATH=tests scripts/screenshot.py PAGE PICTURE."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from helpers.browser import browser, set_colours

WIDTH, HEIGHT = 1000, 1100


def main() -> None:
    page, picture = (Path(argument).resolve() for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile), WIDTH, HEIGHT) as driver:
        set_colours(driver, "light")
        driver.get(page.as_uri())
        if not driver.save_screenshot(str(picture)):
            sys.exit(f"{picture}: cannot be written")


main()
