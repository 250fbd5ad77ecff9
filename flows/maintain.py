"""Maintain: keep the tables small, and every version that a model cites readable."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.registry.maintenance import (
    MaintenancePolicy,
    cited_versions,
    compacted_tables,
    show_maintenance,
    vacuumed_tables,
)
from tasks.usecases import UseCaseName


@flow(flow_run_name=run_name)
def maintain(usecase: UseCaseName, maintenance: MaintenancePolicy) -> str:
    """Join small files, and delete old ones that neither the newest rows nor a registered model needs.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        maintenance: Which files are deleted.
    """
    compacted = compacted_tables(usecase)
    cited = cited_versions(usecase)
    vacuumed = vacuumed_tables(usecase, compacted, cited, maintenance)
    return show_maintenance(usecase, vacuumed, cited, maintenance)
