from django.urls import include, path

from flashpay.dashboard.views import (
    invoices,
    payout_policy,
    payouts,
    pull_payment_actions,
    receiving,
    stores,
    vouchers,
    wallet,
)

app_name = "dashboard"

store_patterns = [
    path("", stores.store_home, name="store"),
    path("/wallet", wallet.wallet, name="wallet"),
    path("/wallet/test/<str:step>", wallet.wallet_test, name="wallet_test"),
    path("/wallet/health", wallet.wallet_health, name="wallet_health"),
    path("/wallet/check", wallet.wallet_check_now, name="wallet_check"),
    path("/wallet/disconnect", wallet.wallet_remove, name="wallet_disconnect"),
    path("/settings", stores.store_settings, name="settings"),
    path("/invoices", invoices.invoices, name="invoices"),
    path("/invoices.csv", invoices.invoices_csv, name="invoices_csv"),
    path("/invoices/new", invoices.invoice_new, name="invoice_create"),
    path("/invoices/<str:invoice_id>", invoices.invoice, name="invoice"),
    path("/invoices/<str:invoice_id>/status", invoices.invoice_status, name="invoice_status"),
    path("/invoices/<str:invoice_id>/refund", receiving.invoice_refund, name="invoice_refund"),
    path("/invoices/<str:invoice_id>/archive", invoices.invoice_hide, name="invoice_archive"),
    path("/addresses", receiving.addresses, name="addresses"),
    path("/addresses/<str:address_id>/delete", receiving.address_delete, name="address_delete"),
    path("/links", receiving.pay_links, name="pay_links"),
    path("/links/<str:link_id>/archive", receiving.pay_link_close, name="pay_link_archive"),
    path("/payment-requests", receiving.payment_requests, name="payment_requests"),
    path("/payment-requests/new", receiving.payment_request_new, name="payment_request_create"),
    path("/payment-requests/<str:request_id>", receiving.payment_request, name="payment_request"),
    path("/payment-requests/<str:request_id>/archive", receiving.payment_request_hide, name="payment_request_archive"),
    path("/pull-payments", payouts.pull_payments, name="pull_payments"),
    path("/pull-payments/new", payouts.pull_payment_new, name="pull_payment_create"),
    path("/pull-payments/<str:pull_payment_id>", payouts.pull_payment, name="pull_payment"),
    path("/pull-payments/<str:pull_payment_id>/archive", payouts.pull_payment_end, name="pull_payment_archive"),
    path("/pull-payments/<str:pull_payment_id>/act", pull_payment_actions.pull_payment_act, name="pull_payment_act"),
    path("/vouchers", vouchers.batches, name="vouchers"),
    path("/vouchers/new", vouchers.batch_new, name="voucher_batch_create"),
    path("/vouchers/<str:batch_id>", vouchers.batch, name="voucher_batch"),
    path("/vouchers/<str:batch_id>/revoke", vouchers.batch_revoke, name="voucher_batch_revoke"),
    path("/vouchers/<str:batch_id>/sheets", vouchers.batch_sheets, name="voucher_sheets"),
    path("/vouchers/<str:batch_id>/sheets.pdf", vouchers.batch_pdf, name="voucher_pdf"),
    path("/vouchers/<str:batch_id>/vouchers.csv", vouchers.batch_csv, name="voucher_csv"),
    path("/vouchers/<str:batch_id>/<int:number>/revoke", vouchers.one_revoke, name="voucher_revoke"),
    path("/payouts", payouts.payouts, name="payouts"),
    path("/payouts.csv", payouts.payouts_csv, name="payouts_csv"),
    path("/payout-rules", payout_policy.payout_rules, name="payout_rules"),
    path("/payout-rules/pause", payout_policy.payouts_pause, name="payouts_pause"),
    path("/payouts/<str:payout_id>", payouts.payout, name="payout"),
    path("/payouts/<str:payout_id>/act", payouts.payout_act, name="payout_act"),
]

urlpatterns = [
    path("", stores.home, name="home"),
    path("stores/new", stores.store_new, name="store_create"),
    path("stores/<str:store_id>", include(store_patterns)),
]
