"""The pages of the way in: login, second factor, password, sessions. What is allauth's own is only told our limits."""

from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.login import second_factor, sessions
from apps.accounts.models import User
from apps.accounts.sso import ways
from apps.audit import services as audit
from apps.core.errors import TooMany
from apps.core.views import Page


class Limited(View):
    """Where tries are counted. HEAD changes nothing, so that whatever looks at links in advance does no harm."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except TooMany as error:
            return too_many(request, error)

    def head(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse()


def too_many(request: HttpRequest, error: TooMany) -> HttpResponse:
    context = {"words": error.detail, "again": request.path}
    answer = render(request, "accounts/too_many.html", context, status=error.status)
    answer.headers["Retry-After"] = str(error.wait)
    return answer


class Login(Limited, account.LoginView):
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"ways": ways.ways()}


class Logout(Limited, account.LogoutView):
    pass


class Reauthenticate(Limited, account.ReauthenticateView):
    pass


class Noted(Limited):
    """What the form does is in the audit log, in the transaction of the act: allauth's signals come after it."""

    verb: str

    def form_valid(self, form: Form) -> HttpResponse:
        with transaction.atomic():
            answer = super().form_valid(form)
            self.note(self.request.user)
        return answer

    def note(self, user: User) -> None:
        audit.record(self.verb, user, by=user)


class ChangePassword(Noted, account.PasswordChangeView):
    verb = "change_password"

    def note(self, user: User) -> None:
        super().note(user)
        sessions.end_all(user, by=user, keep=self.request.session.session_key)


class Authenticate(Limited, mfa.AuthenticateView):
    pass


class ReauthenticateByCode(Limited, mfa.ReauthenticateView):
    pass


class SecondFactor(Limited, mfa.IndexView):
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"required": second_factor.required(self.request.user)}


class ActivateTotp(Noted, totp.ActivateTOTPView):
    verb = "add_second_factor"

    def note(self, user: User) -> None:
        super().note(user)
        second_factor.begin(user, keep=self.request.session.session_key)


class DeactivateTotp(Noted, totp.DeactivateTOTPView):
    verb = "remove_second_factor"


class RecoveryCodes(Limited, recovery_codes.ViewRecoveryCodesView):
    pass


class NewRecoveryCodes(Noted, recovery_codes.GenerateRecoveryCodesView):
    verb = "new_recovery_codes"


class Account(Page):
    """Password, second factor, and where one is logged in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {
            "browsers": [(one, one.is_current()) for one in sessions.browsers(request.user)],
            "tokens": sessions.tokens(request.user),
            "second_factor": second_factor.enabled(request.user),
        }
        return render(request, "accounts/account.html", context)


class EndSessions(Page):
    def post(self, request: HttpRequest) -> HttpResponse:
        sessions.end_all(request.user, by=request.user, keep=request.session.session_key)
        messages.success(request, _("Every other browser and app is logged out."))
        return redirect("account")


def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin has no door of its own: one login, with the same limits and the second factor."""
    if request.user.is_authenticated and not request.user.has_module_perms("admin"):
        raise PermissionDenied()
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))
