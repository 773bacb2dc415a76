"""A mail server for one machine: takes every mail, sends none on, and shows them on a page."""
