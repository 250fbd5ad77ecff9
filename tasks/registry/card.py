"""Write a model's card: what it is for, what it learned from, how good it is, and what it must not be used for.

Source of the form: Mitchell et al., Model Cards for Model Reporting, FAT* 2019.
"""

import re
from collections.abc import Mapping
from typing import Any

from tasks.artifacts import as_markdown, as_table
from tasks.metrics import change, figure
from tasks.usecases import UseCase

LONGEST_DESCRIPTION = 5_000
"""Characters that MLflow's registry keeps of a description on a database that counts them."""
LOCAL_FOLDER = re.compile(r"^(file://)?/.*/|(?<=sqlite:///)/.*/")
GATE_COLUMNS = ("gate", "number", "limit", "verdict", "note")


def card(problem: UseCase, facts: Mapping[str, Any], code: str, requirements: list[str], links: str = "") -> str:
    """Return the card of a model as markdown.

    `facts` are those of its promotion in the ledger (see `tasks/promotion/promotion.py`), `code` the commit that
    trained it, `requirements` the libraries that it was stored with, `links` markdown that leads to what goes with it.
    """
    parts = [
        f"# {problem.name}: {problem.question}",
        *([links] if links else []),
        f"## Intended use and limits\n\n{intended_use(problem, facts)}",
        f"## Data\n\n{as_markdown(data_facts(problem, facts))}",
        f"## How good it is\n\n{as_table(score_rows(facts), ('model', facts['metric'], 'rows'))}\n\n{gain_text(facts)}",
        f"## Gates\n\n{gates_table(facts['gates'])}",
        f"## Slices\n\n{slices_table(problem, facts)}",
        f"## Features\n\nNumbers: {_name_list(problem.numeric)}\n\nCategories: {_name_list(problem.categorical)}",
        f"## How it was made\n\n{as_markdown(making_facts(facts, code, requirements))}",
    ]
    return "\n\n".join(parts) + "\n"


def short_text(text: str, whole: str) -> str:
    """Return a text that the registry can keep; one that is too long ends with where the `whole` of it lies."""
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    end = f"\n\n... The whole card: {whole}"
    return text[: LONGEST_DESCRIPTION - len(end)] + end


def intended_use(problem: UseCase, facts: Mapping[str, Any]) -> str:
    """Return the use case's own words, and what the training data leave open."""
    own = problem.intended_use or "The use case does not say (`intended_use` in its file)."
    return (
        f"{own}\n\nIt was trained on rows of {facts['window']}. It does not know what has changed since: that is why "
        f"it is monitored and retrained."
    )


def data_facts(problem: UseCase, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the model learned from, by name."""
    label = f"known at {problem.label_time}" + (f", used from {problem.mature} on" if problem.mature else "")
    return {
        "source": source_name(problem),
        "dataset version": facts["dataset_version"],
        "event times": facts["window"],
        "labelled rows": f"{facts['rows_trained_on']:,}",
        "target": f"{problem.target}, {label}",
    }


def source_name(problem: UseCase) -> str:
    """Return what the rows are read from, without the folders of the machine that trained the model."""
    return LOCAL_FOLDER.sub("", str(problem.source))


def score_rows(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the mean score of the recipe and of what it was compared with, on blocks that came after the training."""
    metric, rows, shared = facts["metric"], facts["rows"], facts.get("compared_rows")
    scores = [
        ("this recipe", facts["challenger"], rows),
        ("trivial baseline", facts["baseline"], rows),
        ("linear model of the same features", facts.get("simple_model"), rows),
        ("this recipe, on rows that the champion was not trained on", facts.get("challenger_beside_champion"), shared),
        (f"champion version {facts.get('champion_version')}, on the same", facts.get("champion"), shared),
    ]
    return [{"model": who, metric: score, "rows": f"{count:,}"} for who, score, count in scores if score is not None]


def gain_text(facts: Mapping[str, Any]) -> str:
    """Return the gain over the champion with its 95 % interval."""
    if facts.get("champion_version") is None:
        return "There was no champion to compare with."
    estimate = facts.get("gain_over_champion")
    interval = "no interval was computed" if estimate is None else estimate_text(estimate)
    return f"Gain over champion version {facts['champion_version']}: {interval}."


def estimate_text(estimate: Mapping[str, Any]) -> str:
    """Return an estimate (value, standard error, degrees of freedom) with its 95 % interval by Student's t."""
    low, high = interval(estimate)
    return f"{change(estimate['value'])}, 95 % interval {change(low)} to {change(high)}"


def interval(estimate: Mapping[str, Any]) -> tuple[float, float]:
    """Return the bounds of an estimate's 95 % interval by Student's t."""
    from scipy.stats import t

    reach = float(t.isf(0.025, estimate["freedom"])) * estimate["error"]
    return estimate["value"] - reach, estimate["value"] + reach


def score_text(facts: Mapping[str, Any]) -> str:
    """Return the metric that decided, and the gain over the champion with its 95 % interval, in a few words."""
    if facts.get("champion_version") is None:
        return f"{facts['metric']} {figure(facts['challenger'])}, no champion before"
    score = f"{facts['metric']} {figure(facts['challenger_beside_champion'])}"
    estimate = facts.get("gain_over_champion")
    if estimate is None:
        return f"{score}, gain unknown"
    low, high = map(change, interval(estimate))
    return f"{score} ({change(estimate['value'])}, 95 % {low} to {high})"


def gain_numbers(facts: Mapping[str, Any]) -> dict[str, float]:
    """Return what the list of runs shows as columns: the metric that decided, and the gain's bounds and value."""
    estimate = facts.get("gain_over_champion")
    score = facts["challenger"] if estimate is None else facts["challenger_beside_champion"]
    gain = {} if estimate is None else dict(zip(("gain_low", "gain_high"), interval(estimate), strict=True))
    numbers = {"score": score, "gain": estimate and estimate["value"], **gain}
    return {name: float(number) for name, number in numbers.items() if number is not None}


def gates_table(gates: list[dict[str, Any]]) -> str:
    """Return the verdict of each gate as a markdown table."""
    rows = [gate | {"verdict": "passed" if gate["reason"] is None else f"refused: {gate['reason']}"} for gate in gates]
    return as_table(rows, GATE_COLUMNS) if rows else "No gate was computed."


def slices_table(problem: UseCase, facts: Mapping[str, Any]) -> str:
    """Return the gain over the champion group by group."""
    groups = facts.get("slices") or []
    if not groups:
        declared = _name_list(problem.slices)
        return f"Declared: {declared}. None was compared with a champion."
    rows = [
        {
            "slice": group["name"],
            "rows": f"{group['rows']:,}",
            "gain": estimate_text(group["gain"]) if group["gain"] else "not defined",
        }
        for group in groups
    ]
    return as_table(rows, ("slice", "rows", "gain"))


def making_facts(facts: Mapping[str, Any], code: str, requirements: list[str]) -> dict[str, Any]:
    """Return by whom and with what the model was made, by name."""
    return {
        "reason for the retrain": facts["asked_because"],
        "candidate": facts["candidate"],
        "code version": code,
        "dependencies": ", ".join(requirements),
        "approved": facts.get("approved", "not required"),
    }


def _name_list(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
