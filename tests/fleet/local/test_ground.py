"""The testing ground itself: databases, flush, browser, separate processes."""

import os

import pytest
from django.conf import settings
from django.db import connection


def test_nothing_of_the_developers_own_rekey_is_touched():
    assert settings.VAR != settings.BASE_DIR / "var"


def test_the_database_is_the_one_that_was_asked_for(db):
    asked = os.environ["REKEY_TESTS_RUN_ON"]
    assert connection.vendor == {"sqlite": "sqlite", "postgres": "postgresql"}[asked]
    if asked == "postgres":
        assert connection.pg_version // 10000 == 18


def _guarded_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE guarded (number integer)")
        cursor.execute("INSERT INTO guarded VALUES (1)")
        if connection.vendor == "sqlite":
            cursor.execute(
                "CREATE TRIGGER guard BEFORE DELETE ON guarded BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        else:
            cursor.execute(
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE 'no'; END $$"
            )
            for what in ("DELETE", "TRUNCATE"):
                cursor.execute(
                    f"CREATE TRIGGER guard_{what} BEFORE {what} ON guarded EXECUTE FUNCTION no()"
                )


def test_a_flush_gets_past_triggers_and_leaves_them_standing(transactional_db):
    _guarded_table()
    try:
        flush = "DELETE FROM" if connection.vendor == "sqlite" else "TRUNCATE"
        connection.ops.execute_sql_flush([f"{flush} guarded"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM guarded")
            assert cursor.fetchone() == (0,)
            cursor.execute("INSERT INTO guarded VALUES (2)")
            with pytest.raises(Exception, match="no"):
                cursor.execute("DELETE FROM guarded")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE guarded")
            if connection.vendor == "postgresql":
                cursor.execute("DROP FUNCTION no")


def test_a_browser_opens_a_page(chromium):
    page = chromium.new_page()
    page.set_content("<h1>Rekey</h1>")
    assert page.inner_text("h1") == "Rekey"


def test_a_separate_rekey_gets_a_folder_and_a_database_of_its_own(environment, tmp_path):
    assert environment["REKEY_VAR"].startswith(str(tmp_path))
    assert environment.get("DATABASE_URL") != os.environ.get("DATABASE_URL") or (
        "DATABASE_URL" not in environment
    )
