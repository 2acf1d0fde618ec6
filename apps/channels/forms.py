"""The form of a provider account, made from the settings schema of its provider."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.channels import accounts
from apps.channels.models import Channel, ProviderAccount
from apps.channels.providers import PROVIDERS, for_channel
from apps.channels.providers.base import Setting, SettingsError

PREFIX = "setting_"
#: What decides how much leaves through an account; every change of it has a reason.
SHARE = ("enabled", "weight", "rate")


class NewAccountForm(forms.ModelForm):
    """The first step: which provider, on which channel. Its settings come on the next page."""

    provider = forms.ChoiceField(label=_("provider"))

    class Meta:
        model = ProviderAccount
        fields = ["channel", "provider", "name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].queryset = Channel.objects.exclude(address_kind="")
        self.fields["provider"].choices = [(key, kind.label) for key, kind in PROVIDERS.items()]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        channel, provider = cleaned.get("channel"), cleaned.get("provider")
        if channel and provider and provider not in for_channel(channel.key):
            self.add_error("provider", _("This provider does not serve the channel."))
        return cleaned


class AccountForm(forms.ModelForm):
    """The second step. A secret is never sent back to the browser; left empty, the stored one is kept."""

    schema: tuple[Setting, ...] = ()
    reason = forms.CharField(
        label=_("reason"),
        max_length=200,
        required=False,
        help_text=_("Why the weight, the rate or whether it is used changes; kept with the account."),
    )

    class Meta:
        model = ProviderAccount
        fields = ["name", *SHARE]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = accounts.readable_settings(self.instance)
        for item in self.schema:
            field = self.fields.get(PREFIX + item.name)
            if field and item.kind in accounts.SECRET_KINDS:
                field.help_text = _with_state(item, is_set=item.name in stored)
            elif field:
                field.initial = stored.get(item.name, item.default)

    @property
    def settings(self) -> dict[str, Any]:
        return {item.name: self.cleaned_data.get(PREFIX + item.name) for item in self.schema}

    @property
    def settings_changed(self) -> bool:
        return any(name.startswith(PREFIX) for name in self.changed_data)

    @property
    def share(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in SHARE}

    @property
    def share_changed(self) -> bool:
        return not set(SHARE).isdisjoint(self.changed_data)

    def clean(self) -> dict[str, Any]:
        """The schema judges the settings. An account that does not fit may still be switched off."""
        cleaned = super().clean()
        if not self.errors and self.share_changed and not cleaned["reason"]:
            self.add_error("reason", _("Say why, please."))
        if not self.errors and (cleaned.get("enabled") or self.settings_changed):
            self._check_settings()
        return cleaned

    def _check_settings(self) -> None:
        try:
            provider = accounts.provider_class(self.instance.provider)
            provider.clean(accounts.merged_settings(self.instance, self.settings))
        except SettingsError as error:
            for name, text in error.errors.items():
                self.add_error(PREFIX + name if PREFIX + name in self.fields else None, text)


def account_form(account: ProviderAccount) -> type[AccountForm]:
    """The form class of this account, with a field for each setting of its provider."""
    schema = PROVIDERS[account.provider].schema if account.provider in PROVIDERS else ()
    fields = {PREFIX + item.name: _field(item) for item in schema}
    return type("AccountForm", (AccountForm,), {"schema": schema, **fields})


class SecretInput(forms.PasswordInput):
    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "new-password"}, render_value=False)


class SecretTextarea(forms.Textarea):
    """A text area that never shows what it holds."""

    def format_value(self, value: object) -> str:
        return ""


FIELDS: dict[str, Callable[[Setting], forms.Field]] = {
    "text": lambda item: forms.CharField(),
    "url": lambda item: forms.CharField(widget=forms.URLInput),
    "email": lambda item: forms.EmailField(),
    "integer": lambda item: forms.IntegerField(min_value=0),
    "boolean": lambda item: forms.BooleanField(),
    "choice": lambda item: forms.ChoiceField(choices=item.choices),
    "secret": lambda item: forms.CharField(widget=SecretInput, strip=False),
    "multiline_secret": lambda item: forms.CharField(widget=SecretTextarea),
}


def _field(item: Setting) -> forms.Field:
    """Not required as far as the form goes: whether something is missing, the schema says."""
    field = FIELDS[item.kind](item)
    field.label, field.help_text, field.required = item.label, item.help_text, False
    field.widget.is_required = False
    return field


def _with_state(item: Setting, *, is_set: bool) -> str:
    state = _("Set; leave empty to keep it.") if is_set else _("Not set.")
    return format_lazy("{} {}", item.help_text, state)
