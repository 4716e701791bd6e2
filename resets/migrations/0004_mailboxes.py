"""Proposals that a device's Reset Password Email becomes another one."""

import django.db.models.deletion
import django.db.models.manager
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0003_import"),
        ("resets", "0008_recorder"),
    ]

    operations = [
        migrations.CreateModel(
            name="MailboxChange",
            fields=[
                ("organisation", models.UUIDField(editable=False, null=True)),
                ("site", models.UUIDField(editable=False, null=True)),
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(editable=False)),
                ("changed_at", models.DateTimeField(editable=False)),
                ("device_name", models.CharField(max_length=200)),
                ("address", models.CharField(max_length=300)),
                ("old_email", models.CharField(max_length=254)),
                ("reset_email", models.CharField(max_length=254)),
                ("domain", models.CharField(max_length=12)),
                ("reason", models.TextField()),
                ("proposer", models.CharField(max_length=200)),
                ("proposer_id", models.CharField(max_length=64)),
                ("approver", models.CharField(max_length=200)),
                ("digest", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField()),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            ("proposed", "proposed"),
                            ("approved", "approved"),
                            ("changed", "changed"),
                            ("declined", "declined"),
                            ("withdrawn", "withdrawn"),
                            ("expired", "expired"),
                            ("void", "void"),
                        ],
                        max_length=10,
                    ),
                ),
                ("open", models.BooleanField()),
                ("answer", models.TextField()),
                (
                    "device",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="mailbox_changes",
                        to="devices.device",
                    ),
                ),
                (
                    "place",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="mailbox_changes",
                        to="devices.site",
                    ),
                ),
            ],
            options={
                "db_table": "mailbox_change",
                "abstract": False,
                "base_manager_name": "everything",
                "default_manager_name": "everything",
                "indexes": [
                    models.Index(fields=["site", "-id"], name="mailbox_change_by_site"),
                    models.Index(fields=["organisation", "-id"], name="mailbox_change_by_org"),
                    models.Index(fields=["device", "-id"], name="mailbox_change_by_device"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("open", True)),
                        fields=("device",),
                        name="mailbox_change_one_open_per_device",
                    )
                ],
            },
            managers=[
                ("everything", django.db.models.manager.Manager()),
            ],
        ),
    ]
