"""examples/flask-celery on a cluster: with its one worker, and then with a worker for each queue under the chart."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from bench.forward import Forward
from cluster.images.example import MOVED, OLD
from cluster.mailbox import PORT
from cluster.namespace import Namespace
from cluster.pod import deploy, pod_spec
from cluster.release import merged
from cluster.suite import Suite, soon
from cluster.values import QUICK, SMALL
from cluster.watch import watching

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/flask-celery"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
VALUES: dict[str, Any] = yaml.safe_load((EXAMPLE / "values.yaml").read_text(encoding="utf-8"))
[OLD_COMMAND] = re.findall(r"^    (celery .+)$", README, re.MULTILINE)
WEB_COMMAND = ["gunicorn", "--bind", "0.0.0.0:8000", "app:app"]
PASSWORD = "of-the-shop"
WORKERS = {f"penstock-worker-{key}" for key in VALUES["workers"]}
MAIL = "penstock-worker-shop-mail"
THINKS = 8
"""Seconds for one mail, of which the old worker sends one at a time."""

ENVIRONMENT = {
    "CELERY_BROKER_URL": f"redis://:{PASSWORD}@redis:6379/0",
    "SECRET_KEY": "a key that only tests know",
    "SMTP_HOST": "mailbox",
    "SMTP_PORT": str(PORT),
}


def moved(namespace: Namespace) -> dict[str, Any]:
    """The example's values, with the servers and the image that the tests have."""
    repository, _, tag = MOVED.partition(":")
    workers = {key: SMALL | {"image": {"repository": repository, "tag": tag}} for key in VALUES["workers"]}
    here = {
        "redis": {"host": f"redis.{namespace.name}.svc"},
        "extraEnv": [{"name": name, "value": ENVIRONMENT[name]} for name in ("SMTP_HOST", "SMTP_PORT")],
        "workers": workers | {"shop-mail": workers["shop-mail"] | {"egress": [{"ports": [{"port": PORT}]}]}},
        "autoscaling": QUICK,
    }
    return merged(VALUES, here)


class Shop:
    """The example in a namespace of its own, with its Redis and a mail server."""

    def __init__(self, namespace: Namespace) -> None:
        self.suite = Suite(namespace)
        self.web = Forward(namespace.name, "web", 8000)

    def start(self) -> None:
        """Its neighbours, and all of it as it was."""
        namespace = self.suite.namespace
        self.suite.mailbox.start()
        redis = pod_spec("redis:8", args=["--save", "", "--requirepass", PASSWORD])
        deploy(namespace, "redis", redis, 6379)
        secrets = {"shop": {"SECRET_KEY": ENVIRONMENT["SECRET_KEY"]}, "shop-redis": {"password": PASSWORD}}
        for name, data in secrets.items():
            namespace.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})
        self.run("worker", OLD, shlex.split(OLD_COMMAND))
        self.run_web(OLD)

    def run_web(self, image: str) -> None:
        """Its web server, out of this image."""
        probe = {"tcpSocket": {"port": 8000}, "periodSeconds": 1}
        self.run("web", image, WEB_COMMAND, 8000, readinessProbe=probe)
        self.web.renew()

    def run(self, name: str, image: str, command: list[str], port: int = 0, **container: Any) -> None:
        """One pod of it, which may end what it does when it is told to go."""
        spec = pod_spec(
            image,
            command,
            env=[{"name": key, "value": value} for key, value in ENVIRONMENT.items()],
            volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}],
            **container,
        )
        more = {"volumes": [{"name": "tmp", "emptyDir": {}}], "terminationGracePeriodSeconds": 60}
        deploy(self.suite.namespace, name, spec | more, port)

    def register(self, email: str) -> None:
        """Somebody registers."""
        answer = httpx.post(f"http://127.0.0.1:{self.web.port}/register", json={"email": email}, timeout=10)
        assert answer.status_code == 202, answer.text

    def await_mail(self, *emails: str) -> None:
        """Wait until each has a mail, and none has two."""
        soon(lambda: set(emails) <= set(self.delivered()), f"mails to {emails}")
        assert [self.delivered().count(email) for email in emails] == [1] * len(emails)

    def delivered(self) -> list[str]:
        """Who got a mail."""
        return [delivery.to for delivery in self.suite.mailbox.deliveries()]


@pytest.fixture(scope="module")
def shop(new_namespace: Callable[..., Namespace]) -> Iterator[Shop]:
    shop = Shop(new_namespace("example"))
    shop.start()
    yield shop
    shop.web.close()


def test_who_registers_gets_a_mail_from_its_one_worker_of_stock_celery(shop: Shop) -> None:
    shop.register("ann@example.com")
    shop.await_mail("ann@example.com")


def test_the_charts_workers_take_over_what_the_old_worker_held_and_what_the_old_web_server_sends(shop: Shop) -> None:
    suite, emails = shop.suite, [f"{name}@example.com" for name in ("bob", "cleo", "dan", "eve", "fay")]
    suite.mailbox.think(THINKS)
    for email in emails:
        shop.register(email)
    suite.install(merged(moved(suite.namespace), {"autoscaling": {"minReplicas": 1}}))
    suite.namespace.kubectl("delete", "deployment", "worker", "--timeout=60s", seconds=70)
    suite.mailbox.think(0)
    shop.await_mail(*emails)
    shop.register("gus@example.com")
    shop.await_mail("gus@example.com")


def test_moved_it_has_no_pod_for_a_queue_without_work_and_a_registration_brings_one(
    shop: Shop, figure: Callable[[str], None]
) -> None:
    shop.run_web(MOVED)
    shop.suite.release.upgrade(moved(shop.suite.namespace), wait="")
    for worker in WORKERS:
        shop.suite.await_replicas(worker, 0)
    with watching(shop.suite.namespace) as watch:
        shop.register("hal@example.com")
        shop.await_mail("hal@example.com")
        shop.suite.await_replicas(MAIL, 0)
    figure(f"one registration, the moved example: {watch.course(MAIL)}")
    assert watch.of(MAIL) == [0, 1, 0]
    assert watch.moved() == {MAIL}
