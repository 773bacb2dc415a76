"""Settings: read from the environment and files, made of parts or whole, refused by name and never by value."""

import ssl
from pathlib import Path

import psycopg.conninfo
import pytest
import redis
from kombu import Connection
from pydantic import Field, SecretStr
from sqlalchemy import make_url

from penstock_runtime.errors import SettingsError
from penstock_runtime.settings import RuntimeSettings, Settings, load, load_or_exit

AWKWARD = "p@s:s/w#o[r%d? &=+é"
LEDGER = "postgresql://anna:hunter2@db:5432/jobs"
BROKER = "redis://anna:hunter2@cache:6379/1"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "PENSTOCK_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(monkeypatch):
    """Set variables: `environment(PENSTOCK_LEASE="30")`."""

    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


def test_a_setting_is_read_from_the_environment(environment):
    environment(PENSTOCK_DATABASE_URL=LEDGER, PENSTOCK_LEASE="30", CELERY_BROKER_URL=BROKER)
    settings = load(RuntimeSettings)
    assert (settings.lease, settings.database_url, settings.broker_url) == (30, LEDGER, BROKER)


def test_a_setting_is_read_from_the_file_that_a_variable_names(environment, tmp_path: Path):
    (tmp_path / "url").write_text(f"{LEDGER}\n")
    (tmp_path / "key").write_text(" with spaces \r\n")
    environment(PENSTOCK_DATABASE_URL_FILE=str(tmp_path / "url"), PENSTOCK_SECRET_KEY_FILE=str(tmp_path / "key"))
    settings = load(RuntimeSettings)
    assert settings.database_url == LEDGER
    assert settings.secret_key.get_secret_value() == " with spaces "


def test_a_variable_goes_before_its_file_and_an_empty_one_is_none(environment, tmp_path: Path):
    (tmp_path / "lease").write_text("40")
    environment(PENSTOCK_DATABASE_URL=LEDGER, PENSTOCK_LEASE_FILE=str(tmp_path / "lease"), PENSTOCK_RENEW_EVERY="")
    assert load(RuntimeSettings).lease == 40
    environment(PENSTOCK_LEASE="50")
    assert (load(RuntimeSettings).lease, load(RuntimeSettings).renew_every) == (50, 5)


def test_a_file_that_cannot_be_read_is_named(environment, tmp_path: Path):
    environment(PENSTOCK_DATABASE_URL=LEDGER, PENSTOCK_SECRET_KEY_FILE=str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"^PENSTOCK_SECRET_KEY_FILE: cannot read .*none"):
        load(RuntimeSettings)
    (tmp_path / "none").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"^PENSTOCK_SECRET_KEY_FILE: cannot read .*none"):
        load(RuntimeSettings)


def test_settings_cannot_be_changed():
    settings = load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER)
    with pytest.raises(ValueError, match="frozen"):
        settings.lease = 1


def test_urls_are_made_of_parts_with_any_character_in_them():
    parts = {"username": AWKWARD, "password": AWKWARD}
    settings = load(
        RuntimeSettings,
        **{f"redis_{name}": value for name, value in parts.items()},
        redis_host="cache",
        redis_database=3,
        database_user=AWKWARD,
        database_password=AWKWARD,
        database_host="db",
        database_name=AWKWARD,
    )
    client = redis.ConnectionPool.from_url(settings.broker_url).connection_kwargs
    assert (client["username"], client["password"], client["host"], client["db"]) == (AWKWARD, AWKWARD, "cache", 3)
    with Connection(settings.broker_url) as kombu:
        assert (kombu.userid, kombu.password, kombu.hostname, kombu.virtual_host) == (AWKWARD, AWKWARD, "cache", "3")
    libpq = psycopg.conninfo.conninfo_to_dict(settings.database_url)
    assert (libpq["user"], libpq["password"], libpq["host"], libpq["dbname"]) == (AWKWARD, AWKWARD, "db", AWKWARD)
    alchemy = make_url(settings.database_url)
    assert (alchemy.username, alchemy.password, alchemy.database) == (AWKWARD, AWKWARD, AWKWARD)


def test_a_redis_user_with_an_awkward_password_can_log_in(redis_url, broker):
    broker.execute_command("ACL", "SETUSER", "anna:@", "on", "+@all", "~*", f">{AWKWARD}")
    parts = make_url(redis_url)
    settings = load(
        RuntimeSettings,
        PENSTOCK_DATABASE_URL=LEDGER,
        redis_host=parts.host,
        redis_port=parts.port,
        redis_username="anna:@",
        redis_password=AWKWARD,
    )
    with redis.Redis.from_url(settings.broker_url, decode_responses=True) as client:
        assert client.acl_whoami() == "anna:@"
    broker.acl_deluser("anna:@")


@pytest.fixture
def certificates(tmp_path: Path) -> str:
    (tmp_path / "ca's.pem").touch()
    return str(tmp_path / "ca's.pem")


def test_tls_is_a_scheme_and_says_that_the_server_must_prove_its_name(certificates):
    settings = load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, redis_tls=True, redis_tls_ca=certificates)
    client = redis.ConnectionPool.from_url(settings.broker_url).connection_kwargs
    assert settings.broker_url.startswith("rediss://")
    assert (client["ssl_cert_reqs"], client["ssl_ca_certs"]) == ("required", certificates)
    with Connection(settings.broker_url) as kombu:
        assert kombu.ssl == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": certificates}


def test_a_whole_url_keeps_what_it_says_about_tls_itself(certificates):
    url = "rediss://cache/0?ssl_cert_reqs=none&ssl_ca_certs=/own"
    settings = load(
        RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, CELERY_BROKER_URL=url, redis_tls=True, redis_tls_ca=certificates
    )
    assert settings.broker_url == url


def test_sentinels_are_named_by_parts():
    parts = {"redis_sentinels": "a:1, [::1]:2", "redis_password": AWKWARD, "redis_database": 3}
    settings = load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, redis_sentinel_master="jobs", **parts)
    with Connection(settings.broker_url) as kombu:
        assert (kombu.transport_cls, kombu.password, kombu.virtual_host) == ("sentinel", AWKWARD, "3")
        assert len(kombu.alt) == 2
    assert settings.broker_url.endswith("@[::1]:2/3")


def test_a_part_of_a_url_may_be_an_ipv6_address():
    settings = load(RuntimeSettings, redis_host="::1", database_host="fe80::1")
    assert settings.broker_url == "redis://[::1]:6379/0"
    assert make_url(settings.database_url).host == "fe80::1"


@pytest.mark.parametrize("whole", [True, False])
def test_how_postgresql_proves_its_name_completes_a_url_and_parts_alike(whole, certificates):
    named = {"PENSTOCK_DATABASE_URL": LEDGER} if whole else {"database_host": "db"}
    settings = load(RuntimeSettings, **named, database_sslmode="verify-full", database_sslrootcert=certificates)
    for url in (settings.database_url, settings.result_backend):
        libpq = psycopg.conninfo.conninfo_to_dict(url)
        assert (libpq["sslmode"], libpq["sslrootcert"]) == ("verify-full", certificates)
        assert make_url(url).query == {"sslmode": "verify-full", "sslrootcert": certificates}


def test_the_result_backend_is_the_ledger_where_no_other_is_named():
    assert load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER).result_backend == LEDGER


def test_a_postgresql_result_backend_is_the_ledger_where_no_other_is_named():
    settings = load(RuntimeSettings, CELERY_RESULT_BACKEND=LEDGER.replace("postgresql://", "db+postgresql+psycopg2://"))
    assert (settings.database_url, settings.result_backend) == (LEDGER, LEDGER)


@pytest.mark.parametrize("results", ["redis://cache/2", "db+sqlite:///results.db", "db+mysql://db/results"])
def test_another_result_backend_is_left_as_it_is_and_is_not_the_ledger(results):
    settings = load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, CELERY_RESULT_BACKEND=results)
    assert (settings.database_url, settings.result_backend) == (LEDGER, results)
    with pytest.raises(SettingsError, match="PENSTOCK_DATABASE_URL: is not set"):
        load(RuntimeSettings, CELERY_RESULT_BACKEND=results)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "PENSTOCK_DATABASE_URL: is not set; name the PostgreSQL that keeps the jobs"),
        ({"PENSTOCK_DATABASE_URL": "mysql://a:hunter2@b/c"}, "PENSTOCK_DATABASE_URL: must begin with postgresql://"),
        ({"CELERY_BROKER_URL": "sqs://a:hunter2@b"}, "CELERY_BROKER_URL: sqs scheme; use redis://"),
        ({"CELERY_BROKER_URL": "hunter2"}, "CELERY_BROKER_URL: no scheme; use redis://"),
        (
            {"CELERY_BROKER_URL": "redis://:hunter2@a;redis://b"},
            "CELERY_BROKER_URL: names several servers; only sentinel://",
        ),
        ({"CELERY_BROKER_URL": "redis://:hunter2@a;rediss://b"}, "CELERY_BROKER_URL: "),
        ({"CELERY_BROKER_URL": "sentinel://:hunter2@a:1"}, "PENSTOCK_REDIS_SENTINEL_MASTER: is not set; give the name"),
        ({"redis_sentinels": "a:1", "redis_password": "hunter2"}, "PENSTOCK_REDIS_SENTINEL_MASTER: is not set"),
        (
            {"CELERY_BROKER_URL": "redis://:hunter2@a", "redis_tls": True},
            "PENSTOCK_REDIS_TLS: is on, and ",
        ),
        ({"redis_tls_ca": "/none"}, "PENSTOCK_REDIS_TLS_CA: cannot read /none"),
        ({"database_sslrootcert": "/none"}, "PENSTOCK_DATABASE_SSLROOTCERT: cannot read /none"),
        ({"database_sslmode": "hunter2"}, "PENSTOCK_DATABASE_SSLMODE: "),
        ({"redis_port": "hunter2"}, "PENSTOCK_REDIS_PORT: "),
        ({"redis_port": 0}, "PENSTOCK_REDIS_PORT: "),
        ({"relay_batch": 10001}, "PENSTOCK_RELAY_BATCH: "),
        ({"most_publications": 2}, "PENSTOCK_MOST_PUBLICATIONS: "),
        ({"most_publications": 10001}, "PENSTOCK_MOST_PUBLICATIONS: "),
        ({"log_level": "hunter2"}, "PENSTOCK_LOG_LEVEL: "),
        ({"lease": 10, "renew_every": 4}, "PENSTOCK_LEASE: must be at least three times PENSTOCK_RENEW_EVERY"),
        (
            {"redis_timeout": 4, "publish_timeout": 10},
            "PENSTOCK_PUBLISH_TIMEOUT: must be at least three times PENSTOCK_REDIS_TIMEOUT",
        ),
    ],
)
def test_a_wrong_setting_is_named_in_one_line_without_its_value(wrong, said):
    given = {"PENSTOCK_DATABASE_URL": LEDGER} | wrong if wrong else {}
    with pytest.raises(SettingsError) as refused:
        load(RuntimeSettings, **given)
    assert refused.value.message.startswith(said)
    assert "\n" not in refused.value.message
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "PENSTOCK_DATABASE_URL", "CELERY_RESULT_BACKEND"])
@pytest.mark.parametrize("password", ["hun/ter2", "12/ter2", "hun#ter2", "hun?ter2", "hun[ter2", "hun]ter2"])
def test_a_password_that_ought_to_be_percent_encoded_is_said_to_be_so(name, password):
    scheme = "redis" if name == "CELERY_BROKER_URL" else "postgresql"
    wrong = {"PENSTOCK_DATABASE_URL": LEDGER, name: f"{scheme}://anna:{password}@host:1/0"}
    with pytest.raises(SettingsError, match=f"^{name}: .*percent") as refused:
        load(RuntimeSettings, **wrong)
    assert "ter2" not in refused.value.message


@pytest.mark.parametrize(
    "url",
    [
        "redis://:p%2Fw@host/0",
        "redis://a:b@host:1/0?x=y",
        "redis:///1",
        "sentinel://:p@a:1;sentinel://:p@b:1",
        "redis://[::1]:6379/0",
    ],
)
def test_a_url_of_the_usual_kinds_is_taken(url):
    named = {"PENSTOCK_DATABASE_URL": LEDGER, "CELERY_BROKER_URL": url}
    assert load(RuntimeSettings, **named, redis_sentinel_master="jobs").broker_url == url


def test_a_postgresql_url_may_name_a_socket():
    url = "postgresql:///jobs?host=/var/run/postgresql"
    assert load(RuntimeSettings, PENSTOCK_DATABASE_URL=url).database_url == url


def test_at_a_processes_edge_a_wrong_setting_ends_it_with_one_line():
    with pytest.raises(SystemExit, match=r"^penstock: setting PENSTOCK_LEASE: "):
        load_or_exit(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, lease=0)


def test_settings_that_are_printed_show_no_secret():
    shown = repr(load(RuntimeSettings, PENSTOCK_DATABASE_URL=LEDGER, CELERY_BROKER_URL=BROKER, secret_key="hunter2"))
    assert "hunter2" not in shown


def test_a_packages_own_settings_are_read_like_the_runtimes(environment, tmp_path: Path):
    class OwnSettings(Settings):
        smtp_password: SecretStr = Field(SecretStr(""))

    (tmp_path / "password").write_text("hunter2\n")
    environment(PENSTOCK_SMTP_PASSWORD_FILE=str(tmp_path / "password"))
    assert load(OwnSettings).smtp_password.get_secret_value() == "hunter2"
