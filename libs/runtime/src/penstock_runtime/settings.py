"""Settings from the environment, read once at a process's edge. No other module reads it."""

import os
import re
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from penstock_runtime import health
from penstock_runtime.errors import SettingsError
from penstock_runtime.urls import bracketed, completed, is_postgresql, is_whole, plain_postgresql, several

PREFIX = "PENSTOCK_"


class FileSource(PydanticBaseSettingsSource):
    """`NAME_FILE` names a file that holds the value of `NAME`, as mounted secrets do. A trailing line end is cut."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        for name in environment_names(field_name, field):
            path = os.environ.get(f"{name}_FILE")
            if path:
                try:
                    with open(path, encoding="utf-8") as file:
                        return file.read().rstrip("\r\n"), name, False
                except (OSError, UnicodeDecodeError) as error:
                    raise SettingsError(f"{name}_FILE: cannot read {path}: {error}") from error
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, field_name)
            if value is not None:
                values[key if field.validation_alias else field_name] = value
        return values


class Settings(BaseSettings):
    """Base of each package's settings: frozen, `PENSTOCK_<FIELD>` from the environment or `PENSTOCK_<FIELD>_FILE`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, hide_input_in_errors=True, extra="ignore"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *sources: PydanticBaseSettingsSource,
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return named["init_settings"], named["env_settings"], FileSource(settings_cls)


S = TypeVar("S", bound=Settings)


def environment_names(field_name: str, field: FieldInfo) -> list[str]:
    """The environment variables a field is read from, the first one being its name towards people."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [str(alias) if alias else f"{PREFIX}{field_name.upper()}"]


def load(settings: type[S], **values: Any) -> S:
    """The settings of one kind. `values` go before the environment.

    Raises SettingsError: one line that names the first wrong setting and what is wrong with it, never its value.
    """
    try:
        return settings(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        field = settings.model_fields.get(name)
        shown = environment_names(name, field)[0] if field else name
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{shown}: {message}" if shown else message) from error


def load_or_exit(settings: type[S], **values: Any) -> S:
    """`load`, at the edge of a process: a wrong setting ends it with one line and status 1."""
    try:
        return load(settings, **values)
    except SettingsError as error:
        raise SystemExit(f"penstock: setting {error.message}") from None


class RuntimeSettings(Settings):
    """Where the broker and the ledger are, and the bounds of the promise. Times are in seconds."""

    broker: str | None = Field(None, validation_alias="CELERY_BROKER_URL", repr=False)
    redis_host: str = "127.0.0.1"
    redis_port: int = Field(6379, ge=1, le=65535)
    redis_username: str = ""
    redis_password: SecretStr = SecretStr("")
    redis_database: int = Field(0, ge=0)
    redis_tls: bool = Field(False, description="the server, and the sentinels, speak TLS")
    redis_tls_ca: str = Field("", description="file of the certificates to trust; else the system's")
    redis_tls_verify: bool = Field(True, description="check the server's certificate and name")
    redis_sentinels: str = Field("", description="host:port, and more with commas between")
    redis_sentinel_master: str = Field("", description="the name that the sentinels know the server by")
    redis_sentinel_username: str = Field("", description="for the sentinels themselves")
    redis_sentinel_password: SecretStr = Field(SecretStr(""), description="for the sentinels themselves")

    rabbitmq_host: str = Field("", description="where it is set, RabbitMQ carries the messages and not Redis")
    rabbitmq_port: int = Field(5672, ge=1, le=65535)
    rabbitmq_username: str = "penstock"
    rabbitmq_password: SecretStr = SecretStr("")
    rabbitmq_vhost: str = "/"
    rabbitmq_tls: bool = Field(False, description="the server speaks TLS")
    rabbitmq_tls_ca: str = Field("", description="file of the certificates to trust; else the system's")
    rabbitmq_tls_verify: bool = Field(True, description="check the server's certificate and name")

    results: str | None = Field(None, validation_alias="CELERY_RESULT_BACKEND", repr=False)
    ledger: str | None = Field(None, validation_alias="PENSTOCK_DATABASE_URL", repr=False)
    database_host: str = ""
    database_port: int = Field(5432, ge=1, le=65535)
    database_user: str = "penstock"
    database_password: SecretStr = SecretStr("")
    database_name: str = "penstock"
    database_sslmode: Literal["", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = ""
    database_sslrootcert: str = Field("", description="file of the certificates to trust, for verify-…")
    database_connections: int = Field(10, ge=2, le=200, description="per process; one that accepts jobs has two more")
    database_timeout: float = Field(5, gt=0, le=60, description="to connect, and for a free connection")

    storage_url: str = Field("file:///var/lib/penstock/storage", description="any obstore URL")
    secret_key: SecretStr = Field(SecretStr(""), description="signs the links in mails")

    redis_timeout: float = Field(1.5, gt=0, le=30, description="one connect, read or write of a publisher")
    rabbitmq_timeout: float = Field(1.5, gt=0, le=30, description="the same; and for confirms of 500 messages")
    publish_timeout: float = Field(10, ge=2, le=300, description="after which a publisher has surely given up")
    lease: float = Field(20, ge=1, le=600, description="a running job belongs to its worker this long unless renewed")
    renew_every: float = Field(5, ge=0.1, le=200)
    relay_every: float = Field(1, ge=0.05, le=60)
    start_within: float = Field(60, ge=1, le=3600, description="a message taken longer ago and not started is lost")
    most_publications: int = Field(20, ge=3, le=10_000, description="of a job that no worker starts; then it is dead")
    relay_batch: int = Field(1000, ge=1, le=10000)
    retry_first: float = Field(2, ge=0, le=3600, description="the wait before the second attempt; then it doubles")
    retry_most: float = Field(600, ge=0, le=86400)
    migrate_patience: float = Field(60, ge=0, le=86_400, description="a migration waits so long for PostgreSQL")
    outage_patience: float = Field(60, ge=0, le=3600, description="a worker waits this long for PostgreSQL")
    retention_days: int = Field(30, ge=1, le=3650, description="finished jobs are deleted after this")

    heartbeat_file: str = Field(health.FILE, min_length=1, description="a worker's and a scheduler's signs of life")
    heartbeat_max_age: float = Field(health.MAX_AGE, ge=5, le=86_400, description="after which it is taken for hung")

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def broker_url(self) -> str:
        """`CELERY_BROKER_URL`, or one made of `PENSTOCK_RABBITMQ_…` or `PENSTOCK_REDIS_…`, which complete its TLS."""
        if self.broker:
            # Celery's own way to write it, which redis-py does not know.
            url = re.sub(r"(ssl_cert_reqs=)CERT_(\w+)", lambda found: found[1] + found[2].lower(), self.broker)
        else:
            url = self._broker_from_parts()
        if url.startswith("amqp") or not (url.startswith("rediss:") or self.redis_tls):
            return url
        # Written out, since kombu takes a rediss:// that says nothing for one that is not to be verified.
        checks = "required" if self.redis_tls_verify else "none"
        return completed(url, ssl_cert_reqs=checks, ssl_ca_certs=self.redis_tls_ca)

    @property
    def uses_rabbitmq(self) -> bool:
        """Whether RabbitMQ carries the messages, and Redis does not."""
        return urlsplit(self.broker_url).scheme in ("amqp", "amqps")

    @property
    def broker_timeout(self) -> float:
        """Seconds for one step of a publisher."""
        return self.rabbitmq_timeout if self.uses_rabbitmq else self.redis_timeout

    def _broker_from_parts(self) -> str:
        if self.rabbitmq_host:
            return self._rabbitmq_from_parts()
        password = self.redis_password.get_secret_value()
        login = f"{quote(self.redis_username, safe='')}:{quote(password, safe='')}@" if password else ""
        if self.redis_sentinels:
            places = [place.strip() for place in self.redis_sentinels.split(",")]
            return ";".join(f"sentinel://{login}{place}/{self.redis_database}" for place in places if place)
        scheme = "rediss" if self.redis_tls else "redis"
        return f"{scheme}://{login}{bracketed(self.redis_host)}:{self.redis_port}/{self.redis_database}"

    def _rabbitmq_from_parts(self) -> str:
        password = quote(self.rabbitmq_password.get_secret_value(), safe="")
        place = f"{bracketed(self.rabbitmq_host)}:{self.rabbitmq_port}/{quote(self.rabbitmq_vhost, safe='')}"
        scheme = "amqps" if self.rabbitmq_tls else "amqp"
        return f"{scheme}://{quote(self.rabbitmq_username, safe='')}:{password}@{place}"

    @property
    def database_url(self) -> str:
        """The ledger's database: `PENSTOCK_DATABASE_URL`, else a PostgreSQL result backend, else the parts."""
        url = self.ledger or (self.results if self.results and is_postgresql(self.results) else "")
        return self._postgresql(url or self._database_from_parts())

    def _postgresql(self, url: str) -> str:
        sslmode, sslrootcert = self.database_sslmode, self.database_sslrootcert
        return completed(plain_postgresql(url), sslmode=sslmode, sslrootcert=sslrootcert)

    def _database_from_parts(self) -> str:
        user = quote(self.database_user, safe="")
        password = quote(self.database_password.get_secret_value(), safe="")
        name = quote(self.database_name, safe="")
        return f"postgresql://{user}:{password}@{bracketed(self.database_host)}:{self.database_port}/{name}"

    @property
    def result_backend(self) -> str:
        """Where Celery clients read results: the ledger itself unless `CELERY_RESULT_BACKEND` says otherwise."""
        if self.results and not is_postgresql(self.results):
            return self.results
        return self._postgresql(self.results) if self.results else self.database_url

    @model_validator(mode="after")
    def _fit_together(self) -> "RuntimeSettings":
        urls = {
            "CELERY_BROKER_URL": self.broker,
            "CELERY_RESULT_BACKEND": self.results,
            "PENSTOCK_DATABASE_URL": self.ledger,
        }
        for name, url in urls.items():
            if url and not is_whole(url):
                raise ValueError(f"{name}: is no URL; percent-encode what is special in its user name and password")
        self._check_broker()
        self._check_database()
        if self.renew_every * 3 > self.lease:
            raise ValueError("PENSTOCK_LEASE: must be at least three times PENSTOCK_RENEW_EVERY")
        if self.broker_timeout * 3 > self.publish_timeout:
            name = "RABBITMQ" if self.uses_rabbitmq else "REDIS"
            raise ValueError(f"PENSTOCK_PUBLISH_TIMEOUT: must be at least three times PENSTOCK_{name}_TIMEOUT")
        return self

    def _check_broker(self) -> None:
        urls = several(self.broker_url)
        schemes = {urlsplit(url).scheme for url in urls}
        scheme = min(schemes)
        if schemes - {"redis", "rediss", "sentinel", "amqp", "amqps"} or len(schemes) > 1:
            known = "redis://, rediss://, sentinel://, amqp:// or amqps://"
            raise ValueError(f"CELERY_BROKER_URL: {scheme or 'no'} scheme; use {known}")
        if scheme != "sentinel" and len(urls) > 1:
            raise ValueError("CELERY_BROKER_URL: names several servers; only sentinel:// may")
        if scheme == "sentinel" and not self.redis_sentinel_master:
            raise ValueError(
                "PENSTOCK_REDIS_SENTINEL_MASTER: is not set; give the name that the sentinels know the server by"
            )
        if scheme == "redis" and self.redis_tls:
            raise ValueError("PENSTOCK_REDIS_TLS: is on, and CELERY_BROKER_URL begins with redis://; make it rediss://")
        if scheme == "amqp" and self.rabbitmq_tls:
            raise ValueError(
                "PENSTOCK_RABBITMQ_TLS: is on, and CELERY_BROKER_URL begins with amqp://; make it amqps://"
            )
        if self.redis_tls_ca and not os.access(self.redis_tls_ca, os.R_OK):
            raise ValueError(f"PENSTOCK_REDIS_TLS_CA: cannot read {self.redis_tls_ca}")
        if self.rabbitmq_tls_ca and not os.access(self.rabbitmq_tls_ca, os.R_OK):
            raise ValueError(f"PENSTOCK_RABBITMQ_TLS_CA: cannot read {self.rabbitmq_tls_ca}")

    def _check_database(self) -> None:
        if not self.ledger and not self.database_host and not (self.results and is_postgresql(self.results)):
            raise ValueError(
                "PENSTOCK_DATABASE_URL: is not set; name the PostgreSQL that keeps the jobs, postgresql://user:password@host/db"
            )
        if not is_postgresql(self.database_url):
            raise ValueError("PENSTOCK_DATABASE_URL: must begin with postgresql://")
        if self.database_sslrootcert and not os.access(self.database_sslrootcert, os.R_OK):
            raise ValueError(f"PENSTOCK_DATABASE_SSLROOTCERT: cannot read {self.database_sslrootcert}")
