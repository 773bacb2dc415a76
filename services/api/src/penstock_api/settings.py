"""Where the API listens, and the bound of everything it takes, keeps and answers."""

from pydantic import Field, model_validator

from penstock_runtime.rates import Rate
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.webhooks import Networks

SHORTEST_KEY = 16
"""Characters of a secret key. Whoever guesses the key can confirm any address."""


class ApiSettings(RuntimeSettings):
    """The runtime's settings and the API's own. Sizes are in bytes, times in seconds unless the name says otherwise."""

    api_host: str = Field("127.0.0.1", min_length=1, description="0.0.0.0 for all addresses")
    api_port: int = Field(8000, ge=1, le=65535, description="listens here")
    api_workers: int = Field(2, ge=1, le=64, description="processes")
    api_connections: int = Field(1000, ge=1, le=100_000, description="open at once, per process")
    api_grace: int = Field(30, ge=1, le=3600, description="for requests in progress after SIGTERM")
    api_keepalive: int = Field(5, ge=1, le=600, description="for a connection's next request to be read whole")
    api_proxies: int = Field(0, ge=0, le=10, description="trusted proxies in front, each adding to X-Forwarded-For")

    api_line_bytes: int = Field(8190, ge=256, le=8190, description="the request line")
    api_headers: int = Field(100, ge=10, le=1000, description="headers in a request")
    api_header_bytes: int = Field(16_384, ge=1024, le=65_536, description="one header")
    api_body_bytes: int = Field(2_097_152, ge=1024, le=67_108_864, description="a JSON body")
    api_body_seconds: float = Field(10, gt=0, le=600, description="to receive a JSON body")
    api_json_depth: int = Field(32, ge=2, le=200, description="lists and objects within each other")
    api_upload_bytes: int = Field(1_073_741_824, ge=1, description="one uploaded file")
    api_upload_seconds: float = Field(900, gt=0, le=86_400, description="to receive an upload")
    api_form_parts: int = Field(10, ge=2, le=1000, description="parts of a multipart body")
    api_form_bytes: int = Field(65_536, ge=1024, le=1_048_576, description="one part that is no file")
    api_ahead_days: int = Field(366, ge=1, le=3650, description="how far ahead not_before and deadline may lie")
    api_page: int = Field(50, ge=1, description="items on a page where none are asked for")
    api_page_most: int = Field(200, ge=1, le=10_000, description="items on a page at most")
    api_page_bytes: int = Field(
        4_194_304, ge=1024, description="rows, chunks or dead messages on a page; one is always given"
    )

    api_answer_seconds: float = Field(3.5, gt=0, le=60, description="for PostgreSQL, before the answer is 503")
    api_probe_seconds: float = Field(0.5, gt=0, le=10, description="for the broker to answer a readiness probe")
    api_key_cache_seconds: float = Field(5, ge=0, le=300, description="how long a revoked key may still work")
    api_key_cache: int = Field(1000, ge=1, le=1_000_000, description="keys remembered")

    api_key_rate: Rate = Field("6000/minute", description="requests with one key, where it has no rate of its own")
    api_address_rate: Rate = Field("600/minute", description="requests from one address without a valid key")
    api_rate_exchange: float = Field(0.1, ge=0.01, le=10, description="between two exchanges of counts with Redis")
    api_rate_subjects: int = Field(10_000, ge=100, le=1_000_000, description="keys and addresses counted, per process")

    webhook_allowed_networks: Networks = Field((), description="that may be called though they are not public")

    api_listeners: int = Field(500, ge=1, le=100_000, description="streams of events open at once, per process")
    api_listeners_of_tenant: int = Field(200, ge=1, le=100_000, description="of which one tenant's")
    api_listener_seconds: float = Field(900, gt=0, le=86_400, description="a stream lasts; then the client returns")
    api_listener_stall: float = Field(10, gt=0, le=600, description="for a listener to take an event")
    api_listener_retry: float = Field(2, ge=0, le=600, description="after which a listener should return")
    api_heartbeat: float = Field(15, gt=0, le=600, description="between signs of life on a silent stream")
    api_watch_every: float = Field(0.5, gt=0, le=60, description="between two looks at all jobs listened to")

    api_figures_seconds: float = Field(1, ge=0, le=60, description="for which the rates of queues are kept")

    registration_rate: Rate = Field("10/minute;100/day", description="registrations from one address")
    registration_window: int = Field(600, ge=1, le=86_400, description="one mail to an address in this time")
    registration_link_hours: int = Field(
        48, ge=1, le=720, description="how long a link is valid; the mail worker's value"
    )

    @model_validator(mode="after")
    def _are_sound(self) -> "ApiSettings":
        if 0 < len(self.secret_key.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(
                f"PENSTOCK_SECRET_KEY: must have at least {SHORTEST_KEY} random characters, the same as the mail's"
            )
        if self.api_page > self.api_page_most:
            raise ValueError("PENSTOCK_API_PAGE: must not be above PENSTOCK_API_PAGE_MOST")
        if self.api_listeners >= self.api_connections:
            raise ValueError("PENSTOCK_API_LISTENERS: must be below PENSTOCK_API_CONNECTIONS, which serve the rest")
        return self
