"""One suite on every store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from banditcore.storage.base import Store
from banditcore.storage.memory import MemoryStore
from banditcore.storage.postgres import PostgresStore
from banditcore.storage.sqlite import SqliteStore
from banditcore.testing.storage_contract import StorageContract


class TestMemory(StorageContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = MemoryStore()
        yield store
        store.close()


class TestPostgres(StorageContract):
    @pytest.fixture
    def store(self, postgres_url: str) -> Iterator[Store]:
        store = PostgresStore(postgres_url)
        yield store
        store.close()


class TestSqlite(StorageContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = SqliteStore(tmp_path / "data")
        yield store
        store.close()
