from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("resets", "0003_limits"),
    ]

    operations = [
        migrations.AddField(
            model_name="reset",
            name="recorder",
            field=models.CharField(default="none", max_length=20),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="reset",
            name="recorder_detail",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
    ]
