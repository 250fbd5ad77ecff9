"""The alarms that are compared: ours and three that are in use."""

from collections import deque
from typing import Protocol

import numpy as np
import pandas as pd

from benchmarks.alarms.streams import BLOCKS, CHECKS_PER_YEAR, WEEK, Stream
from tasks.monitoring.signals.alarm import alarm, signals
from tasks.monitoring.signals.calibration import calibrated_limits
from tasks.monitoring.signals.measuring import coded_window_signals, coding_of
from tasks.monitoring.signals.models import Alarm, AlarmPolicy, Signal
from tasks.monitoring.signals.summaries import PREDICTION, TARGET, CodedWindow, coded_window


class Rule(Protocol):
    """An alarm that has learned its reference."""

    name: str

    def rings(self, places: np.ndarray) -> bool:
        """Say whether it rings at a check of these rows of its stream."""
        ...


class EvergreenAlarm:
    """Limits calibrated on the reference at the policy's rate; persistence over the last checks."""

    name = "evergreen"

    def __init__(
        self, stream: Stream, *, weeks: float = 1, checks_per_week: float = 1, policy: AlarmPolicy | None = None
    ):
        self.policy = policy or AlarmPolicy()
        reference = stream.window(0, BLOCKS * weeks)
        self.limits = calibrated_limits(
            stream.rows.iloc[reference],
            stream.times.iloc[reference],
            stream.kinds,
            window=WEEK * weeks,
            checks_per_year=CHECKS_PER_YEAR * checks_per_week,
            policy=self.policy,
        )
        self.stream = stream
        self.coded: CodedWindow | None = coded_window(stream.rows, coding_of(self.limits))
        self.past: deque[tuple[Signal, ...]] = deque(maxlen=self.policy.memory)
        self.alarm: Alarm | None = None

    def follow(self, stream: Stream) -> None:
        """Forget past checks and look at another stream from now on, with the same limits."""
        self.stream, self.coded = stream, None
        self.past.clear()

    def rings(self, places: np.ndarray) -> bool:
        """Say whether it rings at a check of these rows of its stream."""
        if self.coded is None:
            window_signals = signals(self.limits, self.stream.rows.iloc[places])
        else:
            window_signals = coded_window_signals(self.limits, self.coded.only(places))
        self.past.append(window_signals)
        self.alarm = alarm(tuple(self.past), self.policy)
        return self.alarm is not None


class Tests:
    """Kolmogorov-Smirnov (chi-square for categories) against the reference at p < .05 by feature."""

    def __init__(self, stream: Stream, *, adjusted: bool):
        self.name = "Benjamini-Hochberg, any feature" if adjusted else "KS p < .05 on two features"
        self.adjusted = adjusted
        self.stream = stream
        self.reference = stream.rows.iloc[stream.window(0, BLOCKS)]

    def follow(self, stream: Stream) -> None:
        """Look at another stream from now on, with the same reference."""
        self.stream = stream

    def rings(self, places: np.ndarray) -> bool:
        """Say whether it rings at a check of these rows of its stream."""
        window = self.stream.rows.iloc[places]
        p_values = np.array(
            [p_value(self.reference[name], window[name], kind) for name, kind in _features(self.stream)]
        )
        if not self.adjusted:
            return int((p_values < 0.05).sum()) >= 2
        ranks = np.arange(1, len(p_values) + 1)
        return bool((np.sort(p_values) <= 0.05 * ranks / len(p_values)).any())


class Preset:
    """Evidently's DataDriftPreset as it comes: half of the columns drift. `any_column` is kept beside it.

    It cannot read a window in which a column is empty: that counts as quiet.
    """

    name = "Evidently preset"

    def __init__(self, stream: Stream):
        self.stream = stream
        self.reference = stream.rows.iloc[stream.window(0, BLOCKS)]
        self.any_column = False

    def follow(self, stream: Stream) -> None:
        """Look at another stream from now on, with the same reference."""
        self.stream = stream

    def rings(self, places: np.ndarray) -> bool:
        """Say whether it rings at a check of these rows of its stream."""
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        kinds = dict(_features(self.stream))
        if self.stream.rows.iloc[places][list(kinds)].isna().all().any():
            return False
        definition = DataDefinition(
            numerical_columns=[name for name, kind in kinds.items() if kind == "numeric"],
            categorical_columns=[name for name, kind in kinds.items() if kind == "categorical"],
        )
        current, reference = (
            Dataset.from_pandas(_evidently_plain(side[list(kinds)], kinds), definition)
            for side in (self.stream.rows.iloc[places], self.reference)
        )
        [count] = [
            metric["value"]
            for metric in Report([DataDriftPreset()]).run(current, reference).dict()["metrics"]
            if "DriftedColumnsCount" in metric["config"]["type"]
        ]
        self.any_column = count["count"] > 0
        return count["share"] >= 0.5


def p_value(reference: pd.Series, window: pd.Series, kind: str) -> float:
    """Return how likely so great a difference is between samples of one distribution; missing values are left out."""
    from scipy.stats import chi2_contingency, ks_2samp

    before, now = reference.dropna(), window.dropna()
    if min(len(before), len(now)) == 0:
        return 1.0
    if kind == "numeric":
        return float(ks_2samp(before.to_numpy(float), now.to_numpy(float), method="asymp").pvalue)
    counts = pd.concat([before.value_counts(), now.value_counts()], axis=1).fillna(0).to_numpy(float)
    return float(chi2_contingency(counts).pvalue) if len(counts) > 1 else 1.0


def _features(stream: Stream) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind in stream.kinds.items() if name not in (PREDICTION, TARGET)]


def _evidently_plain(rows: pd.DataFrame, kinds: dict[str, str]) -> pd.DataFrame:
    return rows.apply(lambda values: values.astype("float64" if kinds[str(values.name)] == "numeric" else "str"))
