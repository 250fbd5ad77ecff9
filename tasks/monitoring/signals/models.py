"""The models of the alarm: its policy, the limits learned from a reference, the signals of a check, the alarm."""

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from tasks.codes import Code

Kind = Literal["numeric", "categorical"]
Family = Literal["features", "missing", "joint", "prediction", "target", "performance", "concept"]
SIGNALS: dict[Family, Code] = {
    "features": Code("feature-drift", "A feature is distributed otherwise"),
    "missing": Code("missing-drift", "A feature is missing more or less often"),
    "joint": Code("joint-drift", "Two features go together otherwise"),
    "prediction": Code("prediction-drift", "The predictions are distributed otherwise"),
    "target": Code("target-drift", "The target is distributed otherwise"),
    "performance": Code("performance-drift", "The model errs more, or to one side"),
    "concept": Code("concept-drift", "The model's errors go along with a feature"),
}
"""By the family of a signal."""
TargetKind = Literal["number", "binary", "other"]
"""What can be compared with a prediction: a number, a class 0 or 1, nothing."""
Basis = Literal["windows", "shorter blocks", "assumed"]
"""Where the limits' between-window variation was learned."""
SHARES_OF_RATE: dict[Family, float] = {
    "features": 0.4,
    "missing": 0.05,
    "joint": 0.1,
    "prediction": 0.1,
    "target": 0.1,
    "performance": 0.15,
    "concept": 0.1,
}
"""How the false alarms a year are shared out, so that 300 features do not drown the model's own performance
(weighted Bonferroni: Genovese, Roeder and Wasserman, Biometrika 93, 2006)."""


class AlarmPolicy(BaseModel):
    """How often the alarm may ring for nothing, and what it takes to ring."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    false_alarms_per_year: float = Field(
        default=1.0, gt=0, le=50, description="Alarms a year with no drift at all, over all columns and checks together"
    )
    persistence: int = Field(
        default=2, ge=1, le=6, description="Checks beyond the limit, the newest included, among the last `memory`"
    )
    memory: int = Field(default=3, ge=1, le=8, description="How many of the last checks count")
    share_at_once: float = Field(
        default=0.25,
        ge=0,
        lt=1,
        description="Share of the false alarms spent on a second, wider limit that one check alone may cross; 0: none",
    )
    min_blocks: int = Field(default=8, ge=3, description="Fewest blocks of the reference to learn its variation from")
    max_blocks: int = Field(default=60, ge=8, description="Most blocks, the newest, that are used")
    min_rows: int = Field(default=50, ge=20, description="Fewest rows of a window or block to compute a statistic from")
    max_rows: int = Field(
        default=50_000, ge=1_000, description="Most rows of a window that are used; more are sampled, seeded"
    )
    max_pairs: int = Field(default=200, ge=0, description="Most pairs of columns whose correlation is watched")
    assumed_variation: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Between-window sd, in sds of a row, assumed where the reference is too short to learn it",
    )

    @model_validator(mode="after")
    def _possible(self) -> "AlarmPolicy":
        if self.persistence > self.memory:
            raise ValueError(f"expected a persistence of at most memory {self.memory}, found {self.persistence}")
        return self


class ReferenceColumn(BaseModel):
    """One column in the reference, as far as it is needed to reduce a window of it to numbers."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    knots: tuple[float, ...] = ()
    """Quantiles of a numeric column, at equal steps of probability; ties are kept."""
    levels: tuple[str, ...] = ()
    """Levels of a category whose shares are watched, the commonest first."""
    all_levels: tuple[str, ...] = Field(default=(), validation_alias=AliasChoices("all_levels", "known"))
    """All levels of the reference; empty where they are too many to store."""
    mean: float = 0.0
    sd: float = 1.0
    """Of the column's score by row, which correlations are made of."""
    scored: bool = False
    """Whether the score varies enough for that: a rare value's would be all tail."""


class Statistic(BaseModel):
    """One number of a window, with how it varies between windows without drift and where its limits lie."""

    model_config = ConfigDict(frozen=True)

    family: Family
    column: str
    """A pair is written `a & b`."""
    name: str
    sides: Literal[1, 2]
    """1: only upwards is worse."""
    center: float
    row_sd: float
    """Of one row's contribution: a window of n rows has the sampling variance `row_sd` squared over n."""
    counted: bool
    """Whether it is the share of rows that are so."""
    skewness: float
    """Of one row's contribution."""
    between_sd: float
    """Of windows beyond sampling, as estimated; in the statistic's units."""
    limits: tuple[float, ...]
    """Distance from the center that counts, by the window sizes of the limits."""
    at_once: tuple[float, ...] = ()
    """Distance from the center that rings at once, by the same sizes."""


class Limits(BaseModel):
    """The ordinary range of each statistic in the reference; stored with the model's version."""

    model_config = ConfigDict(frozen=True)

    policy: AlarmPolicy
    basis: Basis
    blocks: int
    rows: int
    """Of the reference."""
    rows_per_block: float
    window_days: float
    checks_per_year: float
    columns: tuple[ReferenceColumn, ...]
    pairs: tuple[tuple[str, str], ...]
    error_cap: float | None
    """Regression: absolute errors are capped here. None: the target is a class, 0 or 1, or unknown."""
    target: TargetKind
    sizes: tuple[int, ...]
    """Rows of a window at which limits were computed."""
    statistics: tuple[Statistic, ...]
    note: str
    """How the limits were computed, and what they fall back to, in a sentence."""


class Signal(BaseModel):
    """One statistic of one check beside its limit."""

    model_config = ConfigDict(frozen=True)

    family: Family
    column: str
    statistic: str
    rows: int
    value: float | None
    """None where it could not be computed; `note` gives the reason."""
    expected: float
    limit: float
    """How far from the expected value still counts as ordinary."""
    exceeded: Literal[-1, 0, 1]
    """The side on which the limit was crossed, 0 for none."""
    at_once: bool = False
    """Whether the wider limit was crossed, which rings without waiting for a second check."""
    note: str = ""

    @property
    def code(self) -> str:
        """Its name in messages and tables; `docs/codes.md` explains it."""
        return SIGNALS[self.family].code


class Alarm(BaseModel):
    """The alarm rings: which signals, and why, in a sentence each."""

    model_config = ConfigDict(frozen=True)

    signals: tuple[Signal, ...]
    reasons: tuple[str, ...]

    @property
    def families(self) -> tuple[Family, ...]:
        """What kinds of signals ring, in order and once each."""
        return tuple(dict.fromkeys(signal.family for signal in self.signals))


def severity(alarm: Alarm | None) -> float:
    """Return how many times its limit the worst signal lies away; 0 where nothing rings."""
    return max(map(away, alarm.signals), default=0.0) if alarm else 0.0


def away(signal: Signal) -> float:
    """Return how many times its limit a signal lies away."""
    return abs((signal.value or 0.0) - signal.expected) / max(signal.limit, 1e-12)
