"""Keep the password of Prefect's API: made at the first start, readable by its owner alone."""

import os
import secrets
from pathlib import Path

from filelock import FileLock

from tasks.settings import Settings


def password_file(settings: Settings) -> Path:
    """Return the file that holds the password, as `user:secret` on one line."""
    return settings.state.absolute() / "run" / "prefect-password"


def password(settings: Settings) -> str | None:
    """Return the password of Prefect's API, or None before the first start."""
    file = password_file(settings)
    return file.read_text().strip() if file.exists() else None


def make_password(settings: Settings) -> None:
    """Leave a password on file, readable by its owner alone: the one that is there, or a new random one."""
    file = password_file(settings)
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            _write_private(file.with_suffix(".draft"), f"admin:{secrets.token_urlsafe(24)}\n").rename(file)
        file.chmod(0o600)


def where_password_is(settings: Settings) -> str:
    """Say what Prefect's page asks for and where it stands, in one line."""
    return f"Prefect asks once for a password: the line in {password_file(settings)}"


def _write_private(file: Path, text: str) -> Path:
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as private:
        private.write(text)
    return file
