"""Does an event reach a person, once? Against the real server and a local receiver."""

import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.states import Running

from deployments.alerts import NoSuchBlock, alerts
from deployments.automations import ensure, everything, main, named, remove
from deployments.sweep import sweep
from tasks import events
from tasks.settings import Settings

pytestmark = pytest.mark.servers

PATIENCE = 60


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)
    assert condition()


@pytest.fixture(scope="module")
def received() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a receiver, and what it was sent."""
    sent: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/alerts", sent
    server.shutdown()


@pytest.fixture(scope="module")
def inbox(system: Settings, received: tuple[str, list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """What arrives while alerts go to the receiver through a block of Prefect's."""
    address, sent = received
    block = CustomWebhookNotificationBlock(
        name="receiver", url=address, json_data={"subject": "{{subject}}", "text": "{{body}}"}
    )
    block.save("receiver", overwrite=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_ALERT_BLOCK", "custom-webhook/receiver")
        main()
        time.sleep(3)  # the server reads new automations a moment later
        yield sent
        patch.delenv("EVERGREEN_ALERT_BLOCK")
        main()


def texts(inbox: list[dict[str, Any]], part: str) -> list[str]:
    return [mail["text"] for mail in inbox if part in mail["text"]]


def test_a_fault_reaches_a_person_with_its_reason_and_the_decision(inbox: list[dict[str, Any]]) -> None:
    events.tell("data.fault", "shop", "shop/20240101/fault", 'price: "times ten"')

    wait_until(lambda: texts(inbox, "shop/20240101/fault"))

    assert texts(inbox, "shop/20240101/fault") == ['data.fault shop: price: "times ten" (shop/20240101/fault)']
    assert inbox[0]["subject"] == "Evergreen decisions"


def test_a_decision_that_is_told_again_is_alerted_once_and_another_one_too(inbox: list[dict[str, Any]]) -> None:
    events.tell("model.refused", "shop", "shop/1/refused", "worse")
    events.tell("model.refused", "shop", "shop/1/refused", "worse")
    time.sleep(2)
    events.tell("model.refused", "shop", "shop/1/refused", "worse")
    events.tell("model.refused", "shop", "shop/2/refused", "worse again")

    wait_until(lambda: texts(inbox, "shop/2/refused"))

    assert len(texts(inbox, "shop/1/refused")) == 1


def test_a_run_whose_process_is_gone_is_crashed_by_the_sweep_and_told(
    inbox: list[dict[str, Any]], system: Settings
) -> None:
    run = left_running()

    swept = sweep(system)

    with get_client(sync_client=True) as client:
        result = client.read_flow_run(run)
    assert run in swept
    assert result.state is not None
    assert result.state.type == StateType.CRASHED
    wait_until(lambda: texts(inbox, f"prefect.flow-run.Crashed {result.name}"))


def left_running() -> UUID:
    """Return a run that is said to run, and that no process executes; the worker is not given it."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("score/weather-score")
        run = client.create_flow_run_from_deployment(deployment.id, state=Running())
    return run.id


def test_the_automations_are_created_once_and_keep_the_switch_that_a_person_has_set(
    inbox: list[dict[str, Any]],
) -> None:
    with get_client(sync_client=True) as client:
        before = sorted((automation.name, str(automation.id)) for automation in everything(client))
        [silent] = named(client, "alert: failed actions")
        client.pause_automation(silent.id)

        main()

        [still] = named(client, "alert: failed actions")
        client.resume_automation(silent.id)
        assert sorted((automation.name, str(automation.id)) for automation in everything(client)) == before
    assert (still.id, still.enabled) == (silent.id, False)


def test_an_automation_that_was_declared_otherwise_is_brought_up_to_date(inbox: list[dict[str, Any]]) -> None:
    with get_client(sync_client=True) as client:
        [wanted, *_] = alerts(client, "custom-webhook/receiver")
        ensure(client, wanted.model_copy(update={"name": "alert: test", "description": "old"}))
        ensure(client, wanted.model_copy(update={"name": "alert: test", "description": "new"}))

        assert [automation.description for automation in named(client, "alert: test")] == ["new"]
        remove(client, "alert: test")
        assert named(client, "alert: test") == []


def test_a_block_that_is_not_there_is_refused_by_name(system: Settings) -> None:
    with get_client(sync_client=True) as client, pytest.raises(NoSuchBlock, match="slack-webhook/nobody"):
        alerts(client, "slack-webhook/nobody")


def test_without_a_block_nobody_is_told() -> None:
    assert alerts(None, "") == []  # type: ignore[arg-type]
