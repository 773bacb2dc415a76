"""The routes, one file for what they are about. Each one checks, calls one thing, and answers."""
