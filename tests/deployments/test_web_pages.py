"""Can a page that the user happens to visit read, create or run anything?"""

import html
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.password import password
from deployments.processes import Server, servers
from tasks.settings import Settings

pytestmark = pytest.mark.servers

PAGE = (Path(__file__).parent / "hostile" / "page.html").read_text()
NAME = "hostile"
ADDRESSES_READ = {
    "prefect": "/",
    "mlflow": "/ajax-api/2.0/mlflow/experiments/search?max_results=1",
    "evidently": "/api/projects",
    "reports": "/",
}
Loot = dict[str, str]


class Elsewhere(BaseHTTPRequestHandler):
    """Another site: it serves the hostile page, keeps what is posted to it, and lets every page read and write."""

    page = ""
    posted: list[bytes] = []

    def do_GET(self) -> None:
        self._answer(self.page.encode() if self.path == "/page" else b'{"open": true}')

    def do_POST(self) -> None:
        self.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(b'{"open": true}')

    def do_OPTIONS(self) -> None:
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that the page's command makes: it is there if the command ran."""
    return tmp_path_factory.mktemp("canary") / "ran"


@pytest.fixture(scope="module")
def elsewhere(system: Settings, canary: Path) -> Iterator[ThreadingHTTPServer]:
    """The other site, up, its page aimed at the running system."""
    site = ThreadingHTTPServer((system.host, 0), Elsewhere)
    addresses = {server.name: f"http://{system.host}:{server.port}" for server in servers(system)}
    addresses["open"] = f"http://{system.host}:{site.server_port}"
    Elsewhere.page = PAGE.replace("ADDRESSES", json.dumps(addresses)).replace("CANARY", str(canary))
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield site
    site.shutdown()


@pytest.fixture(scope="module")
def loot_of(chromium: Callable[[str], str]) -> Callable[[str], Loot]:
    """Opens an address in a browser and returns what the page there got, by what it tried."""

    def opened(address: str) -> Loot:
        written = re.search(r'<pre id="loot">(.*?)</pre>', chromium(address), re.DOTALL)
        assert written is not None, f"no hostile page at {address}"
        return json.loads(html.unescape(written[1]))

    return opened


@pytest.fixture(scope="module")
def stolen(system: Settings, elsewhere: ThreadingHTTPServer, loot_of: Callable[[str], Loot]) -> dict[str, Loot]:
    """What the page got when it was opened from another port of this machine, another site, and as a report."""
    report = system.reports / NAME / "report.html"
    report.parent.mkdir(parents=True)
    report.write_text(Elsewhere.page)
    return {
        "port": loot_of(f"http://{system.host}:{elsewhere.server_port}/page"),
        "site": loot_of(f"http://evil.example:{elsewhere.server_port}/page"),
        "report": loot_of(f"{system.reports_url}/{NAME}/report.html"),
    }


@pytest.fixture(scope="module")
def mine(system: Settings) -> Iterator[httpx.Client]:
    """The owner's client of Prefect's API: it has the password, and the token that the server asks for."""
    user, _, secret = str(password(system)).partition(":")
    unkept = httpx.Limits(max_keepalive_connections=0)  # the server closes a connection that was idle for 5 s
    with httpx.Client(base_url=f"{system.prefect_url}/api", auth=(user, secret), limits=unkept) as client:
        token = client.get("/csrf-token", params={"client": NAME}).json()["token"]
        client.headers.update({"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": NAME})
        yield client


@pytest.mark.parametrize("origin", ["port", "site"])
def test_a_page_of_another_origin_gets_nothing_from_any_server(stolen: dict[str, Loot], origin: str) -> None:
    got = {tried: answer for tried, answer in stolen[origin].items() if not tried.startswith(("open", "report:"))}

    assert set(got.values()) == {"nothing"}
    assert {tried.partition(":")[0] for tried in got} == {"prefect", "mlflow", "evidently", "reports"}


@pytest.mark.parametrize("origin", ["port", "site"])
def test_the_same_page_reads_and_creates_where_nothing_is_protected(stolen: dict[str, Loot], origin: str) -> None:
    assert stolen[origin]["open: read"] == '200 {"open": true}'
    assert stolen[origin]["open: create"] == '200 {"open": true}'
    assert Elsewhere.posted == [b'{"name":"hostile"}'] * 2


def test_script_in_a_report_talks_to_nobody_and_finds_nothing_that_the_browser_keeps(stolen: dict[str, Loot]) -> None:
    assert set(stolen["report"].values()) == {"nothing"}
    assert stolen["port"]["report: what the browser keeps"] == "0 things"


def test_nothing_was_created_in_prefect(stolen: dict[str, Loot], mine: httpx.Client) -> None:
    flows = mine.post("/flows/filter", json={"flows": {"name": {"any_": [NAME]}}})
    deployments = mine.post("/deployments/filter", json={"deployments": {"name": {"any_": [NAME]}}})

    assert (flows.status_code, flows.json()) == (200, [])
    assert (deployments.status_code, deployments.json()) == (200, [])


def test_nothing_was_created_in_mlflow(stolen: dict[str, Loot], system: Settings) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(system.mlflow_url)

    assert client.get_experiment_by_name(NAME) is None
    assert client.search_registered_models(f"name = '{NAME}'") == []
    assert client.search_runs(["0"], "attributes.run_name = 'hostile'") == []


def test_nothing_was_created_in_evidently_or_beside_the_reports(stolen: dict[str, Loot], system: Settings) -> None:
    projects = httpx.get(f"{system.evidently_url}/api/projects").json()

    assert [project for project in projects if project["name"] == NAME] == []
    assert not (system.reports / f"{NAME}.html").exists()


def test_the_owner_can_do_what_the_page_could_not(
    stolen: dict[str, Loot], system: Settings, mine: httpx.Client, canary: Path
) -> None:
    assert not canary.exists()
    flow = mine.post("/flows/", json={"name": NAME}).json()["id"]
    script = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {canary}"}}
    wanted = {"name": NAME, "flow_id": flow, "work_pool_name": "evergreen", "entrypoint": "flows/status.py:status"}
    made = mine.post("/deployments/", json=wanted | {"pull_steps": [script]}).json()["id"]

    started = mine.post(f"/deployments/{made}/create_flow_run", json={})

    wait_for(canary, seconds=60)
    mine.delete(f"/deployments/{made}")
    mine.delete(f"/flows/{flow}")
    assert started.status_code == 201
    project = httpx.post(f"{system.evidently_url}/api/projects", json={"name": NAME})
    assert project.status_code == 201
    assert httpx.delete(f"{system.evidently_url}/api/projects/{project.json()}").is_success


@pytest.mark.parametrize("name", ADDRESSES_READ)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_answers_to_no_other_name(system: Settings, name: str, method: str) -> None:
    own, foreign = server_named(system, name), "rebind.example"
    ask = partial(httpx.request, method, f"http://{system.host}:{own.port}{ADDRESSES_READ[name]}")

    answers = [ask(headers={"Host": host}) for host in (foreign, f"{foreign}:{own.port}", f"{system.host}:1")]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert answers[0].text.startswith("This server is not rebind.example: open it as 127.0.0.1:")


@pytest.mark.parametrize("name", ADDRESSES_READ)
def test_a_server_answers_to_its_own_names(system: Settings, name: str) -> None:
    own = server_named(system, name)
    address = f"http://{system.host}:{own.port}{ADDRESSES_READ[name]}"

    answers = [httpx.get(address, headers={"Host": f"{host}:{own.port}"}) for host in ("127.0.0.1", "localhost")]

    assert [answer.status_code for answer in answers] == [200, 200]


def test_prefect_tells_nothing_without_the_password(system: Settings) -> None:
    asked = [httpx.get(f"{system.prefect_url}/api/{path}") for path in ("admin/version", "work_pools/evergreen")]

    assert [answer.status_code for answer in asked] == [401, 401]


def test_prefect_takes_no_change_without_its_token_even_with_the_password(system: Settings) -> None:
    user, _, secret = str(password(system)).partition(":")

    refused = httpx.post(f"{system.prefect_url}/api/flows/", json={"name": NAME}, auth=(user, secret))

    assert (refused.status_code, refused.json()) == (403, {"detail": "Missing CSRF token."})


def test_the_home_page_links_to_every_server_and_lists_no_folder(system: Settings, stolen: dict[str, Loot]) -> None:
    home = httpx.get(system.reports_url).text

    assert re.findall(r'class="card" href="(http://[^/"]+)', home) == [
        system.prefect_url,
        system.mlflow_url,
        system.evidently_url,
    ]
    assert f'href="/{NAME}/report.html"' in home
    assert httpx.get(f"{system.reports_url}/{NAME}/").status_code == 404


def test_all_that_the_system_wrote_is_its_owners_alone(system: Settings, stolen: dict[str, Loot]) -> None:
    listed = subprocess.run(
        ["find", str(system.state), "-perm", "/077", "-not", "-type", "l"], capture_output=True, text=True, check=True
    )

    assert listed.stdout.splitlines() == []


def server_named(settings: Settings, name: str) -> Server:
    return next(server for server in servers(settings) if server.name == name)


def wait_for(file: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert file.exists()
