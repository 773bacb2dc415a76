"""The generation queue: reports on datasets."""
