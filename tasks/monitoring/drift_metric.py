"""Let Evidently hold and draw numbers that it did not compute; import it where they are needed, it takes seconds."""

from evidently import Dataset
from evidently.core.metric_types import DataframeCalculation, DataframeMetric, DataframeValue
from evidently.core.report import Context
from evidently.legacy.renderers.html_widgets import table_data, text_widget

OURS = "ours"
"""The additional dataset of a report: columns `role`, `name` and `value`, a row a number."""
HEADLINE = "headline"
"""The one of a single row, and a column of that name: what the page says first, as markdown."""


class Ours(DataframeMetric):
    """The numbers of the dataset `ours`, each a series of its own in the UI, told by its role and name.

    It has no fields: a series whose metric has another value in one is another series.
    """


class OursCalculation(DataframeCalculation[Ours]):
    """Takes the numbers as they are."""

    def calculate(self, context: Context, current_data: Dataset, reference_data: Dataset | None) -> DataframeValue:
        """Return the numbers, shown as the headline and a table of what is told of columns."""
        numbers = context.additional_data[OURS].as_dataframe()
        columns = numbers[numbers["role"] == "column"].sort_values("value", ascending=False)
        rows = [
            (name, f"{far:.2f}", "beyond its limit" if far > 1.0 else "ordinary")
            for name, far in zip(columns["name"], columns["value"], strict=True)
        ]
        headline = context.additional_data[HEADLINE].as_dataframe()[HEADLINE].iloc[0]
        result = self.result(numbers)
        result.widget = [
            text_widget(text=headline, title=self.display_name()),
            table_data(column_names=["column", "distance in limits", "verdict"], data=rows),
        ]
        return result

    def display_name(self) -> str:
        """Return the title of the page's first part."""
        return "The verdict, by the limits that were learned at promotion"
