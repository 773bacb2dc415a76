"""The codes of what can be found. docs/troubleshooting.md has a row for each; a test compares."""

from enum import StrEnum


class Code(StrEnum):
    """What is wrong."""

    SETTINGS = "settings"

    REDIS_UNREACHABLE = "redis_unreachable"
    REDIS_HOST = "redis_host"
    REDIS_TLS = "redis_tls"
    REDIS_LOGIN = "redis_login"
    REDIS_RIGHTS = "redis_rights"
    REDIS_DATABASE = "redis_database"
    REDIS_CONNECTIONS = "redis_connections"
    REDIS_SILENT = "redis_silent"
    REDIS_CLUSTER = "redis_cluster"
    REDIS_EVICTS = "redis_evicts"
    REDIS_FULL = "redis_full"
    REDIS_READ_ONLY = "redis_read_only"
    REDIS_NOT_SAVED = "redis_not_saved"
    REDIS_REFUSES = "redis_refuses"
    REDIS_SHARED = "redis_shared"

    RABBITMQ_UNREACHABLE = "rabbitmq_unreachable"
    RABBITMQ_HOST = "rabbitmq_host"
    RABBITMQ_TLS = "rabbitmq_tls"
    RABBITMQ_LOGIN = "rabbitmq_login"
    RABBITMQ_RIGHTS = "rabbitmq_rights"
    RABBITMQ_VHOST = "rabbitmq_vhost"
    RABBITMQ_CONNECTIONS = "rabbitmq_connections"
    RABBITMQ_SILENT = "rabbitmq_silent"
    RABBITMQ_MISDECLARED = "rabbitmq_misdeclared"
    RABBITMQ_BLOCKED = "rabbitmq_blocked"
    RABBITMQ_REFUSES = "rabbitmq_refuses"

    POSTGRESQL_UNREACHABLE = "postgresql_unreachable"
    POSTGRESQL_HOST = "postgresql_host"
    POSTGRESQL_TLS = "postgresql_tls"
    POSTGRESQL_LOGIN = "postgresql_login"
    POSTGRESQL_RIGHTS = "postgresql_rights"
    POSTGRESQL_DATABASE = "postgresql_database"
    POSTGRESQL_CONNECTIONS = "postgresql_connections"
    POSTGRESQL_SILENT = "postgresql_silent"
    POSTGRESQL_NOT_MIGRATED = "postgresql_not_migrated"
    POSTGRESQL_NEWER = "postgresql_newer"
    POSTGRESQL_READ_ONLY = "postgresql_read_only"
    POSTGRESQL_FULL = "postgresql_full"
    POSTGRESQL_REFUSES = "postgresql_refuses"

    CLOCKS = "clocks"

    RELAY_SILENT = "relay_silent"
    QUEUE_UNCONSUMED = "queue_unconsumed"
    QUEUE_PAUSED = "queue_paused"
    QUEUE_BEHIND = "queue_behind"
    PAUSE_NOT_TOLD = "pause_not_told"
    JOBS_TRIED_AGAIN = "jobs_tried_again"
    JOBS_FAILED = "jobs_failed"
    DEAD_LETTERS = "dead_letters"
    LEASES_OVER = "leases_over"

    STORAGE_MISSING = "storage_missing"
    STORAGE_READ_ONLY = "storage_read_only"
    STORAGE_FULL = "storage_full"
    STORAGE_UNREACHABLE = "storage_unreachable"


def code_of(server: str, trouble: str) -> Code:
    """The code of `redis`, `rabbitmq` or `postgresql` when it does not answer for this trouble of `waiting.ADVICE`."""
    code = f"{server}_{trouble}"
    return Code(code) if code in {*Code} else Code(f"{server}_refuses")
