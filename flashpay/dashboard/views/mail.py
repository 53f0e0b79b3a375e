"""Mail of a store: its rules, what was sent, what failed, and a test."""

from __future__ import annotations

import smtplib

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.mail_forms import MailRuleForm, MailSettingsForm
from flashpay.money.errors import MoneyError
from flashpay.notices.kinds import KINDS
from flashpay.notices.models import Mail, MailRule
from flashpay.notices.outbox import mail_is_sent
from flashpay.notices.selectors import (
    mail_failures,
    mail_rules,
    mail_settings,
    mail_text,
    mail_waits,
    mails_of,
    sandbox_keeps_mail,
)
from flashpay.notices.sending import words_of
from flashpay.notices.services import (
    mail_failures_seen,
    mail_rule_delete,
    mail_rule_save,
    mail_settings_save,
    mail_test,
)
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.throttles import Throttle, throttle_check

MAILS_A_PAGE = 25
TEST_MAIL = Throttle("test-mail", per_s=600, link=5)


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def mail(request: StoreRequest) -> HttpResponse:
    """Everything about the store's mail; POST saves what holds for all of it."""
    store = request.store
    form = MailSettingsForm(request.POST or None, initial=MailSettingsForm.shown(mail_settings(store)))
    if request.method == "POST" and form.is_valid():
        try:
            mail_settings_save(
                store=store,
                receipts_to_buyers=form.cleaned_data["receipts_to_buyers"],
                low_balance_cents=form.cleaned_data["low_balance"],
                actor=str(request.user),
            )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Saved.")
            return redirect("dashboard:mail", store.pk)
    page = {
        "nav": "settings",
        "form": form,
        "rules": [(rule, [KINDS[kind].label for kind in rule.kinds if kind in KINDS]) for rule in mail_rules(store)],
        "page": Paginator(mails_of(store), MAILS_A_PAGE).get_page(request.GET.get("page")),
        "sends": mail_is_sent(),
        "kept": sandbox_keeps_mail(),
        "failures": mail_failures(store),
        "waits": mail_waits(store),
    }
    return store_render(request, "dashboard/mail.html", page, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def mail_rule(request: StoreRequest, rule_id: str = "") -> HttpResponse:
    """One address: new, or changed."""
    store = request.store
    rule = get_object_or_404(MailRule, pk=rule_id, store=store) if rule_id else None
    form = MailRuleForm(request.POST or None, initial=MailRuleForm.shown(store, rule, str(request.user)))
    if request.method == "POST" and form.is_valid():
        try:
            saved = mail_rule_save(store=store, rule=rule, actor=str(request.user), **form.values())
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            messages.success(
                request, f"Saved. {saved.address} is written to from now on." if saved.active else "Saved."
            )
            return redirect("dashboard:mail", store.pk)
    return store_render(
        request,
        "dashboard/mail_rule.html",
        {"nav": "settings", "form": form, "rule": rule, "words": KINDS},
        status=422 if form.errors else 200,
    )


@require_POST
@store_page(permissions.MODIFY_STORE)
def mail_act(request: StoreRequest) -> HttpResponse:
    """The buttons of the page: a test, and “I have seen it”."""
    match request.POST.get("action"):
        case "test":
            _test(request)
        case "seen":
            mail_failures_seen(store=request.store)
        case _:
            raise BadRequest("no such action")
    return redirect("dashboard:mail", request.store.pk)


@require_POST
@store_page(permissions.MODIFY_STORE)
def mail_rule_remove(request: StoreRequest, rule_id: str) -> HttpResponse:
    rule = get_object_or_404(MailRule, pk=rule_id, store=request.store)
    mail_rule_delete(rule=rule, actor=str(request.user))
    messages.success(request, f"{rule.address} is not written to any more.")
    return redirect("dashboard:mail", request.store.pk)


@require_GET
@store_page(permissions.MODIFY_STORE)
def mail_shown(request: StoreRequest, mail_id: int) -> HttpResponse:
    """One mail as it was sent."""
    shown = get_object_or_404(Mail.objects.select_related("sent_with"), pk=mail_id, store=request.store)
    page = {"nav": "settings", "mail": shown, "text": mail_text(shown), "kept": sandbox_keeps_mail()}
    return store_render(request, "dashboard/mail_shown.html", page)


def _test(request: StoreRequest) -> None:
    try:
        throttle_check(TEST_MAIL, request, request.store.pk)
        mail_test(store=request.store, to=request.user.email)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    except (smtplib.SMTPException, OSError) as error:
        messages.error(request, f"The mail server did not take the test: {words_of(error)}")
    else:
        kept = "The sandbox sends no mail: the test was written to the log of the web process."
        messages.success(request, kept if sandbox_keeps_mail() else f"A test is on its way to {request.user.email}.")
