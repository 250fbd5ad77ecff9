"""Say where this installation keeps its state and where its servers answer."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """The machine's facts, read from `EVERGREEN_*` environment variables each time one is made."""

    model_config = SettingsConfigDict(env_prefix="EVERGREEN_", frozen=True)

    state: Path = Field(default=ROOT / "var", description="Folder that holds everything the system writes")
    host: str = Field(default="127.0.0.1", description="Address the servers listen on")
    host_names: str = Field(
        default="",
        pattern=r"^$|^[^,\s/]+(,[^,\s/]+)*$",
        description="Further names, comma-separated, under which a browser may open the servers; others are refused",
    )
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="Port of the Prefect server and UI")
    mlflow_port: int = Field(default=5000, ge=1, le=65535, description="Port of the MLflow server and UI")
    evidently_port: int = Field(default=8000, ge=1, le=65535, description="Port of Evidently's UI")
    reports_port: int = Field(default=8100, ge=1, le=65535, description="Port that serves the kept HTML reports")
    alert_block: str = Field(
        default="",
        pattern=r"^$|^[a-z0-9-]+/[a-z0-9-]+$",
        description="Prefect block that alerts are sent through, as type/name; empty: nobody is told",
    )

    def hosts(self, port: int) -> list[str]:
        """Return what the `Host` header of a request to the server at `port` may say."""
        local = ["127.0.0.1", "localhost"] if self.host in ("127.0.0.1", "localhost", "0.0.0.0") else []  # noqa: S104
        further = [name for name in self.host_names.lower().split(",") if name]
        return [*(f"{name}:{port}" for name in dict.fromkeys([self.host, *local, *further])), *further]

    def origins(self, port: int) -> list[str]:
        """Return the origins of the server's own pages: the only ones whose script may talk to it."""
        further = [f"https://{name}" for name in self.host_names.lower().split(",") if name]
        return [*(f"http://{host}" for host in self.hosts(port)), *further]

    @property
    def tables(self) -> Path:
        """Folder of the Delta tables."""
        return self.state.absolute() / "tables"

    @property
    def reports(self) -> Path:
        """Folder of the HTML reports that `reports_url` serves."""
        return self.state.absolute() / "reports"

    @property
    def evidently_workspace(self) -> Path:
        """Folder of the Evidently workspace behind its UI."""
        return self.state.absolute() / "evidently"

    @property
    def prefect_url(self) -> str:
        """Address of the Prefect UI; its API is below `/api`."""
        return f"http://{self.host}:{self.prefect_port}"

    @property
    def mlflow_url(self) -> str:
        """Address of the MLflow server and UI."""
        return f"http://{self.host}:{self.mlflow_port}"

    @property
    def evidently_url(self) -> str:
        """Address of Evidently's UI."""
        return f"http://{self.host}:{self.evidently_port}"

    @property
    def reports_url(self) -> str:
        """Address below which the HTML reports are served."""
        return f"http://{self.host}:{self.reports_port}"
