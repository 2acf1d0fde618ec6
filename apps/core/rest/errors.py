"""Every refusal of the API in one shape: `{"type": …, "errors": [{"code", "detail", "attr"}]}`."""

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import UnreadablePostError
from django.utils.translation import gettext_lazy as _
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ErrorDetail, ParseError, ValidationError

from apps.core.errors import MsgcenterError, TooMany


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = _("The body is larger than this server accepts.")


class LengthRequired(APIException):
    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_code = "length_required"
    default_detail = _("The request must say how long its body is.")


class ErrorHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, MsgcenterError):
            return translated(exc)
        if isinstance(exc, RequestDataTooBig):
            return TooLarge()
        if isinstance(exc, (SuspiciousOperation, UnreadablePostError)):
            return ParseError()
        return super().convert_known_exceptions(exc)


def translated(error: MsgcenterError) -> APIException:
    """Our error in DRF's words: the same code, status and field."""
    detail = [ErrorDetail(str(error.detail), code=error.code)]
    named = {error.field: detail} if error.field else detail
    if error.status == status.HTTP_400_BAD_REQUEST:
        return ValidationError(named)
    refusal = APIException()
    refusal.status_code, refusal.detail = error.status, named
    if isinstance(error, TooMany):
        refusal.wait = error.wait
    return refusal


class Problem(serializers.Serializer):
    """One thing that is wrong. `attr` is the path to the input it speaks of."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class Refusal(serializers.Serializer):
    type = serializers.ChoiceField(["validation_error", "client_error", "server_error"])
    errors = Problem(many=True)
