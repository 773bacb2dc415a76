"""Where a contestant keeps in PostgreSQL what came of its tasks."""

from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier


@dataclass(frozen=True)
class Results:
    """url: of the database. done: a condition of SQL that holds for the row of a task that has succeeded."""

    url: str
    table: str
    done: str

    def forget(self) -> None:
        """Empty the table, where there is one."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            if connection.execute("SELECT to_regclass(%s)", (self.table,)).fetchone() != (None,):
                connection.execute(SQL("TRUNCATE {}").format(Identifier(self.table)))

    def faults(self, name: str, count: int) -> list[str]:
        """What is wrong where not all of so many tasks have succeeded, in a sentence."""
        query = SQL("SELECT count(*), count(*) FILTER (WHERE {}) FROM {}")
        with psycopg.connect(self.url) as connection:
            found = connection.execute(query.format(SQL(self.done), Identifier(self.table))).fetchone()
        rows, done = found or (0, 0)
        if rows == done == count:
            return []
        return [f"{name}: {self.table} has {rows} rows, {done} of them of success, for {count} tasks"]


def of_the_ledger(url: str) -> Results:
    """Penstock's rows."""
    return Results(url, "jobs", "state = 'succeeded'")


def of_celery(url: str) -> Results:
    """Those of Celery's own result backend for databases."""
    return Results(url, "celery_taskmeta", "status = 'SUCCESS'")
