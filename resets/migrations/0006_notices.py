"""Who was told of what, and quick ways to what waits for somebody."""

import django.db.models.manager
from django.db import migrations, models

ID = models.UUIDField(editable=False, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    dependencies = [
        ("resets", "0005_delivery"),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("organisation", models.UUIDField(editable=False, null=True)),
                ("site", models.UUIDField(editable=False, null=True)),
                ("id", ID),
                ("version", models.PositiveIntegerField(editable=False)),
                ("changed_at", models.DateTimeField(editable=False)),
                ("about", models.UUIDField()),
                ("title", models.CharField(max_length=300)),
                ("told", models.JSONField()),
            ],
            options={
                "db_table": "notice",
                "abstract": False,
                "base_manager_name": "everything",
                "default_manager_name": "everything",
            },
            managers=[("everything", django.db.models.manager.Manager())],
        ),
        *(
            migrations.AddField(
                "reset", name, models.BooleanField(default=False), preserve_default=False
            )
            for name in ("awaits_approval", "awaits_review")
        ),
        migrations.AddIndex(
            model_name="reset",
            index=models.Index(
                fields=["organisation"],
                condition=models.Q(awaits_approval=True),
                name="reset_awaiting_approval",
            ),
        ),
        migrations.AddIndex(
            model_name="reset",
            index=models.Index(
                fields=["organisation"],
                condition=models.Q(awaits_review=True),
                name="reset_awaiting_review",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(fields=["about"], name="notice_about"),
        ),
    ]
