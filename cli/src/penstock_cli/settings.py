"""Settings of the local run."""

from typing import Literal

from pydantic import Field, SecretStr

from penstock_runtime.settings import Settings
from penstock_runtime.urls import is_postgresql, plain_postgresql


class CliSettings(Settings):
    """What runs elsewhere, and the bounds of what runs here. Times are in seconds."""

    broker: str | None = Field(None, validation_alias="CELERY_BROKER_URL", repr=False)
    ledger: str | None = Field(None, validation_alias="PENSTOCK_DATABASE_URL", repr=False)
    results: str | None = Field(None, validation_alias="CELERY_RESULT_BACKEND", repr=False)
    smtp_host: str = Field("", description="the mail server; empty: one here that shows what it gets")
    storage_url: str = Field("", description="empty: a folder within the state folder")
    public_url: str = Field("", description="the API as readers of mails reach it; empty: the API's own address")
    secret_key: SecretStr = Field(SecretStr(""), description="signs the links in mails; empty: made and kept")
    log_format: Literal["json", "console"] = "console"

    local_start_timeout: float = Field(60, ge=1, le=600, description="for a process to get ready")
    local_stop_timeout: float = Field(20, ge=1, le=3600, description="for a process to stop before it is killed")
    local_restarts: int = Field(5, ge=0, le=100, description="how often in a row a dead process is started again")
    demo_timeout: float = Field(60, ge=1, le=3600, description="for the demo's jobs to finish")
    local_log_bytes: int = Field(10_000_000, ge=10_000, description="per log file; one older file of that size is kept")
    local_mails: int = Field(200, ge=1, le=10_000, description="received mails that are kept")
    local_mails_bytes: int = Field(100_000_000, ge=1, description="of all received mails together")
    local_mail_bytes: int = Field(25_000_000, ge=1_000, description="the largest mail that is taken")

    @property
    def external_database(self) -> str | None:
        """The PostgreSQL that was named, as `RuntimeSettings.database_url` would have it; None: run one."""
        named = self.ledger or (self.results if self.results and is_postgresql(self.results) else None)
        return plain_postgresql(named) if named else None


class ClientSettings(Settings):
    """Which API the commands ask, and with which key. Empty: that of the suite running on the state folder.
    Times are in seconds."""

    api_url: str = Field("", description="such as https://penstock.example.com")
    api_key: SecretStr = Field(SecretStr(""), description="made by `penstock keys create`")
    api_patience: float = Field(120, ge=0, le=86_400, description="for an API that asks to wait, or was heard before")
