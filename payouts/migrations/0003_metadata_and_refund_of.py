from django.db import migrations, models
from django.db.models import deletion


def link_refunds(apps, schema_editor):
    """Until now a refund was known by its event alone."""
    events = apps.get_model("stores", "Event").objects.filter(entity="invoice", type="InvoiceRefunded")
    pull_payments = apps.get_model("payouts", "PullPayment").objects
    for invoice_id, evidence in events.values_list("entity_id", "evidence").iterator():
        pull_payments.filter(pk=evidence["pull_payment"]).update(refund_of_id=invoice_id)


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0003_lists_of_a_hundred_thousand"),
        ("invoices", "0001_initial"),
        ("stores", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="payout",
            name="metadata",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="pullpayment",
            name="refund_of",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=deletion.PROTECT,
                related_name="refunds",
                to="invoices.invoice",
            ),
        ),
        migrations.RunPython(link_refunds, migrations.RunPython.noop),
    ]
