"""The one font of all reports: Noto Sans SC, which a Python package carries (SIL Open Font License 1.1)."""

from io import BytesIO
from pathlib import Path

import pylopdf_fonts_zh_cn
from fontTools import subset  # type: ignore[import-untyped]  # it ships no types

FAMILY = "Noto Sans SC"

_KEPT_NAMES = [0, 1, 2, 13, 14]
"""Copyright, family, style and licence: they stay in what is cut from the font, as its licence asks."""


def font_file() -> Path:
    """The font as an OpenType file."""
    return Path(pylopdf_fonts_zh_cn.sans_path())


def web_font(characters: set[str]) -> bytes:
    """The font as WOFF with these characters only. Those it does not have are left to the reader's own fonts."""
    options = subset.Options(flavor="woff", layout_features=["kern", "ccmp"], name_IDs=_KEPT_NAMES, hinting=False)
    cutter = subset.Subsetter(options)
    cutter.populate(text="".join(sorted(characters)))
    cut = BytesIO()
    with subset.load_font(font_file(), options) as font:
        cutter.subset(font)
        subset.save_font(font, cut, options)
    return cut.getvalue()
