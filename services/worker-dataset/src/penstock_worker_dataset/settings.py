"""What one imported file may hold, and how much is swept. A file above a bound is rejected by that bound's name."""

from pydantic import Field

from penstock_runtime.settings import Settings


class DatasetSettings(Settings):
    """The bounds of an import and of a sweep. Lines and cells are measured in characters, not bytes."""

    dataset_sample_bytes: int = Field(262_144, ge=64, le=16_777_216, description="tell the encoding")
    dataset_line_characters: int = Field(
        4_000_000, ge=1, le=100_000_000, description="one line; lines within a quoted cell are one"
    )
    dataset_cell_characters: int = Field(1_000_000, ge=1, le=100_000_000)
    dataset_columns: int = Field(1_000, ge=1, le=100_000)
    dataset_column_name_characters: int = Field(1_000, ge=1, le=10_000)
    dataset_rows: int = Field(20_000_000, ge=1, le=1_000_000_000, description="without the header")
    dataset_chunk_characters: int = Field(1_000, ge=1, le=100_000, description="in one chunk of a text")
    dataset_sweep_objects: int = Field(10_000, ge=1, le=1_000_000, description="deleted in one sweep")
