"""Headless Chromium, and pages that remember whatever a page must never do."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A web process answers its first requests slowly on a busy machine; five seconds, the default, say nothing of the page.
expect.set_options(timeout=20_000)
PHONE, DESKTOP = (390, 844), (1280, 900)


@dataclass
class Reader:
    """Somebody at a screen. `faults` collects requests that left the site (but to the hosts `beside` it), and errors on
    the console (a violation of the content security policy is one)."""

    page: Page
    site: str
    beside: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self.note_request)
        self.page.on("console", self.note_console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def note_request(self, request: Request) -> None:
        ours = {urlsplit(self.site).netloc, *self.beside}
        if urlsplit(request.url).netloc not in ours and not request.url.startswith("data:"):
            self.faults.append(f"left the site: {request.url}")

    def note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def go(self, path: str) -> None:
        self.page.goto(self.site + path)

    def log_in(self, username: str, password: str) -> None:
        self.go("/login")
        self.page.fill("[name=login]", username)
        self.page.fill("[name=password]", password)
        self.page.click("main button")

    def fits(self) -> bool:
        """Whether nothing has to be scrolled sideways."""
        return self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def reader_at(browser: Browser) -> Iterator[Callable[..., Reader]]:
    """`reader_at(site, size)`: a fresh browser profile; the test fails if any page of it misbehaved."""
    readers: list[Reader] = []

    def open_page(site: str, size: tuple[int, int] = DESKTOP) -> Reader:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        readers.append(Reader(context.new_page(), site))
        return readers[-1]

    yield open_page
    for reader in readers:
        reader.page.context.close()
    assert [fault for reader in readers for fault in reader.faults] == []
