"""The forms of the way in. Those of allauth are changed where they would count tries by themselves, or not at all."""

from typing import Any

from allauth.account.forms import ChangePasswordForm as BaseChangePasswordForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm as BaseAuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as BaseReauthenticateForm
from django import forms
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import registration
from apps.accounts.login import passwords, second_factor
from apps.core.errors import InvalidInput
from apps.directory.models import ContactPoint

Kind = ContactPoint.Kind


class ChangePasswordForm(BaseChangePasswordForm):
    def clean_oldpassword(self) -> str:
        given = self.cleaned_data["oldpassword"]
        user = passwords.authenticate(context.request, username=self.user.get_username(), password=given)
        if user != self.user:
            raise forms.ValidationError(_("The password is wrong."))
        return given


class CodeForm(forms.Form):
    def clean_code(self) -> str:
        code = self.cleaned_data["code"]
        try:
            self.authenticator = second_factor.check(context.request, self.user, code)
        except InvalidInput as error:
            raise forms.ValidationError(error.detail) from None
        return code


class AuthenticateForm(CodeForm, BaseAuthenticateForm):
    pass


class ReauthenticateForm(CodeForm, BaseReauthenticateForm):
    pass


class NumberForm(forms.Form):
    number = forms.CharField(
        label=gettext_lazy("Student or staff number"),
        max_length=registration.MAX_NUMBER,
        widget=forms.TextInput({"autocomplete": "username", "autofocus": True}),
    )


class ChoiceForm(forms.Form):
    """The same for everybody: which of them there are is nobody's business who can type a number."""

    via = forms.ChoiceField(
        label=gettext_lazy("Send the code to"),
        choices=[(Kind.MOBILE, gettext_lazy("my mobile")), (Kind.EMAIL, gettext_lazy("my e-mail"))],
        initial=Kind.MOBILE,
        widget=forms.RadioSelect,
    )


class ForgottenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("User name, or student or staff number"),
        max_length=150,
        widget=forms.TextInput({"autocomplete": "username", "autofocus": True}),
    )
    via = forms.ChoiceField(
        label=gettext_lazy("How shall we reach you?"),
        choices=[(Kind.MOBILE, gettext_lazy("a code to my mobile")), (Kind.EMAIL, gettext_lazy("a link by e-mail"))],
        initial=Kind.MOBILE,
        widget=forms.RadioSelect,
    )


class NewPasswordForm(forms.Form):
    """A new password, twice; what the rules say of it, a service knows."""

    password = forms.CharField(
        label=gettext_lazy("New password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html(),
    )
    repeated = forms.CharField(
        label=gettext_lazy("New password once more"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def clean_repeated(self) -> str:
        if self.cleaned_data["repeated"] != self.cleaned_data.get("password"):
            raise forms.ValidationError(_("The two passwords differ."))
        return self.cleaned_data["repeated"]


class ProofForm(NewPasswordForm):
    code = forms.CharField(
        label=gettext_lazy("The code that was sent to you"),
        max_length=20,
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )
    field_order = ["code", "password", "repeated"]


class AcceptForm(NewPasswordForm):
    """Somebody without a number chooses his user name."""

    username = UsernameField(
        label=gettext_lazy("User name"),
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(),
    )
    field_order = ["username", "password", "repeated"]

    def __init__(self, *args: Any, named: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if named:
            del self.fields["username"]
