"""A port of this machine that leads to a Service, wherever the cluster is."""

import re
import select
import subprocess
import time
from contextlib import suppress

FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
STARTS_WITHIN = 30


class Forward:
    """`kubectl port-forward` to one pod behind a Service. It ends with that pod: then `renew` leads to another."""

    def __init__(self, namespace: str, service: str, port: str | int) -> None:
        self._command = ("kubectl", "-n", namespace, "port-forward", f"service/{service}", f":{port}")
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port on 127.0.0.1. Opens it the first time."""
        if self._process is None or self._process.poll() is not None:
            self.renew()
        return self._port

    def renew(self) -> None:
        """Begin anew. Raises ConnectionError where no pod could be reached in time."""
        self.close()
        said = ""
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
            )
            said = self._first_line(deadline)
            found = FORWARDING.search(said)
            if found:
                self._port = int(found[1])
                return
            self.close()
            time.sleep(0.5)
        raise ConnectionError(f"{' '.join(self._command)}: {said.strip() or 'said nothing'}")

    def _first_line(self, deadline: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        return self._process.stdout.readline() if readable else ""

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(5)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
