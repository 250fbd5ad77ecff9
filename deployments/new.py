"""Describe a new problem from a table: `python -m deployments.new NAME=hotels DATA=stays.csv TIME=... TARGET=...`."""

import keyword
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from tasks.settings import ROOT
from tasks.usecases import UseCase, use_case_names

if TYPE_CHECKING:
    from scaffold.describing import Answers, Description
    from scaffold.tables import Address

WORDS = {
    "NAME": "what the problem is called: a Python name, in small letters",
    "DATA": "csv, parquet or json lines (path, folder, glob or fsspec URL), or a SQLAlchemy URL",
    "TIME": "column of the time at which a row happened",
    "TARGET": "column to predict",
    "KEY": "columns that name a row, separated by commas; row: every row counts",
    "LABEL_TIME": "column of the time at which the target became known, or a delay such as 6h or 3d; now: at once",
    "MATURE": "column, or a delay, from when on a label is a fair sample; none: as soon as it is known",
    "TABLE": "table or view of the database",
    "QUERY": "select statement instead of a table",
    "KIND": "binary, multiclass or regression, where the target leaves it open",
    "TIME_FORMAT": "how TIME is written, such as %d.%m.%Y %H:%M, or s or ms since 1970",
    "ZONE": "where times without a zone were written, such as Europe/Paris; else UTC",
}
NEEDED = ("NAME", "DATA", "TIME", "TARGET")
MOST_BAD = 0.01
"""Largest share of bad rows with which a draft is written."""
UNAVOIDABLE = {"E501", "RUF001", "RUF002", "RUF003", "S105", "S106", "S108", "S608"}
"""Lint that the words in the data cause, not the code around them."""


class CannotDescribe(Exception):
    """Nothing was written; the message says what is missing and which answers there are."""


def main() -> None:
    """Look, show what was found, write both files, and say what to do next; exit 1 with a sentence on refusal."""
    console = Console()
    try:
        description = checked_description(answers_from(sys.argv[1:]))
        show(description, console)
        good, bad = write_files(description)
    except CannotDescribe as refusal:
        sys.exit(f"{refusal}\nNothing was written.")
    console.print(next_steps(description, good, bad), highlight=False, markup=False, soft_wrap=True)


def answers_from(words: Iterable[str], root: Path = ROOT) -> "Answers":
    """Return what the words `NAME=...` say; raise `CannotDescribe` for one that is missing, unknown or impossible."""
    from scaffold.describing import Answers
    from scaffold.profiling import TargetKind

    parts = [word.partition("=") for word in words]
    given = {word: text for word, _, text in parts}
    if unknown := sorted(set(given) - set(WORDS)):
        raise CannotDescribe(f"Expected {', '.join(WORDS)}, found {', '.join(unknown)}.")
    given = {word: text.strip() for word, text in given.items() if text.strip()}
    if missing := [word for word in NEEDED if word not in given]:
        raise CannotDescribe(_ask(missing, given))
    if "KIND" in given and given["KIND"] not in get_args(TargetKind):
        raise CannotDescribe(f"Expected KIND={' or '.join(get_args(TargetKind))}, found {given['KIND']}.")
    zone = given.get("ZONE", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise CannotDescribe(f"Expected ZONE= as in Europe/Paris, found {zone!r}, which no zone is called.") from None
    if refusal := name_refusal(given["NAME"], root):
        raise CannotDescribe(refusal)
    return Answers(
        name=given["NAME"],
        address=_address(given),
        time=given["TIME"],
        target=given["TARGET"],
        key=tuple(part.strip() for part in given.get("KEY", "").split(",") if part.strip()),
        label_time=given.get("LABEL_TIME"),
        mature=given.get("MATURE"),
        kind=given.get("KIND"),  # type: ignore[arg-type]
        time_format=given.get("TIME_FORMAT"),
        zone=zone,
    )


def name_refusal(name: str, root: Path = ROOT) -> str | None:
    """Say why a use case cannot be called so, or None."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        return (
            f"NAME={name} cannot be the name of a Python file; use small letters, digits and _, as in hotel_bookings."
        )
    if name in use_case_names() or any(file.exists() for file in _files(name, root)):
        there = ", ".join(str(file.relative_to(root)) for file in _files(name, root) if file.exists())
        return f"{name} is there already ({there or 'a use case'}); nothing is overwritten. Choose another NAME."
    if name == "prefect":
        return "NAME=prefect would take the place of deployments/prefect.yaml; choose another NAME."
    return None


def checked_description(answers: "Answers") -> "Description":
    """Return what the table looks like and what its use case will be; raise `CannotDescribe` for what is undecided."""
    from scaffold.describing import use_case_description, with_every_row
    from scaffold.profiling import Undecided
    from scaffold.tables import table_sample
    from tasks.errors import SourceError

    try:
        return with_every_row(use_case_description(answers, table_sample(answers.address)))
    except (SourceError, Undecided) as refusal:
        raise CannotDescribe(_sentence(str(refusal))) from refusal


def show(description: "Description", console: Console) -> None:
    """Print what will hurt, most harmful first, and what the table is taken for."""
    pace = description.pacing
    looked = "" if description.looked == description.rows else f", {description.looked:,} of them looked at"
    console.print(
        f"{description.rows:,} rows{looked}, {pace.history_start:%Y-%m-%d} to {pace.history_end:%Y-%m-%d}, "
        f"{len(description.columns)} columns. Target {description.answers.target}: {description.target.kind} "
        f"({description.target.why}).",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    grid = Grid("column", "what was found", "evidence", "feature", title="What will hurt", title_justify="left")
    for finding in description.findings:
        role = "left out" if finding.left_out else ""
        grid.add_row(*map(escape, (finding.column, finding.kind, finding.evidence, role)))
    console.print(grid if description.findings else "Nothing was found that will hurt.")


def write_files(description: "Description", root: Path = ROOT) -> tuple[int, int]:
    """Write the use case and its deployments, both or none; return how many rows of the table are good and bad to it.

    The draft is loaded and reads its own table first.

    Raises:
        CannotDescribe: a file is there already, or the draft would set aside more than one row in a hundred.
    """
    from scaffold.scheduling import deployments_text
    from scaffold.writing import use_case_text

    module, deployments = _files(description.answers.name, root)
    with tempfile.TemporaryDirectory(dir=root, prefix=".new-") as folder:
        drafts = Path(folder) / module.name, Path(folder) / deployments.name
        drafts[0].write_text(_tidy(use_case_text(description), module), encoding="utf-8")
        drafts[1].write_text(deployments_text(description), encoding="utf-8")
        good, bad = _proof(description, drafts[0])
        _place({drafts[1]: deployments, drafts[0]: module})
    return good, bad


def next_steps(description: "Description", good: int, bad: int) -> str:
    """Return what was written, how it fits the table, and what its owner does now."""
    from scaffold.writing import left_out, secret_variable

    name = description.answers.name
    secret = secret_variable(description)
    lines = [
        f"Written: usecases/{name}.py and deployments/{name}.yaml.",
        f"Read back with it: {good:,} good rows, {bad:,} that would be set aside.",
        f"Features: {len(description.numeric) + len(description.dates) + len(description.clock)} numbers, "
        f"{len(description.categorical)} categories; {len(list(left_out(description)))} columns left out, with their "
        "reasons in the file.",
        f"Labels: {description.label.why}." + (f" Mature: {description.mature.why}." if description.mature else ""),
        *([f"Set {secret} to the database's URL wherever a flow runs; no password is in the file."] if secret else []),
        f"Next: read usecases/{name}.py, then `make try NAME={name}`; `make up` serves it (`make deploy` if it is up).",
    ]
    return "\n".join(lines)


def _ask(missing: list[str], given: dict[str, str]) -> str:
    """Return the question for the missing words, with the columns to choose from where the table can be read."""
    asked = "\n".join(f"  {word}=  {WORDS[word]}" for word in missing)
    text = f"Expected {', '.join(f'{word}=' for word in NEEDED)}; missing:\n{asked}"
    if "DATA" not in given or not {"TIME", "TARGET"} & set(missing):
        return text
    from scaffold.profiling import column_profile
    from scaffold.tables import table_sample
    from tasks.errors import SourceError

    try:
        frame = table_sample(_address(given), most=20_000).frame
    except SourceError as error:
        return f"{text}\n{_sentence(str(error))}"
    kinds = {name: column_profile(frame[name])[0].kind for name in frame.columns}
    text += f"\nIts columns: {', '.join(f'{name} ({kind})' for name, kind in kinds.items())}."
    times = [name for name, kind in kinds.items() if kind == "date"]
    if "TIME" not in missing:
        return text
    if times:
        return f"{text}\nTimes: {', '.join(times)}."
    return (
        f"{text}\nNone of them is a time, and Evergreen needs to know when each row happened. If the rows are in order "
        "of time, add a made-up clock and say TIME=made_up_time:\n"
        "  python -c \"import pandas; t = pandas.read_parquet('table.parquet'); t['made_up_time'] = "
        "pandas.date_range('2000-01-01', periods=len(t), freq='h', tz='UTC'); t.to_parquet('timed.parquet')\""
    )


def _address(given: dict[str, str]) -> "Address":
    from scaffold.tables import Address

    data, table, query = given["DATA"], given.get("TABLE"), given.get("QUERY")
    if table and query:
        raise CannotDescribe("Expected TABLE= or QUERY=, found both.")
    if table or query:
        return Address(data, table, query)
    if _is_database(data):
        raise CannotDescribe(
            f"DATA is the database {_url_without_password(data)}; say which rows with TABLE= or QUERY=."
        )
    is_local = "://" not in data and "::" not in data
    # Flows may run in another folder.
    return Address(str(Path(data).expanduser().absolute()) if is_local else data)


def _is_database(data: str) -> bool:
    from sqlalchemy.dialects import registry
    from sqlalchemy.exc import NoSuchModuleError

    scheme = urlsplit(data).scheme
    if not scheme or "://" not in data:
        return False
    try:
        registry.load(scheme.replace("+", "."))
    except NoSuchModuleError:
        return False
    except ImportError:
        return True
    return True


def _url_without_password(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)


def _files(name: str, root: Path) -> tuple[Path, Path]:
    return root / "usecases" / f"{name}.py", root / "deployments" / f"{name}.yaml"


def _place(files: dict[Path, Path]) -> None:
    """Give the drafts their places, all or none, over nothing that is there."""
    placed = []
    try:
        for draft, place in files.items():
            os.link(draft, place)
            placed.append(place)
    except OSError as error:
        for place in placed:
            place.unlink()
        there = isinstance(error, FileExistsError)
        why = "is there already; nothing is overwritten" if there else f"cannot be written: {error.strerror}"
        raise CannotDescribe(f"{place} {why}.") from error


def _tidy(text: str, place: Path) -> str:
    """Return the text as ruff formats it, with the lint that the data's words cause named in its first line."""
    tidy = _ruff(["format"], text, place) or text
    lint = _ruff(["check", "--output-format", "concise", "--exit-zero"], tidy, place)
    codes = sorted(set(re.findall(r": ([A-Z]+\d+)\b", lint)) & UNAVOIDABLE)
    return f"# ruff: noqa: {', '.join(codes)}\n{tidy}" if codes else tidy


def _ruff(words: list[str], text: str, place: Path) -> str:
    """Return what ruff answers, or nothing where it is not installed."""
    command = [sys.executable, "-m", "ruff", *words, "--no-cache", "--stdin-filename", str(place), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False)
    if done.returncode and "No module named ruff" not in done.stderr:
        raise AssertionError(f"the draft is no Python: {done.stderr}")
    return done.stdout


def _proof(description: "Description", draft: Path) -> tuple[int, int]:
    """Load the draft and let it read its own table; return the good and the bad rows."""
    from scaffold.writing import secret_variable
    from tasks.errors import SourceError

    secret = secret_variable(description)
    before = os.environ.get(secret or "")
    if secret:
        os.environ[secret] = description.answers.address.url
    try:
        return _good_and_bad(_draft_use_case(draft))
    except SourceError as refusal:
        raise CannotDescribe(_sentence(f"the drafted use case cannot read its table: {refusal}")) from refusal
    finally:
        if secret and before is None:
            del os.environ[secret]


def _draft_use_case(draft: Path) -> UseCase:
    spec = spec_from_file_location(f"draft_{draft.stem}", draft)
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.USE_CASE


def _good_and_bad(problem: UseCase) -> tuple[int, int]:
    """Return how many rows of the whole history are good, and how many are bad, as collect would find."""
    from collections import Counter
    from datetime import UTC, datetime

    from tasks.data.validation import row_faults, shape_fault, with_declared_dtypes

    reasons: Counter[str] = Counter()
    rows = 0
    for frame in problem.source.rows(problem.history_start, datetime(2200, 1, 1, tzinfo=UTC)):
        plain = with_declared_dtypes(frame, problem)
        if fault := shape_fault(plain, problem):
            raise CannotDescribe(f"The drafted use case does not fit its table: {fault}.")
        rows += len(plain)
        faults = row_faults(plain, problem)
        reasons.update(faults[faults != ""].tolist())
    bad = reasons.total()
    if bad > MOST_BAD * rows:
        worst = "; ".join(f"{reason} ({count:,} rows)" for reason, count in reasons.most_common(3))
        raise CannotDescribe(f"{bad:,} of {rows:,} rows would be set aside: {worst}. Mend the table, or give a QUERY=.")
    return rows - bad, bad


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


if __name__ == "__main__":
    main()
