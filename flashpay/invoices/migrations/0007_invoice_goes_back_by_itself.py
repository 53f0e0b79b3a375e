from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invoices", "0006_names_in_full_and_archived_addresses")]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="redirect_automatically",
            field=models.BooleanField(default=False),
        ),
    ]
