"""What a run has found: by schemathesis in the answers, and besides in what became of processes, logs and jobs."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from penstock_cli.local.run import Running
from penstock_runtime.database import connect
from penstock_runtime.schema import jobs
from penstock_runtime.settings import RuntimeSettings, load


@dataclass(frozen=True)
class Findings:
    """One run. `answers`: schemathesis's report; `jobs`: accepted ones by task and state."""

    answers: dict[str, Any]
    died: list[str]
    dead: list[str]
    errors: list[str]
    jobs: Counter[tuple[str, str]]

    @property
    def all(self) -> list[str]:
        """Each finding as a sentence; empty: there are none, and the run was whole."""
        cases = self.answers["test_cases"]
        found = [f"{one['title']}: {', '.join(one['operations'])}" for one in self.answers["failures"]]
        found += [f"error: {one}" for one in self.answers["errors"]]
        if not cases["generated"] or not self.answers["complete"]:
            found.append(f"the run was not whole: {self.answers['stop_reason']}")
        operations = self.answers["operations"]
        if operations["tested"] < operations["total"]:
            found.append(f"{operations['total'] - operations['tested']} operations were not tested")
        return found + self.died + self.dead + self.errors


def look(suite: Running, report: Path) -> Findings:
    """What the run on this suite has found."""
    answers = json.loads(report.read_text(encoding="utf-8"))
    died = [f"{child.program.name} died" for child in suite.supervisor.children if child.restarts]
    log = suite.state.log("api").read_text(encoding="utf-8", errors="replace")
    errors = [f"the API logged: {line[:2000]}" for line in log.splitlines() if '"level": "error"' in line]
    counted, dead = _jobs(suite)
    return Findings(answers, died, dead, errors, counted)


def _jobs(suite: Running) -> tuple[Counter[tuple[str, str]], list[str]]:
    engine = connect(load(RuntimeSettings, PENSTOCK_DATABASE_URL=suite.database_url), most=2)
    with engine.connect() as connection:
        rows = connection.execute(select(jobs.c.task, jobs.c.state, func.count()).group_by(jobs.c.task, jobs.c.state))
        counted = Counter({(task, state): count for task, state, count in rows})
        # No request may bring a worker to where somebody has to look.
        dead = connection.execute(select(jobs.c.id, jobs.c.task, jobs.c.error).where(jobs.c.state == "dead")).all()
    engine.dispose()
    return counted, [f"a job is dead: {job.task} {job.id} {job.error}" for job in dead]
