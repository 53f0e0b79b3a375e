"""Indexes by which a list of a million invoices is searched, and the words of their descriptions on PostgreSQL."""

import django.db.models.deletion
import structlog
from django.db import NotSupportedError, ProgrammingError, migrations, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models.functions import Upper

log = structlog.get_logger(__name__)


def payments_stores(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Each payment's store is its invoice's."""
    invoices = apps.get_model("invoices", "Invoice").objects.filter(pk=models.OuterRef("invoice"))
    apps.get_model("invoices", "Payment").objects.update(store=models.Subquery(invoices.values("store")[:1]))
    if editor.connection.vendor == "postgresql":
        # It does not alter a table whose foreign keys it still has to look up.
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        editor.execute("SET CONSTRAINTS ALL DEFERRED")


def words_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """`description__icontains` by its groups of three letters.

    pg_trgm comes with PostgreSQL, and since version 13 the owner of a database may create it. Where it is missing the
    search does the same without an index.
    """
    if editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(editor.connection.alias):
            editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            editor.execute(
                "CREATE INDEX invoice_by_words ON invoices_invoice USING gin (UPPER(description) gin_trgm_ops)"
            )
    except (NotSupportedError, ProgrammingError) as error:
        log.warning("searching words of invoices will be slow: no pg_trgm", error=str(error).splitlines()[0])


def no_words_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX IF EXISTS invoice_by_words")


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0003_card_collections"),
        ("stores", "0001_initial"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="invoice", name="invoice_by_store_state"),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                fields=["store", "state", "-created_at"],
                condition=models.Q(("archived", False)),
                name="invoice_by_tab",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                fields=["store", "-created_at"], condition=models.Q(("archived", True)), name="invoice_archived"
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                fields=["store", "additional_state", "-created_at"],
                condition=models.Q(("additional_state", "None"), _negated=True),
                name="invoice_by_exception",
            ),
        ),
        migrations.AddIndex(model_name="invoice", index=models.Index(Upper("order_id"), name="invoice_by_order_typed")),
        migrations.AddIndex(
            model_name="invoice", index=models.Index(fields=["store", "currency", "amount"], name="invoice_by_amount")
        ),
        migrations.AddField(
            model_name="payment",
            name="store",
            field=models.ForeignKey(
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="stores.store",
            ),
        ),
        migrations.RunPython(payments_stores, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="payment",
            name="store",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="stores.store"
            ),
        ),
        migrations.AddIndex(
            model_name="payment", index=models.Index(fields=["store", "settled_at"], name="payment_by_time")
        ),
        migrations.RunPython(words_index, no_words_index),
    ]
