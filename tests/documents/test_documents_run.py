"""Whoever types what the documents say sees what they say.

Every fenced block of `sh` is run, in its order, in one shell for each document. A block of `json`, `http` or `text`
behind it is compared with what was printed; `comparing.py` says how. A block whose first line names a file behind the
language, such as ```python receiver.py, is written to that file.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from documents.comparing import Different, Known, compare
from documents.reading import Step, steps_of
from documents.shell import Shell

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    path for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "cli/README.md"]) if steps_of(path)
]


@pytest.mark.timeout(400)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the documents' commands need curl, which is not on the PATH")
def test_what_a_document_says_to_type_does_what_it_says(
    suite: Any, open_shell: Callable[[str], Shell], subtests: pytest.Subtests
) -> None:
    # One test for all: pytest-xdist would else start a suite for each.
    for path in DOCUMENTS:
        name = str(path.relative_to(ROOT))
        with subtests.test(name):
            shell, known = open_shell(name), Known()
            for step in steps_of(path):
                _take(step, name, suite, shell, known)


def _take(step: Step, name: str, suite: Any, shell: Shell, known: Known) -> None:
    ran = shell.run(known.put_into(suite.here(step.commands)))
    if step.answer is None:
        return
    output = suite.as_documented(ran.output)
    try:
        compare(step.answer, output, known)
    except Different as different:
        pytest.fail(
            f"{name}, line {step.line}: {different}\n\ncommands:\n{step.commands}\n\nshown:\n{step.answer.text}\n\n"
            f"printed:\n{output}\n{ran.told}"
        )
