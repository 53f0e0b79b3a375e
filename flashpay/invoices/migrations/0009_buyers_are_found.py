"""A buyer is found by the e-mail address among the metadata of an invoice."""

import django.db.models.fields.json
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0008_words_of_one_shop_and_state"),
        ("stores", "0002_names_in_full"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                django.db.models.functions.text.Upper(
                    django.db.models.fields.json.KeyTextTransform("buyerEmail", "metadata")
                ),
                name="invoice_by_buyer",
            ),
        ),
    ]
