"""`penstock pause`, `resume` and `drain`: queues from which no worker takes anything for a while."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock_cli.client.options import HERE, Json, State, Url, connected, print_json, tell
from penstock_cli.statuses import Status
from penstock_contracts.queues import BY_NAME

if TYPE_CHECKING:
    from penstock_cli.client.api import Api

DRAIN = "drain"
"""The reason of the pauses that `penstock drain` makes, by which its end knows them."""

WITHIN = 3600
"""Seconds for which a drain waits unless it is told otherwise: the longest time limit of a queue."""

EVERY = 1.0
"""Seconds between two looks of a drain."""


def declared(incomplete: str) -> list[str]:
    """Names for a shell to complete to."""
    return [name for name in BY_NAME if name.startswith(incomplete)]


Queues = Annotated[
    list[str],
    typer.Argument(metavar="QUEUE...", help="One or several.", show_default=False, autocompletion=declared),
]


def pause(
    queues: Queues,
    reason: Annotated[str | None, typer.Option(help="Why, for whoever looks at the queues.")] = None,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """Pause a queue: no worker takes a job of it any more, what runs ends, what comes is accepted and waits.

    It lasts until `penstock resume`, also when workers, Redis or the API are started anew, or Redis loses all it holds.
    The key needs the scope `admin`, since all tenants feel it.

    ```
    penstock pause mail --reason "the mail server moves"
    ```
    """
    with connected(api, state) as asked:
        for queue in queues:
            done = _ask(asked, queue, "pause", reason)
            if as_json:
                print_json(done)
            else:
                typer.echo(_said_of(done))
            if not done["paused"]["in_force"]:
                tell(f"Redis does not know of it yet: workers may take jobs of {queue} until it does")


def resume(queues: Queues, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Resume a queue: what waits in it is taken again, within a second.

    ```
    penstock resume mail
    ```
    """
    with connected(api, state) as asked:
        for queue in queues:
            done = _ask(asked, queue, "resume")
            if as_json:
                print_json(done)
            else:
                typer.echo(f"{queue} is not paused any more")


def drain(
    within: Annotated[int, typer.Option(help="Seconds to wait until nothing is in flight.", min=0)] = WITHIN,
    end: Annotated[bool, typer.Option("--end", help="Resume what a drain has paused.")] = False,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """Pause all queues and wait until nothing is in flight, so that Redis may be stopped, upgraded or replaced.

    Queues stay paused, however it ends, until `penstock drain --end`. What was paused before stays so then, too. Where
    something still runs after --within, it is told, and the status is 3. The key needs the scopes `read` and `admin`.

    ```
    penstock drain --within 600
    penstock drain --end
    ```
    """
    with connected(api, state) as asked:
        if end:
            _end(asked, as_json=as_json)
            return
        try:
            for queue in _queues(asked):
                if queue["paused"] is None:
                    _ask(asked, queue["queue"], "pause", DRAIN)
            found = _wait(asked, within)
        except KeyboardInterrupt:
            tell("what is paused stays paused until `penstock drain --end`")
            raise typer.Exit(Status.INTERRUPTED) from None
        if as_json:
            print_json(found)
        if left := _left(found):
            tell(f"{left}; the queues stay paused: repeat `penstock drain`, or end it with `penstock drain --end`")
            raise typer.Exit(Status.UNSUCCESSFUL)
        if not as_json:
            typer.echo("nothing is in flight; Redis may be stopped. `penstock drain --end` resumes the queues")


def _wait(asked: "Api", within: int) -> list[dict[str, Any]]:
    """The queues once nothing is in flight, one was resumed by somebody, or the time is over."""
    until, told = time.monotonic() + within, ""
    while True:
        found = _queues(asked)
        left = _left(found)
        resumed = any(queue["paused"] is None for queue in found)
        if not left or resumed or time.monotonic() >= until:
            return found
        if left != told:
            tell(left)
            told = left
        time.sleep(EVERY)


def _left(found: list[dict[str, Any]]) -> str:
    """What there is yet to wait for; empty: nothing."""
    parts = []
    if resumed := [queue["queue"] for queue in found if queue["paused"] is None]:
        parts.append(f"resumed meanwhile: {', '.join(resumed)}")
    if untold := [queue["queue"] for queue in found if queue["paused"] and not queue["paused"]["in_force"]]:
        parts.append(f"Redis does not know yet that these are paused: {', '.join(untold)}")
    if busy := [f"{queue['queue']} {queue['in_flight']}" for queue in found if queue["in_flight"]]:
        parts.append(f"in flight: {', '.join(busy)}")
    return "; ".join(parts)


def _end(asked: "Api", *, as_json: bool) -> None:
    for queue in _queues(asked):
        if queue["paused"] is None:
            continue
        if queue["paused"]["reason"] != DRAIN:
            tell(f"{_said_of(queue)}, and stays so: `penstock resume {queue['queue']}`")
            continue
        done = _ask(asked, queue["queue"], "resume")
        if as_json:
            print_json(done)
        else:
            typer.echo(f"{queue['queue']} is not paused any more")


def _queues(asked: "Api") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = asked.get("/v1/queues")["items"]
    return items


def _ask(asked: "Api", queue: str, verb: str, reason: str | None = None) -> dict[str, Any]:
    from penstock_cli.client.api import queue_path

    return asked.post(queue_path(queue, verb, reason))


def _said_of(queue: dict[str, Any]) -> str:
    from penstock_cli.client.tables import pause_of

    return f"{queue['queue']} is paused since {pause_of(queue)}"
