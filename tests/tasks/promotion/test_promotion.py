"""A promotion is one act: cut off anywhere, and raced by another, what is found afterwards is whole."""

import random
from datetime import UTC, datetime

import pytest
from mlflow import MlflowClient

from tasks.data import ledger
from tasks.gates import Verdict
from tasks.promotion.promotion import nothing_to_train, promote, refuse, settle
from tasks.registry import models
from tasks.registry.models import champion
from tasks.registry.tracking import verdict_of

NOW = datetime(2024, 1, 10, tzinfo=UTC)
PASSED = (Verdict(gate="better_than_baseline", number=0.25, limit=0.125, reason=None),)
REFUSED = (Verdict(gate="better_than_champion", number=None, limit=0.1, reason="roc_auc cannot be computed"),)
STEPS = {
    "profile": "tasks.registry.tracking.log_profile",
    "version": "tasks.registry.models.register",
    "card": "tasks.registry.models.describe",
    "row": "tasks.data.ledger.record_unless",
    "alias": "tasks.registry.models.make_champion",
    "artifact": "tasks.artifacts.show_markdown",
    "run": "tasks.registry.tracking.conclude",
}

PROMOTE = """
import prefect.artifacts
import prefect.events
prefect.artifacts.create_markdown_artifact = lambda **told: None
prefect.events.emit_event = lambda **event: None
from tasks.promotion.promotion import promote
from tasks.promotion.training_run import Trained
from tasks.registry.tracking import Request

ready.set()
while not os.path.exists("go"):
    pass
promote.fn(Request.model_validate_json({request!r}), Trained.model_validate_json({trained!r}), ())
"""


class KilledError(BaseException):
    """Stands for the end of a process."""


def whole(live):
    """Say whether ledger, alias, tags, profile and run agree on the live version, or on none."""
    moves = ledger.moves(ledger.decisions("stall"))
    shown = champion("stall")
    if shown is None:
        return live is None and moves == []
    _, _, artifact = shown.profile.partition(f"runs:/{shown.run_id}/")
    return (
        moves[-1].facts["version"] == shown.version == live
        and moves[-1].facts["run_id"] == shown.run_id
        and artifact in [artifact_row.path for artifact_row in MlflowClient().list_artifacts(shown.run_id)]
        and verdict_of(shown.run_id) == "promoted"
    )


def dying(monkeypatch, step, after):
    """Let the process end just before or after a step of the act."""
    module, _, name = STEPS[step].rpartition(".")
    true = getattr(__import__(module, fromlist=[name]), name)

    def fatal(*given, **named):
        [true(*given, **named) for _ in range(after)]
        raise KilledError

    monkeypatch.setattr(STEPS[step], fatal)


@pytest.mark.slow
def test_a_promotion_moves_ledger_alias_tags_profile_and_run_together(challenger, shown):
    request, trained = challenger(3)

    answer = promote.fn(request, trained, PASSED)

    assert answer == "promoted: version 1: roc_auc 0.7500 against 0.5000 for the trivial baseline (n = 40); " \
                   "no champion before"  # fmt: skip
    assert whole("1")
    assert [artifact["key"] for artifact in shown] == ["stall-verdict", "stall-model-card"]
    assert "| better_than_baseline | 0.2500 | 0.1250 | passed |" in shown[0]["markdown"]


@pytest.mark.slow
def test_the_card_is_the_version_s_description_an_artifact_of_the_run_and_one_of_the_flow_run(challenger, shown):
    import mlflow

    request, trained = challenger(3)
    promote.fn(request, trained, PASSED)

    described = MlflowClient().get_model_version("stall", "1").description
    assert described == shown[-1]["markdown"] == mlflow.artifacts.load_text(f"runs:/{trained.run_id}/card.md")
    assert ", numpy==" in described


@pytest.mark.slow
def test_the_run_is_named_by_what_came_of_it_and_all_three_pages_link_to_the_version(challenger, shown):
    request, trained = challenger(3)

    promote.fn(request, trained, PASSED)

    run = MlflowClient().get_run(trained.run_id)
    link = "/#/models/stall/versions/1)"
    pages = (run.data.tags["mlflow.note.content"], *(artifact["markdown"] for artifact in shown))
    assert run.info.run_name == "2024-01-04 promoted v1: roc_auc 0.7500, no champion before"
    assert ["[Version 1](http" in page and link in page for page in pages] == [True] * 3


@pytest.mark.slow
def test_the_profile_tells_the_rows_that_the_model_learned_from(challenger, shown):
    import mlflow

    promote.fn(*challenger(3), PASSED)

    profile = mlflow.artifacts.load_dict(champion("stall").profile)
    # sold since the first day and told by the third: nine, of which every second in the store
    assert profile["rows"] == 9
    assert profile["columns"]["channel"]["levels"] == {"store": 5 / 9, "web": 4 / 9}


@pytest.mark.slow
def test_the_run_says_what_its_alarm_s_limits_rest_on(challenger, shown):
    promote.fn(*challenger(3), PASSED)

    run = MlflowClient().get_run(champion("stall").run_id).data
    # nine labelled rows are one block and no windows: variation is assumed, and no statistic has rows enough
    assert (run.metrics["limits/fallback"], run.metrics["limits/false alarms a year"]) == (1.0, 1.0)
    assert (run.metrics["limits/reference rows"], run.metrics["limits/reference blocks"]) == (9.0, 1.0)
    assert run.metrics["limits/statistics"] == 0.0
    assert run.tags["evergreen.limits"].startswith("too little reference: 8 windows of 7 days")


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_promotion_that_dies_at_a_step_is_whole_after_the_next_run_and_after_a_rerun(
    challenger, shown, monkeypatch, step, after
):
    promote.fn(*challenger(3), PASSED)
    second = challenger(5, over="1")
    with monkeypatch.context() as patch:
        dying(patch, step, after)
        with pytest.raises(KilledError):
            promote.fn(*second, PASSED)

    settle.fn("stall", NOW)
    is_made = step in ("alias", "artifact", "run") or (step == "row" and after)
    assert whole("2" if is_made else "1")

    assert promote.fn(*second, PASSED).startswith("promoted: version 2")
    assert whole("2")
    assert len(ledger.moves(ledger.decisions("stall"))) == 2


@pytest.mark.slow
def test_a_promotion_that_is_killed_at_random_moments_is_whole_after_a_rerun(challenger, shown, killed, tmp_path):
    moments = random.Random(2013)
    (tmp_path / "go").touch()
    days = {3: None, 4: "1", 5: "2", 6: "3"}

    for number, (day, over) in enumerate(days.items(), start=1):
        request, trained = challenger(day, over)
        program = PROMOTE.format(request=request.model_dump_json(), trained=trained.model_dump_json())
        killed(program, moments.uniform(0, 0.1))
        settle.fn("stall", NOW)
        assert whole(str(number)) or whole(over)
        promote.fn(request, trained, PASSED)
        assert whole(str(number))


@pytest.mark.slow
def test_of_two_challengers_of_one_champion_the_second_is_refused_and_leaves_no_version(challenger, shown):
    promote.fn(*challenger(3), PASSED)
    second, third = challenger(5, over="1"), challenger(6, over="1")
    promote.fn(*second, PASSED)

    answer = promote.fn(*third, PASSED)

    assert answer == (
        "refused: the evidence compares with champion version 1, but version 2 is live now: the champion "
        "changed meanwhile. Run the retrain again to compare with that one"
    )
    assert ledger.answer_to(third[0].id).kind == "refused"
    assert whole("2")


@pytest.mark.slow
def test_two_processes_that_promote_at_once_leave_one_champion_and_one_refusal(challenger, shown, process, tmp_path):
    promote.fn(*challenger(3), PASSED)
    both = [challenger(5, over="1"), challenger(6, over="1")]
    programs = [
        PROMOTE.format(request=request.model_dump_json(), trained=trained.model_dump_json())
        for request, trained in both
    ]

    racing = [process(contender) for contender in programs]
    (tmp_path / "go").touch()
    [contender.join() for contender in racing]

    kinds = [ledger.answer_to(request.id).kind for request, _ in both]
    assert [contender.exitcode for contender in racing] == [0, 0]
    assert sorted(kinds) == ["promoted", "refused"]
    assert whole(champion("stall").version)
    assert champion("stall").run_id == both[kinds.index("promoted")][1].run_id


@pytest.mark.slow
def test_a_promotion_that_loses_at_the_last_moment_takes_its_version_back(challenger, shown, monkeypatch):
    promote.fn(*challenger(3), PASSED)
    second, third = challenger(5, over="1"), challenger(6, over="1")
    register = models.register

    def overtaken(*given):
        monkeypatch.setattr("tasks.registry.models.register", register)
        promote.fn(*second, PASSED)
        return register(*given)

    monkeypatch.setattr("tasks.registry.models.register", overtaken)
    answer = promote.fn(*third, PASSED)

    assert answer.startswith("refused: expected version 1 of stall to be live, found version 2")
    assert models.registered_version("stall", third[1].run_id) is None
    assert whole("2")


@pytest.mark.slow
def test_a_request_that_was_promoted_is_not_refused_by_a_run_beside_it(challenger, shown):
    request, trained = challenger(3)
    promote.fn(request, trained, PASSED)

    assert refuse.fn(request, trained, REFUSED, "not good").startswith("promoted: version 1")
    assert [decision.kind for decision in ledger.decisions("stall")] == ["promoted"]


@pytest.mark.slow
def test_a_refusal_is_kept_with_each_gate_and_told_in_the_run(challenger, shown):
    request, trained = challenger(3)

    answer = refuse.fn(request, trained, REFUSED, "roc_auc cannot be computed")

    stored = ledger.answer_to(request.id)
    assert answer == "refused: roc_auc cannot be computed"
    assert stored.facts["gates"] == [
        {"gate": "better_than_champion", "number": None, "limit": 0.1, "reason": answer.removeprefix("refused: "),
         "note": ""}
    ]  # fmt: skip
    assert verdict_of(trained.run_id) == "refused"
    assert champion("stall") is None


@pytest.mark.slow
def test_evidence_that_is_no_number_is_kept_as_unknown(challenger, shown):
    request, trained = challenger(3)
    lost = trained.model_copy(update={"evidence": trained.evidence.model_copy(update={"challenger": float("nan")})})

    refuse.fn(request, lost, REFUSED, "roc_auc cannot be computed")

    assert ledger.answer_to(request.id).facts["challenger"] is None


@pytest.mark.slow
def test_without_data_a_request_in_the_ledger_is_answered_and_one_by_hand_is_not_kept(challenger, shown):
    request, _ = challenger(3)
    asked = request.model_copy(update={"decision": "stall/20240103T000000/retrain-asked"})

    answers = [nothing_to_train.fn(decision, "3 labelled rows, 10 needed") for decision in (request, asked)]

    assert answers == ["nothing to do: 3 labelled rows, 10 needed"] * 2
    assert [decision.answers for decision in ledger.decisions("stall")] == [asked.decision]


@pytest.mark.slow
def test_settling_where_nothing_was_ever_decided_does_nothing(challenger, shown):
    settle.fn("stall", NOW)

    assert shown == []
