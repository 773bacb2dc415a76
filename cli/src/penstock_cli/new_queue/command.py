"""`penstock queues new`."""

from pathlib import Path
from typing import Annotated

import typer

from penstock_cli.client.options import tell
from penstock_contracts.queues import Pool

# What a command needs is imported within it, as in `main`.


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Small letters, digits and underscores.", show_default=False)
    ],
    pool: Annotated[
        Pool, typer.Option(help="gevent for work that waits on the network, prefork for work that computes.")
    ] = Pool.GEVENT,
    time_limit: Annotated[int, typer.Option(help="Seconds that one attempt may take.", min=1, max=86_400)] = 120,
    attempts: Annotated[int, typer.Option(help="How often a job may be started.", min=1, max=100)] = 8,
    root: Annotated[Path, typer.Option(help="A copy of Penstock's repository.")] = Path(),
) -> None:
    """Add a queue to a copy of the repository, with a task and a worker service to begin with.

    Its declaration, contract, service, test, image, values, manifests and the tables that name it: all is written, or,
    where something is in the way, nothing. It needs what `make setup` and `make .tools/helm/installed` install.

    ```
    penstock queues new billing
    penstock queues new video --pool prefork --time-limit 3600 --attempts 3
    ```
    """
    from penstock_cli.new_queue.copy import added
    from penstock_cli.new_queue.declaration import NewQueue, QueueRefused
    from penstock_cli.new_queue.taken import refuse_taken
    from penstock_cli.new_queue.writing import write

    queue = NewQueue(name, pool, time_limit, attempts)
    refuse_taken(root, queue)
    contents = added(root, queue)
    new_ones = {file for file in contents if not (root / file).exists()}
    try:
        write(root, contents)
    except OSError as error:
        raise QueueRefused(f"{error.filename}: {error.strerror}; all is as it was before") from error
    for file in contents:
        typer.echo(f"{'new' if file in new_ones else 'changed'} {file}")
    tell(f"there is a queue {name}. Try it with `make check`, then say what it does: docs/adding-a-queue.md")
