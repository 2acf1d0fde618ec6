"""The pages by which somebody gets a login, or a new password without the old one."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordResetConfirmView
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import FormView, TemplateView

from apps.accounts import codes, invitations, limits, names, registration, resets
from apps.accounts.login import forms, known
from apps.accounts.login.views import Limited
from apps.accounts.models import Challenge, User
from apps.audit import origin
from apps.core import errors

#: Where the browser's session keeps the number or name, and the handle of the code that was sent.
NUMBER, REGISTER, RESET = "register_number", "register_code", "reset_code"


def network_of(request: HttpRequest) -> str:
    return limits.network(origin.client_address(request))


def public_address(request: HttpRequest, path: str) -> str:
    """For a link in a mail: by the site's own name, where it is set."""
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)


class Joining(Limited, FormView):
    """What a service refuses is said at the form."""

    def form_valid(self, form: Form) -> HttpResponse:
        try:
            return self.go_on(form)
        except errors.TooMany:
            raise
        except errors.MsgcenterError as error:
            form.add_error(error.field if error.field in form.fields else None, error.detail)
            return self.form_invalid(form)

    def go_on(self, form: Form) -> HttpResponse:
        raise NotImplementedError


class Register(Joining):
    """First the number …"""

    template_name = "accounts/register.html"
    form_class = forms.NumberForm

    def go_on(self, form: Form) -> HttpResponse:
        limits.take(limits.numbers_of_network(network_of(self.request)))
        self.request.session[NUMBER] = names.normal(form.cleaned_data["number"])
        return redirect("register_choose")


class Choose(Joining):
    """… then where the code shall go …"""

    template_name = "accounts/choose.html"
    form_class = forms.ChoiceForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.number = request.session.get(NUMBER)
        return super().dispatch(request, *args, **kwargs) if self.number else redirect("account_signup")

    def go_on(self, form: Form) -> HttpResponse:
        challenge = registration.ask(self.number, form.cleaned_data["via"], network=network_of(self.request))
        self.request.session[REGISTER] = challenge.handle
        return redirect("register_code")


class Prove(Joining):
    """The code that was sent, and a password. For a code that is too old it begins anew."""

    template_name = "accounts/prove.html"
    form_class = forms.ProofForm
    purpose: Challenge.Purpose
    kept_as: str
    begin: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        challenge = codes.find(request.session.get(self.kept_as, ""), self.purpose)
        if challenge is None:
            messages.info(request, _("The code is too old or has been used. Please ask for another."))
            return redirect(self.begin)
        self.challenge = challenge
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"begin": reverse(self.begin)}

    def go_on(self, form: Form) -> HttpResponse:
        if self.proved(form.cleaned_data["code"], form.cleaned_data["password"]) is None:
            raise errors.InvalidInput(_("This code is wrong or has been used."), field="code")
        self.request.session.flush()
        messages.success(self.request, _("Done. Please log in with your new password."))
        return redirect(settings.LOGIN_URL)

    def proved(self, code: str, password: str) -> User | None:
        raise NotImplementedError


class RegisterByCode(Prove):
    """… and at last the code with a password of one's own."""

    purpose, kept_as, begin = Challenge.Purpose.REGISTER, REGISTER, "account_signup"

    def proved(self, code: str, password: str) -> User | None:
        number = self.request.session.get(NUMBER, "")
        network = network_of(self.request)
        return registration.register(self.challenge, code, number=number, password=password, network=network)


class Forgotten(Joining):
    template_name = "accounts/forgotten.html"
    form_class = forms.ForgottenForm

    def go_on(self, form: Form) -> HttpResponse:
        name = names.normal(form.cleaned_data["name"])
        link = public_address(self.request, reverse("reset_link", args=[resets.UID, resets.TOKEN]))
        user = names.user_of(name)
        device, network = known.device(self.request, user.pk if user else None), network_of(self.request)
        challenge = resets.ask(name, form.cleaned_data["via"], network=network, address=link, device=device)
        if challenge is None:
            return redirect("reset_sent")
        self.request.session[RESET], self.request.session[NUMBER] = challenge.handle, name
        return redirect("reset_code")


class LinkSent(TemplateView):
    template_name = "accounts/link_sent.html"


class ResetByCode(Prove):
    purpose, kept_as, begin = Challenge.Purpose.RESET, RESET, "account_reset_password"

    def proved(self, code: str, password: str) -> User | None:
        name = self.request.session.get(NUMBER, "")
        return resets.redeem(self.challenge, code, name=name, password=password, network=network_of(self.request))


class ResetByLink(PasswordResetConfirmView):
    """Opened, the link only shows a form, at an address without the token."""

    template_name = "accounts/new_password.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return HttpResponse() if request.method == "HEAD" else super().dispatch(request, *args, **kwargs)

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if user and user.may_log_in else None

    def form_valid(self, form: Form) -> HttpResponse:
        resets.reset(self.user, form.cleaned_data["new_password1"])
        del self.request.session[INTERNAL_RESET_SESSION_TOKEN]
        messages.success(self.request, _("Done. Please log in with your new password."))
        return redirect(settings.LOGIN_URL)


class AcceptInvitation(Joining):
    """Its token is too long to be guessed, so nothing is counted."""

    template_name = "accounts/accept.html"
    form_class = forms.AcceptForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.invitation = invitations.find(kwargs["token"])
        except errors.NotFound as error:
            raise Http404(error.detail) from error
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"named": bool(self.invitation.person.number)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"person": self.invitation.person}

    def go_on(self, form: Form) -> HttpResponse:
        username = form.cleaned_data.get("username", "")
        invitations.accept(self.kwargs["token"], username=username, password=form.cleaned_data["password"])
        messages.success(self.request, _("Done. Please log in with your new password."))
        return redirect(settings.LOGIN_URL)
