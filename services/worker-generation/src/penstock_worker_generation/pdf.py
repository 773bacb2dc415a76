"""The report as PDF, set by typst, whose compiler the Python package carries."""

import json
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files

import typst

from penstock_worker_generation.document import Document
from penstock_worker_generation.fonts import FAMILY, font_file
from penstock_worker_generation.plots import Palette, coloured

_PALETTE = Palette(bar="#2a78b8", ink="#4a5560", line="#d5dde3")


def render(document: Document, made_at: datetime) -> bytes:
    """The file. What it says goes to typst as JSON: nothing in a dataset is ever read as typst's markup or code."""
    content = asdict(document)
    for section in content["sections"]:
        if section["picture"]:
            section["picture"]["svg"] = coloured(section["picture"]["svg"], _PALETTE)
    template = files("penstock_worker_generation").joinpath("templates/report.typ").read_bytes()
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(font_file().parent)])
    return typst.compile(
        template,
        format="pdf",
        font_paths=fonts,
        sys_inputs={"report": json.dumps(content, ensure_ascii=False), "font": FAMILY},
        timestamp=made_at,
    )
