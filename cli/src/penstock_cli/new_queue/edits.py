"""What a new queue changes in files that are there: places that must be found, and what goes there."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from penstock_cli.new_queue.declaration import NewQueue, QueueRefused

CONTRACTS = "libs/contracts/src/penstock_contracts"


@dataclass(frozen=True)
class Edit:
    """A pattern that is in the file so many times, and what stands in the place of each match."""

    place: str
    what: str | Callable[[re.Match[str]], str]
    times: int = 1

    def apply(self, text: str) -> str:
        """Raises LookupError where the place is not there, or another number of times: nobody knows what is meant."""
        changed, times = re.subn(self.place, self._replaced, text, flags=re.MULTILINE)
        if times != self.times:
            raise LookupError(f"{self.place!r} is in it {times} times, which were {self.times}")
        return changed

    def _replaced(self, found: re.Match[str]) -> str:
        return self.what if isinstance(self.what, str) else self.what(found)


def edit(root: Path, queue: NewQueue) -> None:
    """Change the files under `root`. Raises QueueRefused where one is no longer as it was when this was written."""
    for name, edits in (_code(queue) | _workspace(queue) | _deployment(queue)).items():
        try:
            text = (root / name).read_text(encoding="utf-8")
            for one in edits:
                text = one.apply(text)
        except (LookupError, OSError) as error:
            raise QueueRefused(
                f"{name} cannot be changed: {error}. Nothing was written; "
                "add the queue by hand, as docs/adding-a-queue.md says"
            ) from None
        (root / name).write_text(text, encoding="utf-8")


Edits = dict[str, tuple[Edit, ...]]


def _code(queue: NewQueue) -> Edits:
    """Lines may become too long, and imports stand in any order: ruff has them later."""
    declared = f'{queue.constant} = Queue("{queue.name}", service="{queue.service}", pool=Pool.{queue.pool.name}, '
    declared += f"time_limit={queue.time_limit}, attempts={queue.attempts})"
    row = f"| `{queue.name}` | say here what its work is | [services/{queue.service}](services/{queue.service}) "
    return {
        f"{CONTRACTS}/queues.py": (
            Edit(r"\n(?=\nQUEUES = \()", f"\n{declared}\n"),
            Edit(r",?\s*\)\n(?=BY_NAME = )", f", {queue.constant})\n"),
        ),
        f"{CONTRACTS}/tasks.py": (
            Edit(r"^(?=TASKS: )", f"from penstock_contracts.{queue.name} import {queue.task}\n\n"),
            Edit(r"^\)\n(?=BY_NAME = )", f"    {queue.task},\n)\n"),
        ),
        "app.py": (
            Edit(r"^\n(?=celery = )", f"from {queue.package} import tasks as {queue.name}\n\n"),
            Edit(r",?\s*\](?=,\s*schedule=ENTRIES)", f", *{queue.name}.served()]"),
        ),
        "tests/payloads.py": (Edit(r"^\}\n\Z", f'    "{queue.name}.run": {{"subject": "a subject"}},\n}}\n'),),
        "README.md": (Edit(r"^\n(?=Besides them run )", f"{row}| {queue.pool.value} | `{queue.name}.run` |\n\n"),),
    }


def _workspace(queue: NewQueue) -> Edits:
    distribution = f"penstock-{queue.service}"
    depends = Edit(r'^(?=  "penstock-scheduler",$)', f'  "{distribution}",\n')
    source = Edit(r"^(?=penstock-scheduler = \{ workspace)", f"{distribution} = {{ workspace = true }}\n")
    return {
        "pyproject.toml": (
            depends,
            source,
            Edit(r'(?="services/scheduler/src")', f'"services/{queue.service}/src", '),
            # mypy's packages, and import-linter's: all, and those without Celery.
            Edit(r'(?<=, )(?="penstock_scheduler")', f'"{queue.package}", ', times=3),
            Edit(r"(?= \| penstock_scheduler)", f" | {queue.package}"),
        ),
        "cli/pyproject.toml": (depends, source),
    }


def _deployment(queue: NewQueue) -> Edits:
    image = f"penstock_{queue.service.replace('-', '_')}"
    values = (
        f'          workers.{queue.key}.image.repository: "{{{{.IMAGE_REPO_{image}}}}}"\n'
        f'          workers.{queue.key}.image.tag: "{{{{.IMAGE_TAG_{image}}}}}@{{{{.IMAGE_DIGEST_{image}}}}}"\n'
    )
    named = f"{{name: penstock/{queue.service}, newName: registry.example.com/penstock/{queue.service}}}"
    return {
        "Dockerfile": (Edit(r"^(?=FROM \$\{SERVICE\} AS dev$)", _stage(queue)),),
        "skaffold.yaml": (
            Edit(r"^(?=deploy:$)", _artifact(queue)),
            Edit(r"^(?=  statusCheckDeadlineSeconds: )", values),
            Edit(r"^( +- \{op: add, path: /build/artifacts/)(\d+)(/.+\n)(?!\1)", _next_place),
        ),
        "charts/penstock/files/queues.yaml": (Edit(r"\Z", _meaning(queue)),),
        "charts/penstock/values.yaml": (Edit(r"^\n(?=networkPolicy:$)", f"{_quantity(queue)}\n"),),
        "k8s/overlays/production/kustomization.yaml": (Edit(r"\Z", f"  - {named}\n"),),
    }


def _next_place(found: re.Match[str]) -> str:
    """The last patch, and one for the artifact behind its own."""
    return f"{found[0]}{found[1]}{int(found[2]) + 1}{found[3]}"


def _stage(queue: NewQueue) -> str:
    command = (
        f'"penstock-celery", "-A", "{queue.package}.app", "worker", "-Q", "{queue.name}", "-P", "{queue.pool.value}"'
    )
    return (
        f"FROM pod AS {queue.service}\n"
        f'ENTRYPOINT [{command}, "--without-gossip", "--without-mingle"]\n'
        f'CMD ["-c", "{queue.concurrency}", "--loglevel", "INFO"]\n\n'
    )


def _artifact(queue: NewQueue) -> str:
    return (
        f"    - image: penstock/{queue.service}\n"
        f"      docker: {{dockerfile: Dockerfile, buildArgs: {{SERVICE: {queue.service}}}}}\n"
        "      sync:\n"
        "        manual:\n"
        '          - {src: "libs/*/src/**/*", dest: /src}\n'
        f'          - {{src: "services/{queue.service}/src/**/*", dest: /src}}\n'
        "        hooks:\n"
        "          after: [{container: {command: [sh, -c, kill -HUP 1]}}]\n"
    )


def _meaning(queue: NewQueue) -> str:
    return (
        f"{queue.name}:\n"
        f"  service: {queue.service}\n"
        f"  pool: {queue.pool.value}\n"
        f"  timeLimit: {queue.time_limit}\n"
        f'  lists: {{normal: {queue.name}, bulk: "{queue.name}:5"}}\n'
        f"  unackedKey: unacked:{queue.name}\n"
    )


def _quantity(queue: NewQueue) -> str:
    return (
        f"  {queue.key}:\n"
        f"    queue: {queue.name}\n"
        f"    concurrency: {queue.concurrency}\n"
        "    autoscaling: {maxReplicas: 4}\n"
    )
