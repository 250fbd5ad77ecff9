"""The simple retraining policies: pure functions of what was known at a moment, that give the reason for a retrain.

A policy of your own is a plain function of a `DecisionMoment` that returns a reason or None.
"""

import statistics
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tasks.triggers.moment import DecisionMoment

if TYPE_CHECKING:
    import numpy as np


class _Policy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Never(_Policy):
    """Keep the first model for good."""

    def __call__(self, moment: DecisionMoment) -> str | None:
        return None


class EveryWindows(_Policy):
    """Ask by the clock, whatever became of the last retrain."""

    windows: int = Field(ge=1, description="Windows from one retrain to the next")

    def __call__(self, moment: DecisionMoment) -> str | None:
        passed = moment.now - moment.first
        return f"{passed} windows since the first model" if passed % self.windows == 0 else None


class AtAge(_Policy):
    """Ask once the live model has an age, and again as long after each refusal."""

    windows: int = Field(ge=1, description="Age of the live model, in windows, at which it is retrained")

    def __call__(self, moment: DecisionMoment) -> str | None:
        age = moment.now - last_ask(moment)
        return f"{age} windows since the last retrain" if age >= self.windows else None


class AtRandom(_Policy):
    """Ask at moments drawn without regard to anything: what no policy should do worse than."""

    share: float = Field(gt=0, le=1, description="Share of the windows at whose end a retrain is asked for")
    seed: int = Field(ge=0, description="Where the draws begin")

    def __call__(self, moment: DecisionMoment) -> str | None:
        import numpy as np

        drawn = float(np.random.default_rng([self.seed, moment.now]).uniform())
        return f"drawn {drawn:.2f}, below {self.share}" if drawn < self.share else None


class PerformanceDrop(_Policy):
    """Ask when the newest settled window is worse than the live model was on its first ones."""

    points: float = Field(gt=0, description="Loss of a metric that is greater when better, such as ROC AUC")
    share: float = Field(gt=0, description="Loss of an error such as RMSE, as a share of its expected value")
    windows: int = Field(ge=1, description="Windows after the training whose mean is what was expected")

    def __call__(self, moment: DecisionMoment) -> str | None:
        scores = own_scores(moment)
        if len(scores) <= self.windows:
            return None
        expected = statistics.fmean(scores[: self.windows])
        lost = -moment.gain(scores[-1], expected)
        allowed = self.points if moment.greater_is_better else self.share * expected
        return f"{lost:.4f} lost of {expected:.4f}, {allowed:.4f} allowed" if lost >= allowed else None


class LossAboveFirst(_Policy):
    """Ask when the loss is a share above that of the first window after training; a loss of AUC is 1 - AUC."""

    share: float = Field(gt=0, description="Share above the first window's loss from which a retrain is asked for")

    def __call__(self, moment: DecisionMoment) -> str | None:
        losses = [1 - score if moment.greater_is_better else score for score in own_scores(moment)]
        if len(losses) < 2 or losses[-1] <= (1 + self.share) * losses[0]:
            return None
        return f"loss {losses[-1]:.4f}, {losses[0]:.4f} on the first window after training"


class EvidentlyPreset(_Policy):
    """Ask when Evidently's default preset calls the dataset drifted since the live model's training."""

    share: float = Field(gt=0, le=1, description="Share of drifting features from which a retrain is asked for")

    def __call__(self, moment: DecisionMoment) -> str | None:
        share = moment.drifted_share()
        if share is None or share < self.share:
            return None
        return f"{share:.0%} of the features drifted, {self.share:.0%} asks for a retrain"


class OutsideInterval(_Policy):
    """Ask when the newest settled window is worse than a prediction interval of the windows before it.

    The interval is that of one more draw from a normal distribution, from the fresh models' scores in rehearsal and the
    live model's so far (Hahn and Meeker, Statistical Intervals, 1991, section 4.7).
    """

    false_alarms: float = Field(gt=0, lt=0.5, description="Share of unchanged windows that may ask for a retrain")

    def __call__(self, moment: DecisionMoment) -> str | None:
        usual, own = rehearsed_scores(moment), own_scores(moment)
        past = [*usual, *own[:-1]]
        if not own or len(past) < 3:
            return None
        from scipy.stats import t

        spread = statistics.stdev(past) * (1 + 1 / len(past)) ** 0.5
        allowed = float(t.ppf(1 - self.false_alarms, len(past) - 1)) * spread
        lost = -moment.gain(own[-1], statistics.fmean(past))
        return f"{lost:.4f} below the mean of {len(past)} windows, {allowed:.4f} expected" if lost > allowed else None


def calibrated_alarm(moment: DecisionMoment) -> str | None:
    """Ask when the calibrated alarm rings, by limits learned from the live model's own training rows."""
    return moment.alarm()


def last_ask(moment: DecisionMoment) -> int:
    """Return the window at whose end the newest model was asked for, promoted or refused."""
    return max([moment.champion, *moment.asked])


def own_scores(moment: DecisionMoment) -> list[float]:
    """Return the live model's metric on the settled windows that it served, oldest first."""
    return defined_scores(moment.scores[moment.champion, moment.served])


def rehearsed_scores(moment: DecisionMoment) -> list[float]:
    """Return the metric of each model of the rehearsal on the window after its training, oldest first."""
    return defined_scores(
        [moment.scores[number - 1, number] for number in moment.settled if 0 < number <= moment.first]
    )


def defined_scores(values: "np.ndarray | list[float]") -> list[float]:
    """Return the values that are no NaN."""
    return [float(value) for value in values if value == value]
