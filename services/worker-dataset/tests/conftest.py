"""Files as the API leaves them: an object in storage and a row that names it."""

import hashlib
from collections.abc import Callable
from uuid import uuid4

import hypothesis
import pytest
import sqlalchemy

from penstock_contracts.dataset import ImportFile
from penstock_runtime.schema import files
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.storage import Storage

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

Upload = Callable[..., ImportFile]


@pytest.fixture
def upload(settings: RuntimeSettings, database: sqlalchemy.Engine) -> Upload:
    """`upload(name, content, tenant="default")` stores a file and returns the payload that imports it."""

    def store(name: str, content: bytes, *, tenant: str = "default") -> ImportFile:
        file_id = uuid4()
        key = f"files/{file_id}"
        Storage(settings.storage_url).write(key, content)
        about = {"media_type": "text/plain", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        with database.begin() as connection:
            connection.execute(
                sqlalchemy.insert(files).values(id=file_id, tenant=tenant, name=name, storage_key=key, **about)
            )
        return ImportFile(file_id=file_id, name=name)

    return store
