"""The log is append-only by trigger and by grant, and has one order."""

from django.db import migrations

# Any number will do, as long as nothing else in this database locks it: the bytes of "REKEY".
ORDER = 0x52454B4559

POSTGRESQL = [
    f"""
    CREATE FUNCTION event_order() RETURNS void LANGUAGE sql AS
    $$ SELECT pg_advisory_xact_lock({ORDER}) $$
    """,
    # Before the statement's first row is given its position: so positions are committed in order.
    """
    CREATE FUNCTION event_takes_its_turn() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM event_order(); RETURN NULL; END $$
    """,
    """
    CREATE TRIGGER event_one_order BEFORE INSERT ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_takes_its_turn()
    """,
    """
    CREATE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$
    """,
    """
    CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_is_append_only()
    """,
    "REVOKE UPDATE, DELETE, TRUNCATE ON event FROM PUBLIC, CURRENT_USER",
]
POSTGRESQL_BACK = [
    "GRANT UPDATE, DELETE, TRUNCATE ON event TO CURRENT_USER",
    "DROP TRIGGER event_append_only ON event",
    "DROP TRIGGER event_one_order ON event",
    "DROP FUNCTION event_is_append_only()",
    "DROP FUNCTION event_takes_its_turn()",
    "DROP FUNCTION event_order()",
]
SQLITE = [
    """
    CREATE TRIGGER event_no_update BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END
    """,
    """
    CREATE TRIGGER event_no_delete BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END
    """,
    # INSERT OR REPLACE deletes without a delete trigger.
    """
    CREATE TRIGGER event_no_replace BEFORE INSERT ON event
    WHEN EXISTS (SELECT 1 FROM event WHERE stream = NEW.stream AND version = NEW.version)
      OR EXISTS (SELECT 1 FROM event WHERE id = NEW.id OR position = NEW.position)
    BEGIN SELECT RAISE(ABORT, 'event_stream_version: the log is append-only'); END
    """,
]
SQLITE_BACK = [
    "DROP TRIGGER event_no_update",
    "DROP TRIGGER event_no_delete",
    "DROP TRIGGER event_no_replace",
]


def run(statements):
    def apply(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return apply


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0001_initial")]

    operations = [
        migrations.RunPython(
            run({"postgresql": POSTGRESQL, "sqlite": SQLITE}),
            run({"postgresql": POSTGRESQL_BACK, "sqlite": SQLITE_BACK}),
        )
    ]
