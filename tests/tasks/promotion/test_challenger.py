"""What did the champion say, and what did earlier tries cost?"""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from tasks.data.ledger import Decision
from tasks.errors import SourceUnavailable
from tasks.promotion import challenger
from tasks.promotion.challenger import Compared, _changed, past_tries, store, with_champion
from tasks.registry import models
from tasks.training.estimators import fitted, pipeline, predictions
from tasks.training.evidence import Evidence
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def decision(kind="refused", **facts):
    compared = {
        "compared_from": str(JAN_1),
        "compared_until": str(JAN_1 + DAY),
        "error_share": 0.5,
        "gain_over_champion": {"value": 0.1, "error": 0.2, "freedom": 9},
    }
    return Decision(usecase="stall", kind=kind, as_of=JAN_1, reason="", facts=compared | facts)


@pytest.mark.parametrize("kind", ["refused", "promoted"])
def test_a_challenger_that_was_compared_before_spent_its_share(kind):
    (result,) = past_tries([decision(kind)])

    assert (result.over, result.share) == (Window(start=JAN_1, end=JAN_1 + DAY), 0.5)


@pytest.mark.parametrize(
    "entry",
    [
        decision("retrain asked"),
        decision(compared_from=None),
        decision(gain_over_champion=None),
        decision(gain_over_champion={"value": 0.0, "error": 0.0, "freedom": 9}),
    ],
    ids=["a request", "no champion", "not compared", "the same predictions"],
)
def test_what_took_no_chance_spent_nothing(entry):
    assert past_tries([entry]) == []


@pytest.fixture
def rows(sales):
    return sales(*({"weight": float(n % 5), "returned": float(n % 5 > 2)} for n in range(40)))


@pytest.fixture
def live():
    return models.Champion(
        name="stall", version="3", run_id="r", dataset_version=1, trained_from=JAN_1, trained_until=JAN_1 + DAY,
        promoted_at=JAN_1, expected_score=0.5,
    )  # fmt: skip


def evaluated(rows):
    return pd.DataFrame({"block": 0}, index=rows.index[:10])


def compared_with(live, rows):
    evidence = Evidence(metric="roc_auc", rows=10, challenger=0.7, baseline=0.5, late_share=0.0)
    return Compared(rows, [], evaluated(rows), "tree", live, evidence)


def test_without_a_champion_nothing_is_added(stall, rows):
    result, fault = with_champion(evaluated(rows), rows, stall, None)

    assert (list(result), fault) == (["block"], None)


def test_the_champion_predicts_the_evaluated_rows(stall, rows, live, monkeypatch):
    model = fitted(pipeline(stall, DecisionTreeClassifier(max_depth=2)), rows, stall)
    monkeypatch.setattr(models, "load", lambda _: model)

    result, fault = with_champion(evaluated(rows), rows, stall, live)

    assert fault is None
    assert result["champion"].tolist() == predictions(model, rows[:10], stall).tolist()


def test_a_champion_that_does_not_load_is_told_and_says_nothing(stall, rows, live, monkeypatch):
    monkeypatch.setattr(models, "load", lambda _: 1 / 0)

    result, fault = with_champion(evaluated(rows), rows, stall, live)

    assert list(result) == ["block"]
    assert fault == ("it does not load and predict: ZeroDivisionError: division by zero; roll back to another version")


def test_an_outage_is_no_fault_of_the_champion(stall, rows, live, monkeypatch):
    def silent(_):
        raise SourceUnavailable("no answer")

    monkeypatch.setattr(models, "load", silent)

    with pytest.raises(SourceUnavailable, match="no answer"):
        with_champion(evaluated(rows), rows, stall, live)


def test_a_model_of_types_that_are_not_on_our_list_is_not_stored(stall, rows, monkeypatch):
    model = fitted(pipeline(stall, DecisionTreeClassifier(max_depth=2)), rows, stall)
    monkeypatch.setattr(models, "TRUSTED_TYPES", frozenset())
    monkeypatch.setattr(challenger.tracking, "log_model", lambda *_: pytest.fail("it was stored"))

    assert store(model, rows, stall, "model") == (
        "",
        "its types sklearn.tree._tree.Tree are not on the list of those that a model file may name",
    )


@pytest.mark.parametrize(("days", "asked"), [(-1, 0), (0, 0), (1, 2)])
def test_how_rows_changed_is_asked_of_those_that_the_champion_could_have_seen(
    stall, rows, live, monkeypatch, days, asked
):
    read = []
    monkeypatch.setattr(challenger, "observations", lambda _: SimpleNamespace(read=lambda *of: read.append(of) or rows))
    trained = live.model_copy(update={"trained_from": JAN_1 - 9 * DAY, "trained_until": JAN_1 + days * DAY})

    assert _changed(stall, compared_with(trained, rows), 2) == {}
    assert len(read) == asked
