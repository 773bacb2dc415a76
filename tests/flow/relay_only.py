"""A scheduler without entries: the relay alone."""

from penstock_runtime.broker import make_app

app = make_app()
