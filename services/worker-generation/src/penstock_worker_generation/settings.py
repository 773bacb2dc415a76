"""How much of a dataset a report shows."""

from pydantic import Field

from penstock_runtime.settings import Settings


class ReportSettings(Settings):
    """The bounds of a report. Its size grows with them, not with the dataset."""

    report_columns: int = Field(60, ge=1, le=1_000, description="columns described; the first ones")
    report_bins: int = Field(40, ge=2, le=200, description="most bars of a histogram")
    report_values: int = Field(12, ge=1, le=50, description="most frequent values shown of a column")
    report_text_width: int = Field(60, ge=8, le=500, description="shown of a name or value; 汉 counts as two")
