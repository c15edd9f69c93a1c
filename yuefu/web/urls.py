"""Routes of the pages and probes."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.i18n import set_language

from yuefu.web import breaks, checkout, closing, funds, health, home, invoices, loans, orders, recon, reports, settlements, shares, suspense
from yuefu.web.login import SignIn

urlpatterns = [
    path("", home.home, name="home"),
    path("checkout/<str:public_id>/", checkout.page, name="checkout"),
    path("checkout/<str:public_id>/phone/", checkout.phone, name="checkout_phone"),
    path("checkout/<str:public_id>/code/", checkout.code, name="checkout_code"),
    path("checkout/<str:public_id>/plan/", checkout.plan, name="checkout_plan"),
    path("checkout/<str:public_id>/terms/<str:quote>/", checkout.terms, name="checkout_terms"),
    path("checkout/<str:public_id>/agree/", checkout.agree, name="checkout_agree"),
    path("checkout/<str:public_id>/leave/", checkout.leave, name="checkout_leave"),
    path("find/", orders.find, name="find"),
    path("trace/<str:public_id>/", orders.trace_page, name="trace"),
    path("closing/", closing.closing, name="closing"),
    path("closing/retry/", closing.retry, name="closing_retry"),
    path("suspense/", suspense.listing, name="suspense"),
    path("suspense/<str:public_id>/", suspense.receipt, name="receipt"),
    path("suspense/<str:public_id>/act/", suspense.act, name="receipt_act"),
    path("recon/", recon.statements, name="recon"),
    path("funds/", funds.funds, name="funds"),
    path("funds/act/", funds.act, name="funds_act"),
    path("reports/", reports.listing, name="reports"),
    path("reports/flow/", reports.flow, name="money_flow"),
    path("settlements/", settlements.listing, name="settlements"),
    path("settlements/invoices/", invoices.listing, name="invoices"),
    path("settlements/shares/", shares.listing, name="shares"),
    path("settlements/shares/<str:public_id>/", shares.batch, name="share"),
    path("settlements/shares/<str:public_id>/shares.csv", shares.batch_file, name="share_file"),
    path("settlements/payees/<str:public_id>/", shares.payee, name="payee"),
    path("settlements/fees/<str:merchant>/<str:month>/", invoices.fees, name="fees"),
    path("settlements/fees/<str:merchant>/<str:month>/act/", invoices.act, name="fees_act"),
    path("settlements/months/<str:merchant>/<str:month>/", settlements.month, name="settlement_month"),
    path("settlements/months/<str:merchant>/<str:month>/statement.<str:form>", settlements.month_file, name="settlement_month_file"),
    path("settlements/<str:public_id>/", settlements.batch, name="settlement"),
    path("settlements/<str:public_id>/statement.<str:form>", settlements.batch_file, name="settlement_file"),
    path("breaks/", breaks.listing, name="breaks"),
    path("breaks/<str:public_id>/", breaks.one, name="break"),
    path("breaks/<str:public_id>/act/", breaks.act, name="break_act"),
    path("breaks/<str:public_id>/evidence/<int:no>/", breaks.evidence, name="break_evidence"),
    path("loans/", loans.late, name="late_loans"),
    path("loans/<str:public_id>/", loans.loan, name="loan"),
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", set_language, name="set_language"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
