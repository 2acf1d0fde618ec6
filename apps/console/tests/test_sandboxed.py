"""Which channels are marked as leading to the sandbox only."""

from apps.channels.models import Channel, ProviderAccount
from apps.console import selectors


def test_a_channel_with_one_real_account_in_use_is_not_marked(db: None) -> None:
    email = Channel.objects.get(key="email")
    assert selectors.sandboxed([email]) == {"email"}
    real = ProviderAccount.objects.create(channel=email, name="school", provider="smtp")
    assert selectors.sandboxed([email]) == set()
    ProviderAccount.objects.filter(pk=real.pk).update(weight=0)
    assert selectors.sandboxed([email]) == {"email"}
