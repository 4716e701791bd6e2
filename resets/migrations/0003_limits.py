"""Limits: what they have counted, refusals, alarms; and how PostgreSQL counts in one call."""

import django.db.models.manager
from django.db import migrations, models

POSTGRESQL = [
    # All or nothing over all limits of a command at once, and exact however many ask at once: who
    # counts holds the locks of its keys until its transaction ends, so the next one sees what it
    # did. (Each statement in here has a snapshot of its own, taken after the locks.) The keys come
    # in one order from everybody. No limit reads more of a key's uses than it allows.
    #
    # `rules` holds two numbers for each key: the most that is allowed, and how far back that
    # counts, in microseconds. Without `counted` it is a look: nothing is counted, nobody waits.
    """
    CREATE FUNCTION limit_take(
        keys uuid[], rules bigint[], counted uuid[], moment timestamptz
    ) RETURNS TABLE (used integer, earliest timestamptz) LANGUAGE plpgsql AS
    $$
    DECLARE
        passes boolean := true;
        most bigint;
    BEGIN
        IF counted IS NOT NULL THEN
            FOR i IN 1..cardinality(keys) LOOP
                PERFORM pg_advisory_xact_lock(uuid_hash_extended(keys[i], 0));
            END LOOP;
        END IF;
        FOR i IN 1..cardinality(keys) LOOP
            most := rules[2 * i - 1];
            SELECT count(*), min(newest.at) INTO used, earliest FROM (
                SELECT u.at FROM limit_use u
                WHERE u.key = keys[i] AND u.at > moment - rules[2 * i] * interval '1 microsecond'
                ORDER BY u.at DESC LIMIT most
            ) newest;
            passes := passes AND used < most;
            RETURN NEXT;
        END LOOP;
        IF passes AND counted IS NOT NULL THEN
            INSERT INTO limit_use (key, at, n)
            SELECT key, moment, (random() * 2147483647)::integer FROM unnest(counted) key;
        END IF;
    END
    $$
    """,
    # A count that a crash may lose the last moment of: nobody who floods makes the disk write.
    """
    CREATE FUNCTION limit_refused(guard uuid, at_site uuid, period timestamptz, told text)
    RETURNS integer LANGUAGE plpgsql AS
    $$
    DECLARE
        counted integer;
    BEGIN
        PERFORM set_config('synchronous_commit', 'off', true);
        INSERT INTO limit_refusal AS r (id, site, until, count, facts)
        VALUES (guard, at_site, period, 1, told)
        ON CONFLICT (id) DO UPDATE SET count = r.count + 1 RETURNING r.count INTO counted;
        RETURN counted;
    END
    $$
    """,
]
POSTGRESQL_BACK = [
    "DROP FUNCTION limit_refused(uuid, uuid, timestamptz, text)",
    "DROP FUNCTION limit_take(uuid[], bigint[], uuid[], timestamptz)",
]


def run(statements):
    def apply(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            for statement in statements:
                schema_editor.execute(statement)

    return apply


class Migration(migrations.Migration):
    dependencies = [
        ("resets", "0002_reset_in_full"),
    ]

    operations = [
        migrations.CreateModel(
            name="LimitUse",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key",
                        "at",
                        "n",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("key", models.UUIDField()),
                ("at", models.DateTimeField()),
                ("n", models.IntegerField()),
            ],
            options={
                "db_table": "limit_use",
            },
        ),
        migrations.CreateModel(
            name="RefusalCount",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("site", models.UUIDField()),
                ("until", models.DateTimeField()),
                ("count", models.PositiveIntegerField()),
                ("facts", models.TextField()),
            ],
            options={
                "db_table": "limit_refusal",
            },
        ),
        migrations.CreateModel(
            name="Breaker",
            fields=[
                ("organisation", models.UUIDField(editable=False, null=True)),
                ("site", models.UUIDField(editable=False, null=True)),
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(editable=False)),
                ("changed_at", models.DateTimeField(editable=False)),
                (
                    "counted",
                    models.CharField(
                        choices=[("resets", "resets"), ("codes", "codes"), ("guesses", "guesses")],
                        max_length=10,
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("device", "device"),
                            ("mailbox", "mailbox"),
                            ("person", "person"),
                            ("source", "source"),
                            ("nvr", "nvr"),
                            ("site", "site"),
                            ("organisation", "organisation"),
                            ("everything", "everything"),
                        ],
                        max_length=12,
                    ),
                ),
                ("most", models.PositiveIntegerField()),
                ("window", models.PositiveIntegerField()),
                ("what", models.CharField(max_length=254)),
                ("device", models.UUIDField(null=True)),
                ("device_name", models.CharField(max_length=200)),
                ("asker", models.CharField(max_length=200)),
                ("tripped", models.BooleanField()),
                ("times", models.PositiveIntegerField()),
                ("tripped_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("closed_because", models.TextField()),
            ],
            options={
                "db_table": "breaker",
                "abstract": False,
                "base_manager_name": "everything",
                "default_manager_name": "everything",
                "indexes": [
                    models.Index(fields=["site", "-tripped_at"], name="breaker_by_site"),
                    models.Index(
                        condition=models.Q(("tripped", True)),
                        fields=["tripped_at"],
                        name="breaker_open",
                    ),
                ],
            },
            managers=[
                ("everything", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="Refusals",
            fields=[
                ("organisation", models.UUIDField(editable=False, null=True)),
                ("site", models.UUIDField(editable=False, null=True)),
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(editable=False)),
                ("changed_at", models.DateTimeField(editable=False)),
                (
                    "counted",
                    models.CharField(
                        choices=[("resets", "resets"), ("codes", "codes"), ("guesses", "guesses")],
                        max_length=10,
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("device", "device"),
                            ("mailbox", "mailbox"),
                            ("person", "person"),
                            ("source", "source"),
                            ("nvr", "nvr"),
                            ("site", "site"),
                            ("organisation", "organisation"),
                            ("everything", "everything"),
                        ],
                        max_length=12,
                    ),
                ),
                ("most", models.PositiveIntegerField()),
                ("window", models.PositiveIntegerField()),
                ("what", models.CharField(max_length=254)),
                ("device", models.UUIDField(null=True)),
                ("device_name", models.CharField(max_length=200)),
                ("asker", models.CharField(max_length=200)),
                ("trips", models.BooleanField()),
                ("frees_at", models.DateTimeField(null=True)),
                ("until", models.DateTimeField()),
                ("count", models.PositiveIntegerField()),
            ],
            options={
                "db_table": "refusals",
                "abstract": False,
                "base_manager_name": "everything",
                "default_manager_name": "everything",
                "indexes": [models.Index(fields=["site", "-until"], name="refusals_by_site")],
            },
            managers=[
                ("everything", django.db.models.manager.Manager()),
            ],
        ),
        migrations.RunPython(run(POSTGRESQL), run(POSTGRESQL_BACK)),
    ]
