"""Rows of a wallet's feed are kept when they are seen, and asked about later."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0004_names_in_full"),
    ]

    operations = [
        migrations.AddField(
            model_name="wallettransaction",
            name="cents",
            field=models.DecimalField(blank=True, decimal_places=8, max_digits=24, null=True),
        ),
        migrations.AlterField(
            model_name="wallettransaction",
            name="asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="wallettransaction",
            index=models.Index(fields=["connection", "at"], name="wallet_transaction_by_time"),
        ),
    ]
