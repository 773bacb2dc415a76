"""Runs in a pod: posts mails one by one, as a client in the cluster does, and repeats what nobody answered.

A line for each that was accepted: the job's id, and how often it was posted.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

AT_ONCE = 8
PATIENCE = 120


def post(number: int) -> None:
    """Post one mail until it is accepted."""
    run = os.environ["RUN"]
    payload = {"email": f"{run}-{number}@example.com", "locale": "en"}
    body = json.dumps({"task": "mail.registration_confirmation", "payload": payload}).encode()
    headers = {
        "Authorization": f"Bearer {os.environ['API_KEY']}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"{run}-{number}",
    }
    end = time.monotonic() + PATIENCE
    tries = 0
    while time.monotonic() < end:
        tries += 1
        request = urllib.request.Request(f"{os.environ['API_URL']}/v1/jobs", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                sys.stdout.write(f"{json.load(answer)['job_id']} {tries}\n")
                sys.stdout.flush()
                return
        except (OSError, ValueError):  # refused, cut off, or an error's status: the same again
            time.sleep(0.2)


if __name__ == "__main__":
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(post, range(int(os.environ["COUNT"]))))
