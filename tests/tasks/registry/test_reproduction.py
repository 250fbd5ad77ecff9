"""Is a model made again from what it cites, and what is said where it is not?"""

import shutil
from dataclasses import replace

import pytest
from sklearn.tree import DecisionTreeClassifier

from tasks.data.store import Dataset
from tasks.data.tables import observations
from tasks.promotion.promotion import promote
from tasks.registry.models import champion
from tasks.registry.reproduction import (
    NotReproducedError,
    Reproduction,
    cited_model,
    difference_refusal,
    refit_difference,
    refitted,
    reproduced,
    show_reproduction,
)
from tasks.training.estimators import fitted, pipeline
from tasks.training.folds import labelled


def a_tree(problem):
    return pipeline(problem, DecisionTreeClassifier(max_depth=1, random_state=0))


@pytest.mark.parametrize(("result", "is_refused"), [(0.0, False), (0.25, False), (0.26, True), (None, True)])
def test_a_difference_is_refused_above_what_is_allowed_and_where_it_is_unknown(result, is_refused):
    assert (difference_refusal(result, 0.25, 10) is not None) is is_refused


def test_a_refusal_tells_the_numbers():
    assert difference_refusal(0.5, 1e-6, 10) == (
        "a second fit on the same data differs by 0.5 of the largest prediction (limit 1e-06, n = 10)"
    )


def test_a_second_fit_on_the_same_rows_does_not_differ_and_one_on_others_does(stall, sales):
    rows = sales(*({"price": float(n), "returned": float(n > 3)} for n in range(8)))
    others = rows.assign(returned=[0.0] * 7 + [1.0])
    model = fitted(a_tree(stall), rows, stall)

    assert refit_difference(model, a_tree(stall), rows, rows, stall) == 0.0
    # sales 4, 5 and 6 come back by the first fit (1.0) and not by the second (0.0)
    assert refit_difference(model, a_tree(stall), others, rows, stall) == 1.0


@pytest.mark.slow
def test_the_rows_are_those_of_the_version_that_the_model_cites(stored, challenger, sales):
    _, trained = challenger(5)
    observations(stored).upsert(sales(*[{"returned": 1.0, "price": 99.0}] * 80))

    # sold in five days and told by then: 8 a day for three days, and the one at the end of the third
    assert reproduced("stall", trained.run_id) == Reproduction(rows=25, largest_difference=0.0, reason=None)
    assert len(labelled(observations(stored).read(trained.window), stored, trained.window.end)) == 25


@pytest.mark.slow
def test_a_model_that_was_made_otherwise_than_it_says_is_refused_with_the_numbers(stored, challenger):
    _, trained = challenger(5, leaf=99)

    result = reproduced("stall", trained.run_id)

    assert result.largest_difference > 0.1
    assert result.reason.startswith(f"a second fit on the same data differs by {result.largest_difference:.3g} of")


@pytest.mark.slow
def test_a_dataset_version_that_is_lost_is_a_reason(stored, challenger):
    _, trained = challenger(5)
    shutil.rmtree(observations(stored).path)

    result = reproduced("stall", trained.run_id)

    assert (result.rows, result.largest_difference) == (0, None)
    assert result.reason.startswith("it cannot be made again: ")


@pytest.mark.slow
def test_a_candidate_that_the_use_case_has_dropped_is_a_reason(stored, challenger, monkeypatch):
    _, trained = challenger(5)
    monkeypatch.setattr(
        "tasks.registry.reproduction.use_case", lambda name: replace(stored, candidates={"other": None})
    )

    assert reproduced("stall", trained.run_id).reason == (
        "it cannot be made again: ValueError: stall declares no candidate 'tree' any more"
    )


@pytest.mark.slow
def test_an_outage_is_no_reason_but_may_be_tried_again(challenger, monkeypatch):
    _, trained = challenger(5)

    def out(*given, **named):
        raise ConnectionError("no answer")

    monkeypatch.setattr(Dataset, "read", out)

    with pytest.raises(ConnectionError, match="no answer"):
        reproduced("stall", trained.run_id)


@pytest.mark.slow
def test_the_live_version_is_taken_where_none_is_named_and_what_was_found_is_shown(challenger, shown):
    promote.fn(*challenger(5), ())

    model = cited_model.fn("stall", "")
    sentence = show_reproduction.fn(model, refitted.fn(model, 0.0), 0.0)

    assert model == champion("stall")
    assert sentence == shown[-1]["description"] == "version 1 of stall is reproduced"
    assert "| rows compared | 25 |" in shown[-1]["markdown"]


@pytest.mark.slow
def test_what_is_not_reproduced_is_shown_and_then_fails(challenger, shown):
    promote.fn(*challenger(5, leaf=99), ())
    model = cited_model.fn("stall", "1")

    with pytest.raises(NotReproducedError, match=r"stall is not reproduced: a second fit .* \(limit 1e-06, n = 25\)"):
        show_reproduction.fn(model, refitted.fn(model, 1e-6), 1e-6)

    assert shown[-1]["key"] == "stall-reproduction"


@pytest.mark.slow
def test_an_unknown_version_is_refused_and_so_is_none_where_none_is_live(stall, state, mlflow_server):
    with pytest.raises(ValueError, match="stall has no registered version '7'; there are: none"):
        cited_model.fn("stall", "7")
    with pytest.raises(ValueError, match="no version of stall is live; name one"):
        cited_model.fn("stall", "")
