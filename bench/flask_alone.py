"""Flask with one view, for what it takes to start."""

from flask import Flask

app = Flask(__name__)


@app.get("/healthz")
def well() -> str:
    """An answer."""
    return "well"
