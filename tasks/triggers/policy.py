"""Decide whether the evidence of one check asks for a retrain."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tasks.durations import in_words
from tasks.metrics import figure, gain, short
from tasks.monitoring.check import Check
from tasks.monitoring.limits import WatchPolicy
from tasks.monitoring.signals.models import Family, away, severity
from tasks.monitoring.signals.sentences import fault_summary, signal_sentences
from tasks.triggers.age_cost import moment_of
from tasks.triggers.history import History
from tasks.triggers.regret import RegretPolicy

Mode = Literal["off", "suggest", "auto"]


ASKING: tuple[Family, ...] = ("features", "joint", "prediction", "target", "performance", "concept")


OF_THE_MODEL: tuple[Family, ...] = ("performance", "concept")


MOST_COLUMNS = 3
"""How many columns a reason names, each by its farthest signal."""


class RetrainPolicy(BaseModel):
    """What asks for a retrain, and what holds it back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = Field(
        default="auto",
        description="Auto: the alarm asks for a retrain. Suggest: it is shown, and a person starts one. Off: neither",
    )
    watch: WatchPolicy = Field(default=WatchPolicy(), description="How often the alarm may ring for nothing")
    asks: tuple[Family, ...] = Field(
        default=ASKING, description="Kinds of signals that may ask for a retrain; the others only warn"
    )
    regret: RegretPolicy | None = Field(
        default=RegretPolicy(),
        description="When what the age of the live model has cost, told by small models fitted anew, asks for a "
        "retrain; empty: never",
    )
    max_loss: float = Field(
        gt=0,
        description="Loss of the metric against its value at promotion from which a retrain is asked for, "
        "where no limit of the performance could be calibrated",
    )
    min_labelled: int = Field(ge=1, description="Fewest labelled predictions in the window that tell a performance")
    cooldown_days: float = Field(ge=0, description="Days after a retrain in which no other is asked for")
    min_new_rows: int = Field(ge=0, description="Labelled rows needed since the champion's training window ended")
    max_per_month: int = Field(default=4, ge=1, description="Most retrains that are answered in 30 days")
    growth_asks: float = Field(
        default=1.0,
        gt=0,
        description="New labelled rows, in multiples of those the champion learned from, from which inputs that moved "
        "ask for a retrain although measured performance did not fall: so many rows teach what it could not know",
    )
    max_age_days: float | None = Field(
        default=None, gt=0, description="Days after which a model is renewed without any alarm; empty: never"
    )
    rows_after_refusal: int = Field(
        default=1_000, ge=0, description="Labelled rows needed after a refusal before the same drift asks again"
    )
    growth_after_refusal: float = Field(
        default=1.5, gt=1, description="How many times worse a refused drift must be to ask again without those rows"
    )


def retrain_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say why the champion must be retrained, with the numbers, or None while it may stay or is held back.

    A request that is still unanswered stays the reason, unless a person has switched the asking off or muted it.
    """
    if policy.mode != "auto" or muted_reason(check, history) is not None:
        return None
    if history.unanswered is not None:
        return history.unanswered.reason
    if holding_reason(check, history, policy) is not None:
        return None
    return wanted_reason(check, history, policy)


def wanted_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say why a retrain would be wanted, whatever holds it back, or None."""
    code = wanted_trigger(check, history, policy)
    return TRIGGERS[code].reason(check, history, policy) if code else None


def wanted_trigger(check: Check, history: History, policy: RetrainPolicy) -> str:
    """Return the code of the first trigger that wants a retrain, whatever holds it back; empty where none does."""
    wanting = (code for code, trigger in TRIGGERS.items() if trigger.reason(check, history, policy) is not None)
    return next(wanting, "")


def holding_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say why no retrain is asked for, if one were wanted, or None."""
    if check.faults:
        return f"the data are broken: {fault_summary(check.faults)}"
    if policy.mode != "auto":
        return f"the mode is {policy.mode}: a person starts a retrain"
    if (muted := muted_reason(check, history)) is not None:
        return muted
    if history.last_retrain is not None:
        free = history.last_retrain + timedelta(days=policy.cooldown_days)
        if check.as_of < free:
            return (
                f"the last retrain was at {history.last_retrain:%Y-%m-%d %H:%M}, no other before "
                f"{free:%Y-%m-%d %H:%M} (cooldown {in_words(timedelta(days=policy.cooldown_days))})"
            )
    if history.answered_this_month >= policy.max_per_month:
        return f"{history.answered_this_month} retrains in the last 30 days (limit {policy.max_per_month})"
    if history.new_rows < policy.min_new_rows:
        return f"{history.new_rows:,} labelled rows since the champion was trained ({policy.min_new_rows:,} needed)"
    return refused_reason(check, history, policy)


def muted_reason(check: Check, history: History) -> str | None:
    """Say until when a person has muted the episode, or None."""
    until = history.episode.muted_until if history.episode else None
    return f"muted until {until:%Y-%m-%d %H:%M}" if until is not None and check.as_of < until else None


def refused_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say why nothing asks again yet after a refusal, or None: the evidence would be nearly the same."""
    if history.refused is None or history.rows_since_refusal >= policy.rows_after_refusal:
        return None
    since = (
        f"a challenger was refused at {history.refused:%Y-%m-%d %H:%M}: {history.rows_since_refusal:,} labelled rows "
        f"since ({policy.rows_after_refusal:,} needed)"
    )
    if history.episode is None:
        return since
    needed = policy.growth_after_refusal * history.episode.severity
    current = severity(check.alarm)
    if current >= needed > 0:
        return None
    return f"{since}; the drift is {short(current)} times its limit ({short(needed)} would count as grown)"


def drift_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say which signals ask for a retrain, or None where none rings or what moved does no harm."""
    return None if harmless_reason(check, policy) is not None else _ringing_signals(check, policy)


def new_rows_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say that signals ring without harm so far, and that many rows are new to the champion, or None."""
    if harmless_reason(check, policy) is None or not _teaches(check, history, policy):
        return None
    named = _ringing_signals(check, policy)
    return named and (
        f"{named}; performance holds so far, but {history.new_rows:,} labelled rows have arrived since the model was "
        f"trained on {check.reference_rows:,}"
    )


def _ringing_signals(check: Check, policy: RetrainPolicy) -> str | None:
    """Return the signals that ring and may ask, the model's own performance first, the farthest next, or None."""
    if check.alarm is None:
        return None
    asking = [
        pair for pair in zip(check.alarm.signals, check.alarm.spans, strict=True) if pair[0].family in policy.asks
    ]
    if not asking:
        return None
    ordered = sorted(asking, key=lambda pair: (pair[0].family not in OF_THE_MODEL, -away(pair[0])))
    sentences = signal_sentences([signal for signal, _ in ordered], [span for _, span in ordered])
    named, more = "; ".join(sentences[:MOST_COLUMNS]), len(sentences) - MOST_COLUMNS
    return named + (f"; and {more} more signal{'s' * (more > 1)}" if more > 0 else "")


def _teaches(check: Check, history: History, policy: RetrainPolicy) -> bool:
    """Say whether enough rows are new for a retrain to learn what the champion could not."""
    return 0 < policy.growth_asks * check.reference_rows <= history.new_rows


def harmless_reason(check: Check, policy: RetrainPolicy) -> str | None:
    """Say that what moved does the model no harm, by labels that are there already, or None."""
    of_model = [signal for signal in check.signals if signal.family in OF_THE_MODEL and signal.value is not None]
    losses = [signal for signal in of_model if signal.statistic == "loss" and signal.rows >= policy.min_labelled]
    if not check.labels_prompt or not losses or any(signal.exceeded for signal in of_model):
        return None
    if check.alarm is None or set(check.alarm.families) & set(OF_THE_MODEL):
        return None
    loss = losses[0]
    return (
        f"performance holds: loss {short(loss.expected)} expected, {short(loss.value or 0.0)} measured "
        f"(limit {short(loss.expected + loss.limit)}, n = {loss.rows:,})"
    )


def loss_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say by how much the live predictions are worse than at promotion, where no limit could be calibrated, or None."""
    performance = check.performance
    if any(signal.family == "performance" for signal in check.signals):
        return None
    if performance.value is None or performance.labelled < policy.min_labelled:
        return None
    lost = -gain(performance.metric, performance.value, performance.expected)
    if lost < policy.max_loss:
        return None
    return (
        f"performance fell: {performance.metric} {figure(performance.expected)} at promotion -> "
        f"{figure(performance.value)} in {check.window} (lost {figure(lost)}, limit {policy.max_loss}, "
        f"n = {performance.labelled:,})"
    )


def cost_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say that the age of the live model has cost more than a retrain is worth, or None."""
    if policy.regret is None or history.scouts is None:
        return None
    return policy.regret(moment_of(history.scouts, history.asked))


def age_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say that the champion is too old, or None."""
    if policy.max_age_days is None or history.trained_until is None:
        return None
    age, most = check.as_of - history.trained_until, timedelta(days=policy.max_age_days)
    return f"the model is {in_words(age)} old (limit {in_words(most)})" if age >= most else None


class Trigger(NamedTuple):
    """What may want a retrain."""

    title: str
    """The heading of its section in docs/codes.md."""
    reason: Callable[[Check, History, RetrainPolicy], str | None]


TRIGGERS: Mapping[str, Trigger] = {
    "drift": Trigger("Signals are beyond their limits", drift_reason),
    "new-rows": Trigger("Enough rows are new", new_rows_reason),
    "age-cost": Trigger("The model's age has cost enough", cost_reason),
    "performance-loss": Trigger("Performance fell since the promotion", loss_reason),
    "model-age": Trigger("The model is too old", age_reason),
}
"""By code, in the order in which they are asked; the first that wants a retrain gives the reason."""
