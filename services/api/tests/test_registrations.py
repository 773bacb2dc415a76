import time
from collections.abc import Callable

import pytest
import sqlalchemy
from flask.testing import FlaskClient

from penstock_api.app import Api
from penstock_runtime.schema import jobs

MakeApi = Callable[..., Api]


@pytest.fixture
def client(make_api: MakeApi) -> FlaskClient:
    """Somebody without a key. The window is long enough for no test to meet its end, nearly always."""
    return make_api(registration_window=86_400).test_client()


@pytest.fixture
def mails(database: sqlalchemy.Engine) -> Callable[[], list[tuple[str, str]]]:
    """Addresses and languages of the mails that were asked for."""

    def read() -> list[tuple[str, str]]:
        with database.begin() as connection:
            found = connection.execute(sqlalchemy.select(jobs).order_by(jobs.c.created_at)).all()
        assert {(job.tenant, job.task) for job in found} <= {("default", "mail.registration_confirmation")}
        return [(job.payload["email"], job.payload["locale"]) for job in found]

    return read


def register(client: FlaskClient, email: str, **more: str) -> int:
    return client.post("/v1/registrations", json={"email": email} | more).status_code


def test_a_registration_asks_for_one_mail(client: FlaskClient, mails: Callable[[], list[tuple[str, str]]]) -> None:
    answer = client.post("/v1/registrations", json={"email": "li.wei@Example.COM", "locale": "en"})

    assert answer.status_code == 202
    assert "Location" not in answer.headers
    assert mails() == [("li.wei@example.com", "en")]


def test_an_address_gets_one_mail_however_often_and_however_written(
    client: FlaskClient, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    for email, locale in [("a@example.com", "zh"), ("A@EXAMPLE.com", "zh"), ("a@example.com", "en")]:
        assert register(client, email, locale=locale) == 202
    for key in ("one", "another"):
        headers = {"Idempotency-Key": key}
        assert client.post("/v1/registrations", json={"email": "a@example.com"}, headers=headers).status_code == 202

    assert mails() == [("a@example.com", "zh")]


def test_after_the_window_an_address_may_get_another_mail(
    make_api: MakeApi, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    client = make_api(registration_window=1, registration_rate="1000/second").test_client()
    deadline = time.monotonic() + 20
    while len(mails()) < 2:
        assert register(client, "a@example.com") == 202
        assert time.monotonic() < deadline

    assert mails() == [("a@example.com", "zh")] * 2


def test_nothing_tells_a_new_address_from_a_known_one(client: FlaskClient) -> None:
    answers = [client.post("/v1/registrations", json={"email": "a@example.com"}) for _ in range(2)]

    assert answers[0].data == answers[1].data
    assert [*answers[0].headers.keys()] == [*answers[1].headers.keys()]


def test_the_ledger_does_not_show_the_address_in_the_key(client: FlaskClient, database: sqlalchemy.Engine) -> None:
    register(client, "a@example.com")
    with database.begin() as connection:
        key = connection.execute(sqlalchemy.select(jobs.c.idempotency_key)).scalar_one()

    assert len(bytes.fromhex(key)) == 32


@pytest.mark.parametrize("email", ["李伟@example.com", "a@例子.中国", "a+b@sub.example.com", "o'neil@example.com"])
def test_addresses_of_the_whole_world_are_taken(client: FlaskClient, email: str) -> None:
    assert register(client, email) == 202


def test_an_address_that_asks_too_often_has_to_wait(
    make_api: MakeApi, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    client = make_api(registration_rate="2/hour").test_client()
    assert [register(client, f"{name}@example.com") for name in "ab"] == [202, 202]
    refused = client.post("/v1/registrations", json={"email": "c@example.com"})

    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert len(mails()) == 2


def test_bad_requests_count_too(make_api: MakeApi) -> None:
    client = make_api(registration_rate="2/hour").test_client()

    assert [register(client, "nobody") for _ in range(3)] == [422, 422, 429]


def test_another_address_does_not_wait_and_an_ipv6_network_is_one_address(make_api: MakeApi) -> None:
    client = make_api(registration_rate="1/hour").test_client()

    def status(address: str) -> int:
        answer = client.post(
            "/v1/registrations", json={"email": "a@example.com"}, environ_base={"REMOTE_ADDR": address}
        )
        return answer.status_code

    assert [status("192.0.2.1"), status("192.0.2.1"), status("192.0.2.2")] == [202, 429, 202]
    assert [status("2001:db8::1"), status("2001:db8::ffff"), status("2001:db8:0:1::1")] == [202, 429, 202]


def test_only_a_trusted_proxy_can_say_for_whom_it_asks(make_api: MakeApi) -> None:
    def statuses(proxies: int, rate: str) -> list[int]:
        client = make_api(registration_rate=rate, api_proxies=proxies).test_client()
        return [
            client.post(
                "/v1/registrations", json={"email": "a@example.com"}, headers={"X-Forwarded-For": f"192.0.2.{n}"}
            ).status_code
            for n in range(2)
        ]

    assert statuses(0, "1/hour") == [202, 429]
    assert statuses(1, "1/day") == [202, 202]
