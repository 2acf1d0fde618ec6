"""Where providers report. The answer is quick and has no body: what it means is found out later, by a job."""

import logging

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.channels import accounts
from apps.channels.models import ProviderAccount
from apps.channels.providers import PROVIDERS
from apps.channels.providers.base import Callback, SettingsError
from apps.delivery import receipts

log = logging.getLogger(__name__)

#: Bytes. A status report has some hundred; nothing that long is read to its end.
MOST_BYTES = 64 * 1024
#: What the columns hold.
MAX_ID = models.BigIntegerField.MAX_BIGINT
MAX_ATTEMPT = 2**15 - 1


@csrf_exempt
@require_POST
def receive(request: HttpRequest, *, provider: str, account_id: int, delivery_id: int, attempt: int) -> HttpResponse:
    """202 once the report is kept, also the second time; 403 unless it is genuine; 503: please try again.

    404 where no such account takes reports, 413 for what cannot be one.
    """
    account = _account(provider, account_id)
    if account is None or delivery_id > MAX_ID or attempt > MAX_ATTEMPT:
        return HttpResponse(status=404)
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        return HttpResponse(status=413)
    url = receipts.address(account, delivery_id=delivery_id, attempt=attempt)
    callback = Callback(url, request.headers.get("Content-Type", ""), body, request.headers)
    try:
        authentic = accounts.provider_for(account).authentic(callback)
    except SettingsError as error:
        log.error("account %s cannot be used, so its receipts cannot be checked: %s", account.pk, error)
        return HttpResponse(status=503)
    if not authentic:
        log.warning("a callback for account %s is not genuine", account.pk)
        return HttpResponse(status=403)
    receipts.store(account, callback, delivery_id=delivery_id, attempt=attempt)
    return HttpResponse(status=202)


def _account(provider: str, account_id: int) -> ProviderAccount | None:
    """The account, if it is one of this provider, and the provider is one that reports."""
    if provider not in PROVIDERS or not PROVIDERS[provider].receives or account_id > MAX_ID:
        return None
    return ProviderAccount.objects.filter(pk=account_id, provider=provider).first()
