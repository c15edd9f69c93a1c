"""The real pages with sample values behind them, as a site that a browser can visit; no database is asked."""

from __future__ import annotations

from datetime import date, time
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.i18n import set_language

from tests.web import (
    break_samples,
    invoice_samples,
    loan_samples,
    recon_samples,
    report_samples,
    samples,
    settlement_samples,
    share_samples,
)
from yuefu.journeys.breaks import Listed
from yuefu.runtime.values import Book
from yuefu.web import breaks, closing, funds, home, invoices, loans, login, orders, places, recon, reports, settlements, shares, suspense
from yuefu.web.scopes import Visitor

BOOK = Book(samples.ORDER_ID, "demo", "Yuefu Demo Lending Ltd", "test", "CNY", "Asia/Shanghai", "CN", time(0), None)
asked: dict[str, int] = {}


class Staff(AnonymousUser):
    """Somebody who has logged in and may see every page, of whom no database knows."""

    is_authenticated = True  # type: ignore[assignment]
    is_anonymous = False  # type: ignore[assignment]
    display_name = "张会计 Zhang Kuaiji"


def open_to(visitor: Visitor) -> dict[str, set[UUID]]:
    """Instead of `places.open_to`."""
    return {place.route: {BOOK.id} for place in places.PLACES} if isinstance(visitor, Staff) else {}


CLOSES = {"": samples.a_close_under_way, "failed": samples.a_failed_close, "waiting": samples.a_waiting_close, "none": samples.no_close}
TRACES = {"late": samples.a_late_trace, "declined": samples.a_declined_trace}


def _home(request: HttpRequest) -> HttpResponse:
    request.user = AnonymousUser()
    return home.show(request, samples.an_overview(), book=BOOK, now=samples.at(samples.AS_OF, 16, 30), cursor=request.GET.get("after", ""))


def _empty(request: HttpRequest) -> HttpResponse:
    request.user = AnonymousUser()
    return home.show(request, samples.an_empty_overview(), book=BOOK, now=samples.at(samples.AS_OF, 16, 30))


def _stopped(request: HttpRequest) -> HttpResponse:
    request.user = AnonymousUser()
    return home.show(request, samples.a_stopped_overview(), book=BOOK, now=samples.at(samples.AS_OF, 16, 30))


def _closing(request: HttpRequest, which: str = "") -> HttpResponse:
    """Each time somebody asks, one more chunk is done."""
    request.user = AnonymousUser()
    asked[which] = asked.get(which, 0) + 1
    return closing.show(request, CLOSES[which](asked[which]), book=BOOK, may_retry=which != "failed")


def _retry(request: HttpRequest) -> HttpResponse:
    return redirect(f"/closing/?tried={'went_on' if request.POST.get('quarantine') == samples.QUARANTINE else 'refused'}#stuck")


def _suspense(request: HttpRequest, which: str = "") -> HttpResponse:
    request.user = AnonymousUser()
    return suspense.show_list(request, samples.nothing_in_suspense() if which else samples.in_suspense(), book=BOOK)


def _receipt(request: HttpRequest, public_id: str) -> HttpResponse:
    request.user = AnonymousUser()
    refused = "more_than_left" if public_id == "refused" else ""
    typed = {"do": "match", "target": "C00007", "amount": "9999.00", "reason": "called"} if refused else {}
    found = samples.an_explained_receipt() if public_id == "explained" else samples.a_receipt()
    return suspense.show(request, found, book=BOOK, allowed=suspense.Allowed(match=True, give_back=True), refused=refused, typed=typed)


def _act(request: HttpRequest, public_id: str) -> HttpResponse:
    good = request.POST.get("do") == "match" and request.POST.get("target") == "C00007" and request.POST.get("key")
    return redirect("/suspense/explained/?done=matched" if good else "/suspense/refused/")


def _recon(request: HttpRequest) -> HttpResponse:
    request.user = Staff()
    return recon.show(request, recon_samples.a_day(), book=BOOK, made=break_samples.levels(), told=break_samples.trend())


def _breaks(request: HttpRequest, which: str = "") -> HttpResponse:
    request.user = AnonymousUser()
    return breaks.show_list(request, Listed((), "") if which else break_samples.a_list(), book=BOOK)


def _break(request: HttpRequest, public_id: str) -> HttpResponse:
    request.user = AnonymousUser()
    found = {"waiting": break_samples.seen(waiting=True), "ended": break_samples.an_ended_break()}.get(public_id) or break_samples.seen()
    refused = "above_write_off" if public_id == "refused" else ""
    return breaks.show(request, found, book=BOOK, allowed=breaks.Allowed(work=True, decide=True), refused=refused)


def _funds(request: HttpRequest) -> HttpResponse:
    request.user = AnonymousUser()
    plan, months, liquid = report_samples.money_of_a_merchant()
    return funds.show(request, plan, months, liquid, book=BOOK, shop=report_samples.SHOP, allowed=True)


def _reports(request: HttpRequest) -> HttpResponse:
    request.user = AnonymousUser()
    return reports.show_list(request, [report_samples.kept("month")], [report_samples.kept("day")], book=BOOK)


def _report(request: HttpRequest) -> HttpResponse:
    request.user = AnonymousUser()
    return reports.show(request, report_samples.a_day(), book=BOOK)


def _flow(request: HttpRequest) -> HttpResponse:
    request.user = AnonymousUser()
    if request.GET.get("from"):
        entries = report_samples.some_entries()
        return reports.show_entries(
            request, entries, book=BOOK, on=report_samples.ON, origin="merchants", target="clearing", currency="CNY"
        )
    return reports.show_flow(request, report_samples.a_flow(), book=BOOK)


def _late_loans(request: HttpRequest, which: str = "") -> HttpResponse:
    request.user = AnonymousUser()
    return loans.show_late(request, loan_samples.no_late_loan() if which else loan_samples.late_page(), book=BOOK)


def _loan(request: HttpRequest, public_id: str) -> HttpResponse:
    request.user = AnonymousUser()
    return loans.show(request, loan_samples.a_settled_loan() if public_id == "settled" else loan_samples.a_loan(), book=BOOK)


def _settlements(request: HttpRequest, which: str = "") -> HttpResponse:
    request.user = Staff()
    found = (
        settlement_samples.no_batch()
        if which
        else settlement_samples.batches(request.GET.get("merchant", ""), request.GET.get("state", ""))
    )
    return settlements.show_list(request, found, book=BOOK)


def _settlement(request: HttpRequest, public_id: str) -> HttpResponse:
    request.user = AnonymousUser()
    refused = "ledger_differs" if public_id == "refused" else ""
    return settlements.show_batch(request, settlement_samples.a_batch(), settlement_samples.lines(), book=BOOK, refused=refused)


def _shares(request: HttpRequest, which: str = "") -> HttpResponse:
    request.user = AnonymousUser()
    asked = request.GET.get("payee", ""), request.GET.get("state", "")
    return shares.show_list(request, share_samples.no_batch() if which else share_samples.batches(*asked), book=BOOK)


def _share(request: HttpRequest, public_id: str) -> HttpResponse:
    request.user = AnonymousUser()
    refused = "ledger_differs" if public_id == "refused" else ""
    return shares.show_batch(request, share_samples.a_batch(), share_samples.lines(), book=BOOK, refused=refused)


def _payee(request: HttpRequest, public_id: str) -> HttpResponse:
    request.user = AnonymousUser()
    return shares.show_payee(request, share_samples.a_payee(), book=BOOK)


def _settlement_month(request: HttpRequest, merchant: str = "", month: str = "") -> HttpResponse:
    request.user = AnonymousUser()
    return settlements.show_month(request, settlement_samples.a_month(), book=BOOK)


def _invoices(request: HttpRequest, which: str = "") -> HttpResponse:
    request.user = AnonymousUser()
    return invoices.show_list(request, invoice_samples.no_invoice() if which else invoice_samples.invoices(), book=BOOK)


def _fees(request: HttpRequest, which: str) -> HttpResponse:
    request.user = AnonymousUser()
    refused = "invoice_number_used" if which == "refused" else ""
    typed = {"do": "issue", "number": "26119000000000000001"} if refused else {}
    allowed = invoices.Allowed(request=True, issue=True)
    return invoices.show_fees(request, invoice_samples.fees(which), book=BOOK, allowed=allowed, refused=refused, typed=typed)


def _fees_of(request: HttpRequest, merchant: str, month: str) -> HttpResponse:
    return _fees(request, "requested")


def _fees_act(request: HttpRequest, merchant: str, month: str) -> HttpResponse:
    good = request.POST.get("do") == "issue" and len(request.POST.get("number", "")) == 20
    return redirect(f"/settlements/fees/{'issued/?done=issued' if good else 'refused/'}")


def _trace(request: HttpRequest, public_id: str) -> HttpResponse:
    request.user = AnonymousUser()
    if request.GET.get("format") == "json":
        return HttpResponse(orders.as_json(samples.a_trace()), content_type="application/json; charset=utf-8")
    return orders.show(request, TRACES.get(public_id, samples.a_trace)(), book=BOOK)


def _find(request: HttpRequest) -> HttpResponse:
    request.user = AnonymousUser()
    text = request.GET.get("q", "")
    return redirect("trace", public_id=samples.ORDER) if text == "CDNOW-19980630-000431" else orders.not_found(request, text)


def _broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(f"the secret cause, {date.min}")


urlpatterns = [
    path("", _home, name="home"),
    path("empty/", _empty),
    path("stopped/", _stopped),
    path("closing/", _closing, name="closing"),
    path("closing/retry/", _retry, name="closing_retry"),
    path("closing/<str:which>/", _closing),
    path("suspense/", _suspense, name="suspense"),
    path("suspense/empty/", _suspense, {"which": "empty"}),
    path("suspense/<str:public_id>/", _receipt, name="receipt"),
    path("suspense/<str:public_id>/act/", _act, name="receipt_act"),
    path("recon/", _recon, name="recon"),
    path("funds/", _funds, name="funds"),
    path("funds/act/", _funds, name="funds_act"),
    path("reports/", _reports, name="reports"),
    path("reports/day/", _report),
    path("reports/flow/", _flow, name="money_flow"),
    path("breaks/", _breaks, name="breaks"),
    path("breaks/empty/", _breaks, {"which": "empty"}),
    path("breaks/<str:public_id>/", _break, name="break"),
    path("breaks/<str:public_id>/act/", _break, name="break_act"),
    path("breaks/<str:public_id>/evidence/<int:no>/", _break, name="break_evidence"),
    path("loans/", _late_loans, name="late_loans"),
    path("loans/empty/", _late_loans, {"which": "empty"}),
    path("loans/<str:public_id>/", _loan, name="loan"),
    path("settlements/", _settlements, name="settlements"),
    path("settlements/empty/", _settlements, {"which": "empty"}),
    path("settlements/invoices/", _invoices, name="invoices"),
    path("settlements/invoices/empty/", _invoices, {"which": "empty"}),
    path("settlements/shares/", _shares, name="shares"),
    path("settlements/shares/empty/", _shares, {"which": "empty"}),
    path("settlements/shares/<str:public_id>/", _share, name="share"),
    path("settlements/shares/<str:public_id>/shares.csv", _broken, name="share_file"),
    path("settlements/payees/<str:public_id>/", _payee, name="payee"),
    path("settlements/fees/<str:which>/", _fees),
    path("settlements/fees/<str:merchant>/<str:month>/", _fees_of, name="fees"),
    path("settlements/fees/<str:merchant>/<str:month>/act/", _fees_act, name="fees_act"),
    path("settlements/month/", _settlement_month),
    path("settlements/months/<str:merchant>/<str:month>/", _settlement_month, name="settlement_month"),
    path("settlements/months/<str:merchant>/<str:month>/statement.<str:form>", _broken, name="settlement_month_file"),
    path("settlements/<str:public_id>/", _settlement, name="settlement"),
    path("settlements/<str:public_id>/statement.<str:form>", _broken, name="settlement_file"),
    path("trace/<str:public_id>/", _trace, name="trace"),
    path("find/", _find, name="find"),
    path("broken/", _broken),
    path("login/", login.SignIn.as_view(), name="login"),
    path("logout/", _home, name="logout"),
    path("language/", set_language, name="set_language"),
]
