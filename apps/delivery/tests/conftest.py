"""A text message that went out through Twilio, and Twilio's side of the callbacks."""

import urllib.parse
from dataclasses import dataclass, field

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from apps.channels import services as channels
from apps.channels.models import ProviderAccount
from apps.channels.providers.twilio_receipts import FORM
from apps.delivery import receipts
from apps.delivery.models import Delivery, Receipt
from apps.delivery.states import SETTLED, Status
from apps.delivery.tests.factories import a_delivery, a_recipient
from apps.messaging.tests.factories import House, a_message
from tests.servers.twilio_callbacks import Report, Reporter
from tests.servers.twilio_server import ACCOUNT_SID, AUTH_TOKEN

PUBLIC_URL = "https://msg.school.example"
NUMBER = "+12025550123"
TWILIO = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from_number": "+12025550100"}


@dataclass
class Twilio:
    """`report` posts what Twilio would, to where it was told to."""

    account: ProviderAccount
    delivery: Delivery
    reporter: Reporter = field(default_factory=lambda: Reporter(ACCOUNT_SID, AUTH_TOKEN))
    client: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def path(self, *, attempt: int = 1, delivery_id: int | None = None) -> str:
        return f"/callbacks/twilio/{self.account.pk}/{delivery_id or self.delivery.pk}/{attempt}"

    def report(
        self,
        status: str,
        code: int | None = None,
        *,
        attempt: int = 1,
        delivery_id: int | None = None,
        forged: bool = False,
    ) -> HttpResponse:
        path = self.path(attempt=attempt, delivery_id=delivery_id)
        form = self.form(status, code)
        return self.post(path, form, self.reporter.signature(PUBLIC_URL + path, form, forged=forged))

    def form(self, status: str, code: int | None = None) -> dict[str, str]:
        entry = {"sid": "SM1", "from": TWILIO["from_number"], "to": NUMBER}
        return self.reporter.form(entry, Report(status, code))

    def post(self, path: str, form: dict[str, str], signature: str | None) -> HttpResponse:
        headers = {} if signature is None else {"X-Twilio-Signature": signature}
        return self.client.post(path, urllib.parse.urlencode(form), content_type=FORM, headers=headers)

    def stand(self, status: str, *, attempt: int = 1, reason: str = "") -> None:
        """Put the row into a state, with the counters as if it had come there by itself."""
        Delivery.objects.filter(pk=self.delivery.pk).update(
            status=status, attempt=attempt, reason=reason, lease="held" if status in ("claimed", "sending") else ""
        )
        counters = self.delivery.message_channel
        for name in SETTLED:
            setattr(counters, name, int(name == status))
        counters.total = 1
        counters.save()

    def row(self) -> tuple[str, str]:
        return Delivery.objects.values_list("status", "reason").get(pk=self.delivery.pk)

    def counters(self) -> dict[str, int]:
        """Those that are not 0."""
        self.delivery.message_channel.refresh_from_db()
        numbers = {str(name): getattr(self.delivery.message_channel, name) for name in SETTLED}
        return {name: number for name, number in numbers.items() if number}

    def apply(self) -> list[tuple[str, str]]:
        """Apply what is due; (result, reason) of every receipt."""
        for receipt_id in receipts.due(100):
            receipts.apply(receipt_id)
        return list(Receipt.objects.order_by("pk").values_list("result", "reason"))


@pytest.fixture
def twilio(house: House, settings: Settings, jobs_outbox: list) -> Twilio:
    settings.PUBLIC_URL = PUBLIC_URL
    account = ProviderAccount.objects.get(channel__key="sms")
    account.provider = "twilio"
    account.save()
    channels.configure(account, TWILIO, by=None)
    message = a_message(house.author, house.department, to=house.room, channels=("inbox", "sms"))
    recipient = a_recipient(message, house.reader.person)
    delivery = a_delivery(recipient, "sms", status=Status.ACCEPTED, attempt=1, address=NUMBER, account=account)
    made = Twilio(account, delivery)
    made.stand("accepted")
    return made
