from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0003_import")]

    operations = [
        migrations.AddField(
            model_name="site",
            name="closed",
            field=models.BooleanField(default=False),
            preserve_default=False,
        ),
    ]
