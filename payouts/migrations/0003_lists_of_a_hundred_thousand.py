"""Indexes by which a list of a hundred thousand payouts is shown and searched."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def destination_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """A hash, because an LNURL may be longer than an ordered index takes."""
    if editor.connection.vendor == "postgresql":
        editor.execute("CREATE INDEX payout_by_destination ON payouts_payout USING hash (UPPER(destination))")


def no_destination_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX IF EXISTS payout_by_destination")


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0002_approval_limits_and_expiry"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="payout", index=models.Index(fields=["store", "-created_at"], name="payout_by_store")
        ),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(
                fields=["store", "-created_at"], condition=models.Q(("needs_review", True)), name="payout_to_review"
            ),
        ),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(
                fields=["store", "completed_at"],
                condition=models.Q(("state", "Completed")),
                name="payout_by_completion",
            ),
        ),
        migrations.RunPython(destination_index, no_destination_index),
    ]
