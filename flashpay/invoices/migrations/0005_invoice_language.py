from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0004_lists_of_a_million"),
    ]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="language",
            field=models.CharField(blank=True, max_length=8),
        ),
    ]
