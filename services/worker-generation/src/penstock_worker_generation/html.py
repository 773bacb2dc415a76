"""The report as one HTML file that needs nothing else: styles, font and pictures are in it, and no script."""

from base64 import b64encode

from jinja2 import Environment, PackageLoader, StrictUndefined

from penstock_worker_generation.document import Document
from penstock_worker_generation.fonts import web_font
from penstock_worker_generation.plots import Palette, coloured

_PALETTE = Palette(bar="var(--bar)", ink="var(--quiet)", line="var(--line)")

_pages = Environment(
    loader=PackageLoader("penstock_worker_generation"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(document: Document) -> bytes:
    """The file, in UTF-8. Its font has the characters that stand in it and no others."""
    page = _pages.get_template("report.html")
    pictures = {
        section.number: coloured(section.picture.svg, _PALETTE) for section in document.sections if section.picture
    }
    content = {"report": document, "texts": document.texts, "pictures": pictures}
    characters = set(page.render(content, font=""))
    font = b64encode(web_font(characters)).decode("ascii")
    return page.render(content, font=font).encode()
