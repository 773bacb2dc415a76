"""Whether there is room for a new queue in a copy of the repository."""

import ast
import re
from pathlib import Path

from penstock_cli.new_queue.declaration import NewQueue, QueueRefused
from penstock_cli.new_queue.edits import CONTRACTS


def refuse_taken(root: Path, queue: NewQueue) -> None:
    """Raises QueueRefused where `root` is no repository of Penstock's, or has what the queue would bring."""
    declaration = root / CONTRACTS / "queues.py"
    if not declaration.is_file():
        raise QueueRefused(
            f"there is no copy of Penstock's repository in {root.resolve()}: "
            "--root names the folder that has app.py and libs/"
        )
    if where := _found(root, queue, declaration.read_text(encoding="utf-8")):
        raise QueueRefused(
            f"the queue {queue.name!r} cannot be added: {where}. Choose another name; nothing was written"
        )


def _found(root: Path, queue: NewQueue, declared: str) -> str:
    if re.search(rf'\bQueue\(\s*"{queue.name}"', declared):
        return f"{CONTRACTS}/queues.py declares it already"
    for path in (f"{CONTRACTS}/{queue.name}.py", f"services/{queue.service}", f"requirements/{queue.service}.txt"):
        if (root / path).exists():
            return f"{path} is there already"
    if queue.constant in _names(declared):
        return f"{queue.constant} means something else in {CONTRACTS}/queues.py"
    if queue.name in _names((root / "app.py").read_text(encoding="utf-8")):
        return f"{queue.name} means something else in app.py"
    return ""


def _names(source: str) -> set[str]:
    """What a module's own lines give a meaning to."""
    found = set()
    for statement in ast.parse(source).body:
        match statement:
            case ast.Import(names) | ast.ImportFrom(names=names):
                found |= {one.asname or one.name for one in names}
            case ast.Assign(targets):
                found |= {one.id for one in targets if isinstance(one, ast.Name)}
            case ast.ClassDef(name) | ast.FunctionDef(name):
                found.add(name)
    return found
