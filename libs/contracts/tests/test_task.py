"""A call as data: a task takes its own payload, and makes a message of it."""

from pathlib import Path
from uuid import UUID

import pytest
from mypy import api as mypy
from pydantic import ValidationError

from penstock_contracts.dataset import IMPORT_FILE, ImportFile
from penstock_contracts.ops_trace import PRUNE, Prune, Pruned
from penstock_contracts.queues import MAIL, OPS_TRACE, Priority
from penstock_contracts.task import Contract, Message, Task
from penstock_contracts.tasks import BY_NAME, INTERNAL, STARTABLE, TASKS

CALLS = """
from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_contracts.ops_trace import PRUNE, Prune, Pruned
from penstock_contracts.task import Contract, Task

REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email="a@example.com"))
PRUNE.message(Prune(days=1))
REGISTRATION_CONFIRMATION.message(Prune())  # wrong: another task's payload
PRUNE.message({"days": 1})  # wrong: no payload
anything: Task[Contract, Pruned] = PRUNE  # wrong: it does not take any payload
"""


def test_the_type_checker_refuses_another_tasks_payload(tmp_path: Path, pytestconfig: pytest.Config):
    source = tmp_path / "calls.py"
    source.write_text(CALLS)
    cache = pytestconfig.cache.mkdir("mypy")  # reading pydantic's types takes seconds the first time
    errors, _, _ = mypy.run(["--config-file=", "--strict", f"--cache-dir={cache}", str(source)])
    wrong = [number for number, line in enumerate(CALLS.splitlines(), 1) if "# wrong" in line]
    assert [int(line.split(":")[1]) for line in errors.splitlines() if ": error: " in line] == wrong


def test_a_message_is_plain_json_with_its_queue_and_priority():
    payload = ImportFile(file_id=UUID(int=7), name="cities.csv")
    message = IMPORT_FILE.message(payload, priority=Priority.BULK)
    plain = {"file_id": "00000000-0000-0000-0000-000000000007", "name": "cities.csv"}
    assert message == Message("dataset.import_file", "dataset", plain, Priority.BULK)


def test_a_messages_payload_is_read_back_as_it_was():
    for task in TASKS:
        assert task.payload.model_config["extra"] == "forbid"
    payload = Prune(days=3)
    assert Prune.model_validate(PRUNE.message(payload).payload) == payload


@pytest.mark.parametrize("name", ["prune", "mail.prune", "ops_traceprune", ""])
def test_a_task_must_be_named_after_its_queue(name):
    with pytest.raises(ValueError, match=r"must be named ops_trace\.<what it does>"):
        Task(name, OPS_TRACE, Prune, Pruned)


def test_a_task_is_found_by_its_name_and_belongs_to_one_queue():
    assert all(BY_NAME[task.name] is task for task in TASKS)
    assert len(BY_NAME) == len(TASKS)


def test_a_task_is_either_started_by_clients_or_by_penstock_itself():
    assert {*STARTABLE} | {*INTERNAL} == {*TASKS}
    assert not {*STARTABLE} & {*INTERNAL}


def test_a_contract_has_no_unknown_fields_and_does_not_change():
    class Words(Contract):
        text: str

    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Words(text="a", more="b")
    with pytest.raises(ValidationError, match="frozen"):
        Words(text="a").text = "b"
    assert Task("mail.words", MAIL, Words, Words).message(Words(text="a")).payload == {"text": "a"}
