"""The evidence that a retrain gathers about its challenger."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks.training.comparison import BootstrapEstimate
from tasks.usecases import MetricName


class SliceGain(BaseModel):
    """How a challenger does beside the champion on one group of rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """As in "origin=EWR"."""
    rows: int
    gain: BootstrapEstimate | None
    """None where it is not defined."""


class GroupGap(BaseModel):
    """How differently the groups of a protected column are treated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    measure: str
    gap: float | None
    passed_over: str = ""
    """The groups that are too small to compare, by name."""


class Serving(BaseModel):
    """How the registered model did in a clean process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: str | None = None
    """Why it did not load or predict; None if it did."""
    difference: float | None = None
    """Largest difference from the predictions here, as a share of the largest of these."""
    milliseconds: float | None = None
    """Median time to predict the stored rows."""
    champion_milliseconds: float | None = None
    size: int | None = None
    """Bytes of the model file."""
    champion_size: int | None = None
    champion_fault: str | None = None
    """Why the champion did not load there; None if it did, or there is none."""


class Evidence(BaseModel):
    """The numbers that the gates judge. Scores are means over blocks, weighted by rows; None: could not be computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: MetricName
    rows: int
    """Labelled rows in the evaluation blocks."""
    challenger: float | None
    baseline: float | None
    gain_over_baseline: BootstrapEstimate | None = None
    simple_model: float | None = None
    """Score of a linear model of the same features."""
    as_of: AwareDatetime | None = None
    rows_per_day: float | None = None
    """Labelled rows that came a day in the newest block."""

    champion_version: str | None = None
    champion_fault: str | None = None
    """Why the champion could not be asked."""
    compared_rows: int = 0
    """Rows of the blocks that neither challenger nor champion was trained on."""
    overlap_rows: int = 0
    """Rows of the blocks that the champion was trained on, left out of the comparison."""
    compared_from: AwareDatetime | None = None
    compared_until: AwareDatetime | None = None
    challenger_beside_champion: float | None = None
    champion: float | None = None
    simple_model_beside_champion: float | None = None
    gain_over_champion: BootstrapEstimate | None = None
    candidates: float = 1.0
    """As how many independent tries the declared candidates count, of which the challenger is the best."""
    error_share: float = 1.0
    """Share of the error budget that this comparison may spend (see `affordable_share`)."""
    slices: tuple[SliceGain, ...] = ()
    group_gaps: tuple[GroupGap, ...] = ()

    finite_share: float | None = None
    outside: float | None = None
    """How far the farthest prediction lies outside what is possible (chances) or was learned from (see policy)."""
    same_share: float | None = None
    is_classification: bool = True
    calibration_error: float | None = None
    champion_calibration_error: float | None = None
    bias: float | None = None
    champion_bias: float | None = None

    best_single_feature: str = ""
    single_skill: float | None = None
    learned_rows: int | None = None
    """Evaluated rows that the model which is evaluated on them was fitted on."""
    early_rows: int | None = None
    """Rows that a model was fitted on before their label was known."""
    copied_share: float | None = None
    late_feature: str = ""
    late_share: float | None = None

    serving: Serving | None = None
    largest_reproduction_difference: float | None = None
    """As a share of the largest prediction."""
