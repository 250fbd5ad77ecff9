"""What does a person fill in and follow in a real browser, from a form of Prefect to a model in MLflow and back?"""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from deployments.password import password
from deployments.up import addresses
from flows.collect import collect
from tasks.data.validation import BatchPolicy
from tasks.settings import Settings

pytestmark = pytest.mark.servers

AS_OF = datetime(2024, 2, 20, tzinfo=UTC)
USECASE = "booth"
REASON = "a new channel"
PATIENCE = 60
RUN_PATIENCE = 240
T = TypeVar("T")


class Visitor:
    """A person at a browser, who waits until what is looked for is there."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def visit(self, url: str) -> None:
        # A change behind the # alone would not load the page anew.
        self.driver.get("about:blank")
        self.driver.get(url)

    def sign_in(self, system: Settings) -> None:
        self.visit(f"{system.prefect_url}/login")
        self.wait(lambda driver: driver.find_element(By.CSS_SELECTOR, "input[type=password]")).send_keys(
            password(system) or ""
        )
        self.click(By.CSS_SELECTOR, "button[type=submit]")
        self.wait(lambda driver: "/login" not in driver.current_url)

    def wait(self, condition: Callable[[webdriver.Chrome], T]) -> T:
        return WebDriverWait(self.driver, PATIENCE, ignored_exceptions=[Exception]).until(condition)

    def shows(self, *texts: str) -> bool:
        return bool(self.wait(lambda driver: all(text in self.text() for text in texts)))

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def click(self, by: str, what: str) -> None:
        self.wait(lambda driver: driver.find_element(by, what)).click()

    def follow(self, title: str) -> None:
        """Click a link, and go on in the tab that it opens."""
        link = self.wait(lambda driver: driver.find_element(By.LINK_TEXT, title))
        tabs = set(self.driver.window_handles)
        link.click()
        time.sleep(1)
        new = set(self.driver.window_handles) - tabs
        self.driver.switch_to.window((new or {self.driver.current_window_handle}).pop())

    def field(self, label: str, tag: str) -> WebElement:
        """The control below a label of Prefect's form."""
        near = f"//label[starts-with(normalize-space(), '{label}')]/ancestor::*[.//{tag}][1]//{tag}"
        return self.wait(lambda driver: driver.find_element(By.XPATH, near))

    def fill_in(self, date: str, reason: str) -> None:
        """Fill in the form of a retrain once its defaults are there, and submit it."""
        self.wait(lambda driver: self.value("reason", "textarea") == "asked for by hand")
        self.field("reason", "textarea").clear()
        self.field("reason", "textarea").send_keys(reason)
        self.field("as_of", "input").send_keys(date)
        self.wait(lambda driver: self.value("reason", "textarea") == reason)
        self.click(By.CSS_SELECTOR, "button[type=submit]")
        self.wait(lambda driver: not driver.current_url.endswith("/run"))

    def value(self, label: str, tag: str) -> str | None:
        return self.field(label, tag).get_attribute("value")

    def open_verdict(self, system: Settings) -> None:
        """Open the newest verdict about the use case among Prefect's artifacts."""
        self.visit(f"{system.prefect_url}/artifacts/key/{USECASE}-verdict")
        self.click(By.CSS_SELECTOR, "a[href*='/artifacts/artifact/']")


@pytest.fixture(scope="module")
def visitor(system: Settings) -> Iterator[Visitor]:
    """A person at a headless chromium, who has given Prefect's password."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium, which apt-get installs"
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1500,1400"):
        options.add_argument(word)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    visitor = Visitor(driver)
    visitor.sign_in(system)
    yield visitor
    driver.quit()


@pytest.fixture(scope="module")
def run(system: Settings, visitor: Visitor) -> FlowRun:
    """The retrain that a person has asked for in Prefect's form, once it has ended."""
    collect(USECASE, AS_OF, batch=BatchPolicy(max_bad_share=0.1, min_volume_share=0.3))
    visitor.visit(f"{system.prefect_url}/deployments")
    visitor.wait(lambda driver: driver.find_element(By.CSS_SELECTOR, "input")).send_keys(f"{USECASE}-retrain")
    visitor.follow(f"{USECASE}-retrain")
    visitor.wait(lambda driver: "/deployments/deployment/" in driver.current_url)
    visitor.visit(f"{visitor.driver.current_url.partition('?')[0]}/run")
    visitor.fill_in(f"{AS_OF:%m%d%Y}", REASON)
    return ended(REASON)


def ended(reason: str) -> FlowRun:
    """Wait until the run with that reason has ended, and return it."""
    end = time.monotonic() + RUN_PATIENCE
    runs: list[FlowRun] = []
    with get_client(sync_client=True) as client:
        while time.monotonic() < end:
            runs = [run_row for run_row in client.read_flow_runs() if run_row.parameters.get("reason") == reason]
            if runs and runs[0].state is not None and runs[0].state.is_final():
                return runs[0]
            time.sleep(1)
    raise AssertionError(f"expected a run that has ended within {RUN_PATIENCE} s, found {runs}")


def test_the_address_of_every_day_lists_the_five_flows_of_each_problem_and_no_other(
    system: Settings, visitor: Visitor
) -> None:
    (url,) = [line.split()[-1] for line in addresses(system).splitlines() if "Every day" in line]

    visitor.visit(url)

    assert visitor.shows(*(f"flights-{flow}" for flow in ("collect", "score", "monitor", "retrain", "status")))
    assert "flights-drill" not in visitor.text()


def test_the_form_starts_a_retrain_with_the_reason_and_the_moment_that_were_filled_in(run: FlowRun) -> None:
    assert run.state is not None
    assert run.state.name == "Completed"
    assert datetime.fromisoformat(run.parameters["as_of"]) == AS_OF


def test_links_lead_from_the_verdict_to_the_run_its_version_its_card_and_back(
    run: FlowRun, system: Settings, visitor: Visitor
) -> None:
    visitor.open_verdict(system)
    assert visitor.shows("promoted", f"Reason for the retrain: {REASON}")

    visitor.follow("Run in MLflow")
    assert visitor.shows("2024-02-20 promoted v1: roc_auc 0.", "no champion before")

    visitor.follow("Version 1")
    assert visitor.shows("Version 1", "champion", "booth: Will this visitor buy?")

    visitor.follow("Flow run in Prefect")
    assert visitor.shows(run.name, "booth-retrain")

    visitor.open_verdict(system)
    visitor.follow("Model card")
    assert visitor.shows("card.md", "Intended use and limits")


def test_the_list_of_retrains_shows_verdict_and_score_without_a_click(
    run: FlowRun, system: Settings, visitor: Visitor
) -> None:
    visitor.open_verdict(system)
    visitor.follow("All retrains")

    assert visitor.shows("2024-02-20 promoted v1: roc_auc 0.", "evergreen.verdict", "score", "promoted")
