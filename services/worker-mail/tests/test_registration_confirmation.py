"""The task from payload to mail, with a real SMTP server and the ledger."""

import json
import socket
import threading
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import insert, select, update

from penstock_contracts.mail import RegistrationConfirmation
from penstock_runtime.ledger import cancel
from penstock_runtime.ledger.run import claim
from penstock_runtime.links import read_registration
from penstock_runtime.schema import NOW, accounts, jobs
from penstock_worker_mail.tasks import registration_confirmation

KEY = "a key that only tests know"
ANNA = RegistrationConfirmation(email="anna@example.com")


def link_in(mail) -> str:
    text = mail.get_body(("plain",)).get_content()
    return next(line for line in text.splitlines() if line.startswith("https://"))


def token_in(mail) -> str:
    return parse_qs(urlsplit(link_in(mail)).query)["token"][0]


def test_the_mail_arrives_with_a_link_that_proves_the_address(run, task, server):
    job = run(task, ANNA)
    assert job.state == "succeeded"
    [mail] = server.mails
    assert mail["Subject"] == "欢迎注册我们的服务"
    assert mail["To"] == "anna@example.com"
    assert link_in(mail).startswith("https://jobs.example.com/registrations/confirm?token=")
    assert read_registration(token_in(mail), KEY, max_age=60) == "anna@example.com"


def test_the_result_names_the_message_id_that_the_mail_has(run, task, server):
    job = run(task, ANNA)
    assert job.result == {"message_id": server.mails[0]["Message-ID"]}


def test_the_english_mail_comes_by_locale(run, task, server):
    run(task, RegistrationConfirmation(email="anna@example.com", locale="en"))
    assert server.mails[0]["Subject"] == "Welcome: please confirm your registration"


def test_a_confirmed_address_is_told_that_it_has_an_account(run, task, server, database):
    with database.begin() as connection:
        connection.execute(insert(accounts).values(email="anna@example.com"))
    job = run(task, RegistrationConfirmation(email="anna@EXAMPLE.com"))
    assert job.state == "succeeded"
    assert server.mails[0]["Subject"] == "您已注册过我们的服务"
    assert "token=" not in server.mails[0].as_string()


def test_an_invalid_address_fails_the_job_and_reaches_no_server(run, task, server):
    job = run(task, RegistrationConfirmation(email="anna@example.com\r\nBcc: eve@example.com"))
    assert (job.state, job.error["code"]) == ("failed", "invalid_address")
    assert server.envelopes == []


def test_a_chinese_domain_is_sent_in_ascii(run, task, server):
    assert run(task, RegistrationConfirmation(email="info@例子.中国")).state == "succeeded"
    assert server.envelopes[0].rcpt_tos == ["info@xn--fsqu00a.xn--fiqs8s"]
    assert read_registration(token_in(server.mails[0]), KEY, max_age=60) == "info@例子.中国"


def test_a_chinese_name_is_sent_to_a_server_that_takes_it(run, task, server):
    assert run(task, RegistrationConfirmation(email="小明@例子.中国")).state == "succeeded"
    assert server.envelopes[0].rcpt_tos == ["小明@xn--fsqu00a.xn--fiqs8s"]


def test_a_chinese_name_fails_the_job_where_the_server_takes_ascii_only(run, mail_settings, start, server):
    port = start(server, enable_SMTPUTF8=False).port
    task = registration_confirmation(mail_settings(smtp_port=port))
    job = run(task, RegistrationConfirmation(email="小明@example.com"))
    assert (job.state, job.error["code"]) == ("failed", "address_unsupported")


@pytest.mark.parametrize(
    ("answers", "state", "code"),
    [
        ({"rcpt": "550 5.1.1 no such user"}, "failed", "recipient_refused"),
        ({"rcpt": "451 4.7.1 greylisted, come back"}, "accepted", "mail_deferred"),
        ({"rcpt": "530 5.7.0 log in first"}, "accepted", "mail_login_refused"),
        ({"rcpt": "421 4.3.2 shutting down"}, "accepted", "mail_deferred"),
        ({"data": "554 5.7.1 looks like spam"}, "failed", "message_refused"),
        ({"data": "452 4.3.1 no space left"}, "accepted", "mail_deferred"),
        ({"vanishes": True}, "accepted", "mail_server_unreachable"),
    ],
)
def test_what_the_server_answers_decides_how_the_job_goes_on(run, task, server, answers, state, code):
    for name, value in answers.items():
        setattr(server, name, value)
    job = run(task, ANNA)
    assert (job.state, job.error["code"]) == (state, code)


def test_a_worker_that_has_lost_its_job_while_it_spoke_to_the_server_does_not_send(run, task, server, database):
    def another_takes_it():
        with database.begin() as connection:
            connection.execute(update(jobs).values(lease_until=NOW - timedelta(seconds=1)))
            assert claim(connection, connection.scalar(select(jobs.c.id)), uuid4(), lease=20, worker="another")

    server.meanwhile = another_takes_it
    job = run(task, ANNA)
    assert (job.state, job.attempt, server.mails) == ("running", 2, [])


def test_a_job_that_is_cancelled_while_its_worker_speaks_to_the_server_sends_nothing(run, task, server, database):
    def someone_cancels_it():
        with database.begin() as connection:
            cancel(connection, connection.scalar(select(jobs.c.id)), tenant="default")

    server.meanwhile = someone_cancels_it
    assert (run(task, ANNA).state, server.mails) == ("cancelled", [])


def test_the_error_names_the_servers_code_and_none_of_its_words(run, task, server):
    server.rcpt = "550 5.1.1 no such user"
    assert run(task, ANNA).error["message"] == "the mail server refused the recipient (550)"


def test_the_token_stands_in_the_mail_and_in_no_log_header_or_error(run, task, server):
    server.data = "554 refused, you said: <body>"
    with structlog.testing.capture_logs() as logs:
        job = run(task, ANNA)
    token = token_in(server.mails[0])
    assert job.state == "failed"
    for told in (json.dumps(logs, default=str), json.dumps(job.error), str(server.mails[0].items())):
        assert token not in told
        assert "you said" not in told


def test_a_refused_connection_is_tried_again(run, mail_settings):
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        job = run(registration_confirmation(mail_settings(smtp_port=port)), ANNA)
    assert (job.state, job.error["code"]) == ("accepted", "mail_server_unreachable")


def test_a_server_that_never_says_a_word_is_given_up_within_the_time_out(run, mail_settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = mail_settings(smtp_port=silent.getsockname()[1], smtp_timeout=0.3)
        job = run(registration_confirmation(settings), ANNA)
    assert (job.state, job.error["code"]) == ("accepted", "mail_server_unreachable")


def test_a_server_that_speaks_another_protocol_is_tried_again(run, mail_settings):
    with socket.create_server(("127.0.0.1", 0)) as web:

        def answer() -> None:
            connection, _ = web.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        job = run(registration_confirmation(mail_settings(smtp_port=web.getsockname()[1])), ANNA)
        answering.join()
    assert (job.state, job.error["code"]) == ("accepted", "mail_deferred")
