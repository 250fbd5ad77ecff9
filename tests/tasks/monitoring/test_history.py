"""What is seen of a window?"""

from datetime import UTC, datetime, timedelta

from tasks.data.tables import observations, predicted
from tasks.monitoring.check import Performance, performance
from tasks.monitoring.drift_report import DriftPolicy
from tasks.scoring.scoring import live_predictions, scored_rows
from tasks.triggers.policy import RetrainPolicy
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DRIFT = DriftPolicy(numeric_threshold=0.5, categorical_threshold=0.3, missing_threshold=0.25, min_rows=10, max_rows=100)
RETRAINING = RetrainPolicy(max_loss=0.1, min_labelled=10, cooldown_days=0, min_new_rows=0)


def on_day(number, hour=0):
    return JAN_1 + timedelta(days=number, hours=hour)


def days(first, last):
    return Window(start=on_day(first), end=on_day(last))


def test_a_performance_counts_labelled_rows_that_the_model_had_not_learned_from(stall, sales):
    live = sales(*({"returned": returned} for returned in (1.0, 0.0, 1.0, None, 0.0))).assign(
        prediction=[0.9, 0.1, 0.05, 0.9, 0.99],
        in_training=[False, False, False, False, True],
    )

    live_performance = performance(live, stall, 0.75)

    # Of the pairs of a 1 and a 0, (.9, .1) is in the right order and (.05, .1) is not.
    assert live_performance == Performance(metric="roc_auc", value=1 / 2, labelled=3, expected=0.75)


def test_a_performance_without_labels_is_unknown(stall, sales):
    live = sales({"returned": None}).assign(prediction=0.5, in_training=False)

    assert performance(live, stall, 0.75) == Performance(metric="roc_auc", value=None, labelled=0, expected=0.75)


def test_live_predictions_are_the_windows_rows_as_stored_then_beside_what_was_predicted(
    stall, state, sales, a_champion
):
    rows = sales({"sold_at": on_day(6)}, {"sold_at": on_day(7)}, {"sold_at": on_day(8)}, {"sold_at": on_day(9)})
    stored = rows.assign(told_at=[on_day(8), on_day(9), on_day(10), on_day(11)], returned=1.0)
    observations(stall).upsert(stored.astype(stall.dtypes))
    predicted(stall).append_new(scored_rows(stored[:3], stall, a_champion(), [0.1, 0.2, 0.3], on_day(9)))

    live = live_predictions(stall, days(7, 10), as_of=on_day(9)).sort_values("sold_at")

    assert live["sale"].tolist() == ["S1", "S2"]  # S0 is older, S3 has no prediction and was not there yet
    assert live["prediction"].tolist() == [0.2, 0.3]
    assert live["returned"].notna().tolist() == [True, False]  # told on day 9 and on day 10
    assert live["model_version"].tolist() == ["3", "3"]
