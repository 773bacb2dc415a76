"""The pool is gevent's: while one mail waits for its server, the others go on."""

import socket
import subprocess
import sys

MAILS = 10

SENDER = f"""
from gevent import monkey, spawn, joinall
monkey.patch_all()
import sys
from email.message import EmailMessage
from penstock_runtime.errors import Retryable
from penstock_runtime.settings import load
from penstock_worker_mail.settings import MailSettings
from penstock_worker_mail.smtp import send

settings = load(MailSettings, secret_key="k" * 16, public_url="http://localhost", smtp_port=int(sys.argv[1]))

def send_one():
    try:
        send(EmailMessage(), "anna@example.com", settings, before_data=lambda: None)
    except Retryable as error:
        print(error.message)

joinall([spawn(send_one) for _ in range({MAILS})], raise_error=True)
"""


def test_mails_wait_for_their_server_at_the_same_time():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        port = str(server.getsockname()[1])
        command = [sys.executable, "-c", SENDER, port]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sending:
            # Nobody is answered before all are there: one after the other, they would wait for ever.
            connections = [server.accept()[0] for _ in range(MAILS)]
            for connection in connections:
                with connection:
                    connection.sendall(b"421 busy\r\n")
            said, _ = sending.communicate(timeout=30)
    assert said.splitlines() == ["the mail server put it off (421)"] * MAILS
