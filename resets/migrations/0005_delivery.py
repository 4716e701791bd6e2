"""Each mail of a reset, and each test mail: a row. `manage.py rebuild` fills in earlier ones."""

import django.db.models.manager
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("resets", "0004_mailboxes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="reset",
            name="delivery",
            field=models.CharField(
                choices=[
                    ("none", "none"),
                    ("queued", "queued"),
                    ("deferred", "deferred"),
                    ("handed_over", "handed_over"),
                    ("held_up", "held_up"),
                    ("refused", "refused"),
                    ("delivered", "delivered"),
                    ("bounced", "bounced"),
                    ("spam", "spam"),
                ],
                max_length=12,
            ),
        ),
        migrations.CreateModel(
            name="CodeMail",
            fields=[
                ("organisation", models.UUIDField(editable=False, null=True)),
                ("site", models.UUIDField(editable=False, null=True)),
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("stream", models.UUIDField(editable=False)),
                ("send", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField()),
                ("domain", models.CharField(max_length=254)),
                (
                    "delivery",
                    models.CharField(
                        choices=[
                            ("none", "none"),
                            ("queued", "queued"),
                            ("deferred", "deferred"),
                            ("handed_over", "handed_over"),
                            ("held_up", "held_up"),
                            ("refused", "refused"),
                            ("delivered", "delivered"),
                            ("bounced", "bounced"),
                            ("spam", "spam"),
                        ],
                        max_length=12,
                    ),
                ),
                ("answer", models.TextField()),
            ],
            options={
                "db_table": "code_mail",
                "abstract": False,
                "base_manager_name": "everything",
                "default_manager_name": "everything",
                "indexes": [
                    models.Index(fields=["stream"], name="code_mail_by_reset"),
                    models.Index(
                        fields=["organisation", "at", "domain", "delivery"], name="code_mail_all"
                    ),
                    models.Index(
                        fields=["site", "at", "domain", "delivery"], name="code_mail_by_site"
                    ),
                ],
            },
            managers=[
                ("everything", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="MailTest",
            fields=[
                ("organisation", models.UUIDField(editable=False, null=True)),
                ("site", models.UUIDField(editable=False, null=True)),
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(editable=False)),
                ("changed_at", models.DateTimeField(editable=False)),
                ("device", models.UUIDField(null=True)),
                ("device_name", models.CharField(max_length=200)),
                ("mailbox", models.CharField(max_length=254)),
                ("recipient_key", models.UUIDField()),
                ("asker", models.CharField(max_length=200)),
                ("asked_at", models.DateTimeField()),
                (
                    "delivery",
                    models.CharField(
                        choices=[
                            ("none", "none"),
                            ("queued", "queued"),
                            ("deferred", "deferred"),
                            ("handed_over", "handed_over"),
                            ("held_up", "held_up"),
                            ("refused", "refused"),
                            ("delivered", "delivered"),
                            ("bounced", "bounced"),
                            ("spam", "spam"),
                        ],
                        max_length=12,
                    ),
                ),
                ("answer", models.TextField()),
            ],
            options={
                "db_table": "test_mail",
                "abstract": False,
                "base_manager_name": "everything",
                "default_manager_name": "everything",
                "indexes": [
                    models.Index(
                        fields=["organisation", "-asked_at"], name="test_mail_by_organisation"
                    ),
                    models.Index(fields=["site", "-asked_at"], name="test_mail_by_site"),
                    models.Index(fields=["device", "-asked_at"], name="test_mail_by_device"),
                ],
            },
            managers=[
                ("everything", django.db.models.manager.Manager()),
            ],
        ),
    ]
