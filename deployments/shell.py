"""Print the environment for a shell, to use `prefect` and `mlflow` by hand: `eval "$(make -s env)"`."""

import shlex
import sys

from deployments.environment import environment
from deployments.password import password, password_file
from tasks.settings import Settings


def main() -> None:
    """Print one `export` a variable; exit 1 with a sentence before the first start."""
    settings = Settings()
    if password(settings) is None:
        sys.exit(f"Nothing was ever started on {settings.state.absolute()}; `make up` makes {password_file(settings)}")
    print(exports(settings))


def exports(settings: Settings) -> str:
    """Return lines for a shell that set every variable of this installation."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment(settings).items())


if __name__ == "__main__":
    main()
