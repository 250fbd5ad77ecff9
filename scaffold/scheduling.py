"""Write the deployments of a described use case down: `deployments/NAME.yaml`, with limits in units of its target."""

import math
from datetime import datetime, timedelta

from scaffold.describing import Description
from scaffold.pacing import FEWEST_MOMENTS
from scaffold.writing import metric_of
from tasks.durations import in_words
from tasks.runs import BY_HAND, DAILY_FLOWS, EVERY_DAY

PREFECT_VERSION = "3.8.8"
HEADER = """\
# Where, when and with which numbers: {name}. Drafted by `make new`; each number stands once, below, with its reason.
# Schedules are paused: set `active: true` once the source is alive.
name: evergreen
prefect-version: {version}

definitions:
  work_pool: &pool
    name: evergreen

  batch: &batch
    max_bad_share: 0.05
    # {volume}
    min_volume_share: {min_volume_share:g}

  training: &training
    blocks: 2
    # A fit, and a block to compare on, must not be much smaller than a usual window of {window_rows} rows.
    min_rows: {min_rows}
    # {why_origins}
    origins: {origins}

  drift: &drift
    numeric_threshold: 0.1
    categorical_threshold: 0.1
    missing_threshold: 0.1
    min_rows: {drift_rows}
    max_rows: 5000

  # As a share of the largest prediction: a fit of the same rows by the same code differs by rounding only.
  max_difference: &max_difference 0.000001

  # A version that a registered model cites is never deleted, however old; keep_days is for all others.
  maintenance: &maintenance {{delete_files: true, keep_days: 30}}

  # {units}
  gates: &gates
    min_gain_over_baseline: {baseline:g}
    # The lower bound of the gain decides. Another seed of one recipe gains less than this, and is not worth a change.
    min_gain_over_champion: {champion:g}
    min_rows: {min_rows}

  # Limits are found at each promotion, for windows that monitor looks at as scheduled; a replay looks once a step.
  ordinary: &ordinary
    checks_per_year: {checks:g}
    alarm: {{false_alarms_per_year: 1, persistence: 2, memory: 3}}

  # Two windows: a new model is watched beside its predecessor while it is young.
  promotion: &promotion
    approval: waived
    approval_hours: 48
    probation: {{windows: 2, error_rate: 0.05, min_rows: {labelled}}}
    watch: *ordinary

  # The cost of the live model's age, estimated by small models; a retrain is due once it exceeds noise and its price.
  regret: &regret {{certainty: 2.5, worth: 1, margin: 4, rest: 2, most_share: 0.333}}

  policy: &policy
    mode: auto
    watch: *ordinary
    regret: *regret
    # Only where no limit of the performance could be calibrated, as with several classes.
    max_loss: {loss:g}
    min_labelled: {labelled}
    # One window: a new model is measured in use before another is asked for.
    cooldown_days: {cooldown:g}
    min_new_rows: {new_rows}
    max_per_month: 4
    rows_after_refusal: {new_rows}
    growth_after_refusal: 1.5

  # The first fifth of the history trains the first model. Prices are in units of the metric times windows.
  backtest: &backtest
    span: {{rehearsal_share: 0.2, min_rehearsal: 3}}
    gate: {{blocks: 1, min_gain: 0}}
    policies:
      clocks: [1, 2, 4, 8]
      age: {{windows: 4}}
      drop: {{points: {loss:g}, share: 0.05, windows: 1}}
      above_first: {{share: 0.1}}
      evidently: {{share: 0.5}}
      cara: {{variant: cumulative, price: {loss:g}}}
      upf: {{horizon: 8, confidence: 0.95, price: {loss:g}}}
      regret: *regret

  often: &often
    - {{slug: {often}, cron: "{often_cron}", timezone: UTC, active: false}}
  often_after: &often_after
    - {{slug: {often}, cron: "{after_cron}", timezone: UTC, active: false}}
  watch: &watch
    - {{slug: {watch}, cron: "{watch_cron}", timezone: UTC, active: false}}
  # The fallback; drift asks for a retrain by itself.
  renew: &renew
    - {{slug: {renew}, cron: "{renew_cron}", timezone: UTC, active: false}}
  sundays: &sundays
    - {{slug: sundays, cron: "0 3 * * 0", timezone: UTC, active: false}}

  one_at_a_time: &one_at_a_time
    limit: 1
    collision_strategy: ENQUEUE

deployments:
"""
DEPLOYMENT = """\
  - name: {name}-{flow}
    entrypoint: flows/{flow}.py:{flow}
    description: {description}
    tags: [{name}, {tag}]
    work_pool: *pool
{schedules}    concurrency_limit: *one_at_a_time
    parameters: {parameters}
"""
TRIGGER = """\
    triggers:
      - type: event
        name: retrain {name} when drift is detected
        enabled: true
        expect: [drift.detected]
        match: {{prefect.resource.id: evergreen.use-case.{name}}}
        parameters: {{decision: "{{{{ event.payload.decision }}}}"}}
"""
REPLAY = """\

      usecase: {name}
      over: {{start: "{start:%Y-%m-%dT%H:%M:%SZ}", end: "{end:%Y-%m-%dT%H:%M:%SZ}"}}
      pace: {{step_days: {step:g}, patience_minutes: 20}}
      policies:
        batch: *batch
        training: *training
        gates: *gates
        promotion: *promotion
        drift: *drift
        policy: {{<<: *policy, watch: {{<<: *ordinary, checks_per_year: {per_year:g}}}}}"""
FEWEST_FIT_ROWS = 50
HOUR = timedelta(hours=1)
YEAR = timedelta(days=365.25)


def deployments_text(description: Description) -> str:
    """Return the text of the deployments: one of each flow."""
    name = description.answers.name
    flows = [
        ("collect", "Bring the newest rows and labels in, each once; set bad rows aside with their reasons.", "often",
         f"{{usecase: {name}, batch: *batch}}"),
        ("score", "Predict each row that has no prediction yet with the live model.", "often_after",
         f"{{usecase: {name}}}"),
        ("monitor", "Compare the newest window with what the live model learned from; ask for a retrain if need be.",
         "watch", f"{{usecase: {name}, drift: *drift, policy: *policy}}"),
        ("retrain", "Train a challenger; it goes live only if it beats the live model on rows that neither has seen.",
         "renew", f"{{usecase: {name}, training: *training, gates: *gates, promotion: *promotion}}"),
        ("replay", "Play the history as if it were live, with real events, automations and retrains.", "",
         _replay(description)),
        ("rollback", "Put an earlier model in the live one's place, after it has loaded and predicted.", "",
         f"{{usecase: {name}}}"),
        ("mute", "Let the open drift ask for no retrain until a date; a reason is asked for.", "",
         f"{{usecase: {name}}}"),
        ("accept", "Say that a fault of the data is how the world is now, so that it holds no retrain back.", "",
         f"{{usecase: {name}}}"),
        ("readmit", "Take quarantined rows back that are good by the present schema, each once.", "",
         f"{{usecase: {name}}}"),
        ("reproduce", "Make a model again from the data that it cites; fail where the new one predicts otherwise.", "",
         f"{{usecase: {name}, max_difference: *max_difference}}"),
        ("maintain", "Join small files of the tables, and delete old ones that no row of today and no model needs.",
         "sundays", f"{{usecase: {name}, maintenance: *maintenance}}"),
        ("explain", "Follow one row by its key through every step, to what each feature contributed.", "",
         f"{{usecase: {name}}}"),
        ("drill", "Sabotage retrains on purpose, in a namespace of its own, and say whether the gates caught it.", "",
         f"{{usecase: {name}, training: *training, gates: *gates, drill: {{}}}}"),
        ("status", "Tell on one page what is live, what is open, what was decided, and how fresh the data is.", "",
         f"{{usecase: {name}}}"),
        ("backtest", "Replay history under every retraining policy, and tell on one page which to take.", "",
         f"{{<<: *backtest, usecase: {name}}}"),
    ]  # fmt: skip
    parts = []
    for flow, purpose, schedule, parameters in flows:
        schedules = f"    schedules: *{schedule}\n" if schedule else ""
        text = DEPLOYMENT.format(
            tag=EVERY_DAY if flow in DAILY_FLOWS else BY_HAND,
            name=name,
            flow=flow,
            description=purpose,
            schedules=schedules,
            parameters=parameters,
        ).replace("parameters: \n", "parameters:\n")
        parts.append(text + (TRIGGER.format(name=name) if flow == "retrain" else ""))
    return HEADER.format(name=name, version=PREFECT_VERSION, **_numbers(description)) + "\n".join(parts)


def limits(description: Description) -> tuple[str, float, float, float]:
    """Return why, and the gains over baseline and champion and the loss that count, in units of the metric."""
    metric = metric_of(description)
    if metric == "roc_auc":
        return "In units of ROC AUC: 0.5 is a guess, 1 is perfect.", 0.02, 0.002, 0.03
    values = description.target.values.dropna()
    if metric == "log_loss":
        shares = values.value_counts(normalize=True)
        spread = float(-(shares * shares.map(math.log)).sum())
        why = f"In units of log loss: {spread:.3g} is that of always telling the classes' shares."
    else:
        spread = float(values.std())
        target = description.names[description.answers.target]
        why = f"In units of {target}, whose standard deviation is {spread:.3g}: shares of that."
    baseline, champion, loss = (float(f"{share * spread:.2g}") for share in (0.02, 0.002, 0.05))
    return why, baseline, champion, loss


def _numbers(description: Description) -> dict[str, object]:
    pace = description.pacing
    units, baseline, champion, loss = limits(description)
    least = max(FEWEST_FIT_ROWS, min(1000, pace.window_rows // 3))
    is_fine = pace.window_moments >= 2 * FEWEST_MOMENTS
    volume = f"Half of the smallest batch so far, {pace.smallest_volume:.0%} of the usual"
    if pace.min_volume_share == 0:
        volume = "Off: this history has empty or nearly empty batches"
    return {
        "volume": f"{volume}; a batch is {in_words(pace.period)}.",
        "min_volume_share": pace.min_volume_share,
        "window_rows": pace.window_rows,
        "origins": 2 if is_fine else 1,
        "why_origins": "Models are fitted anew in the middle of a block: what fresh rows gain shows there."
        if is_fine
        else f"A window has {pace.window_moments} different times, too few to fit models anew within it.",
        "min_rows": least,
        "drift_rows": max(FEWEST_FIT_ROWS, min(500, pace.window_rows // 2)),
        "units": units,
        "baseline": baseline,
        "champion": champion,
        "loss": loss,
        "labelled": max(FEWEST_FIT_ROWS // 2, min(500, pace.window_rows // 4)),
        "cooldown": pace.window / timedelta(days=1),
        "new_rows": pace.window_rows // 2,
        **schedules(pace.window),
    }


def schedules(window: timedelta) -> dict[str, object]:
    """Return when to collect and score, to look, and to renew without an alarm: no window goes by unseen."""
    day = timedelta(days=1)
    if window > 28 * day:
        often, after, watch, renew = "5 5 * * *", "15 5 * * *", "30 6 * * 1", "0 5 1 * *"
        words, checks = ("daily", "weekly", "monthly"), 52.0
    elif window >= day:
        often, after, watch, renew = "5 * * * *", "15 * * * *", "30 6 * * *", "0 5 * * 1"
        words, checks = ("hourly", "daily", "weekly"), YEAR / day
    elif window >= timedelta(hours=1):
        often, after, watch, renew = "5 * * * *", "15 * * * *", "30 * * * *", "0 5 * * *"
        words, checks = ("hourly", "hourly", "daily"), YEAR / timedelta(hours=1)
    else:
        minutes = int(window / timedelta(minutes=1))
        often, after, watch, renew = (*(f"*/{minutes} * * * *",) * 3, "0 5 * * *")
        words, checks = (*(f"{minutes}-minutes",) * 2, "daily"), YEAR / window
    return {
        **dict(zip(("often", "watch", "renew"), words, strict=True)),
        "often_cron": often,
        "after_cron": after,
        "watch_cron": watch,
        "renew_cron": renew,
        "checks": checks,
    }


def _replay(description: Description) -> str:
    start, end, step = replay_stretch(description)
    return REPLAY.format(name=description.answers.name, start=start, end=end, step=step / timedelta(days=1),
                         per_year=YEAR / step)  # fmt: skip


def replay_stretch(description: Description) -> tuple[datetime, datetime, timedelta]:
    """Return from where, until when and in which steps the history is played: first what two blocks need, then all."""
    pace = description.pacing
    span = pace.history_end - pace.history_start
    before = max(3 * pace.window, math.ceil(span / 5 / pace.window) * pace.window)
    start = pace.history_start + min(before, span / 2)
    # Not a whole window more: a batch that the history does not fill would be refused for its few rows.
    end = pace.history_start + math.floor((pace.history_end - pace.history_start) / HOUR + 1) * HOUR
    return start, max(end, start + HOUR), pace.window
