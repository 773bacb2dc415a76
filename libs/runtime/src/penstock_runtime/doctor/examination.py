"""The examination: the servers first, then what lies in them."""

from collections.abc import Callable
from functools import partial

from penstock_runtime import waiting
from penstock_runtime.doctor import database, storage
from penstock_runtime.doctor.brokers import broker_of
from penstock_runtime.doctor.clocks import apart
from penstock_runtime.doctor.codes import Code
from penstock_runtime.doctor.inside import look_inside
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Look, Sight, all_at_once
from penstock_runtime.findings import Finding
from penstock_runtime.settings import RuntimeSettings, load
from penstock_runtime.urls import without_password


def examine(settings: RuntimeSettings, bounds: DoctorSettings | None = None) -> list[Finding]:
    """What is wrong that a process with these settings can see. It takes twice `doctor_seconds` at most.

    bounds: from the environment unless given. Raises SettingsError for a wrong one there.
    """
    bounds = bounds or load(DoctorSettings)

    def look(at: Callable[[Sight, RuntimeSettings, DoctorSettings], None], server: waiting.Server) -> Look:
        return Look(lambda sight: at(sight, settings, bounds), _late(server, bounds))

    looks = [look(broker_of(settings).look_at, waiting.broker(settings))]
    looks.append(look(database.look_at, waiting.postgresql(settings)))
    if storage.is_of_this_process(settings):
        looks.append(look(storage.look_at, _storage(settings)))
    sights = all_at_once(looks, seconds=bounds.doctor_seconds)
    found = [finding for sight in sights for finding in sight.findings]
    found += apart([sight.clock for sight in sights if sight.clock], most=bounds.doctor_clocks)
    of_broker, of_postgresql = sights[:2]
    if of_postgresql.readable:
        inside = look(partial(look_inside, of_broker=of_broker), waiting.postgresql(settings))
        found += all_at_once([inside], seconds=bounds.doctor_seconds)[0].findings
    return found


SILENT = {
    "Redis": Code.REDIS_SILENT,
    "RabbitMQ": Code.RABBITMQ_SILENT,
    "PostgreSQL": Code.POSTGRESQL_SILENT,
    "storage": Code.STORAGE_UNREACHABLE,
}


def _storage(settings: RuntimeSettings) -> waiting.Server:
    return waiting.Server("storage", without_password(settings.storage_url), "PENSTOCK_STORAGE_URL")


def _late(server: waiting.Server, bounds: DoctorSettings) -> Finding:
    what = f"what it was asked was not answered within {bounds.doctor_seconds:g} s"
    _, about = waiting.trouble_of(TimeoutError("timeout"))
    fix = f"look at its load, at locks, and at {about} ({server.settings})"
    return Finding(SILENT[server.kind], f"{server.kind} at {server.where}", what, fix)
