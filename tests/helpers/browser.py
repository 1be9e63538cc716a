"""Chromium without a screen, for checks of a page that need a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

# As root it has no sandbox of its own; and it must not use the network.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def tool(name: str) -> str:
    """The path of a program of Debian's packages chromium and chromium-driver."""
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(f"{name} is not installed (Debian packages chromium and chromium-driver)")
    return path


@contextmanager
def browser(profile: Path, width: int = 1100, height: int = 1000) -> Iterator[webdriver.Chrome]:
    """A browser of its own, with a new profile in the folder `profile`, that keeps what pages log."""
    options = webdriver.ChromeOptions()
    options.binary_location = tool("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    service = Service(tool("chromedriver"), log_output=os.devnull)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_page_load_timeout(120)
        yield driver
    finally:
        driver.quit()


def set_colours(driver: webdriver.Chrome, scheme: str) -> None:
    """Sets the colour scheme that the user prefers: light or dark."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
