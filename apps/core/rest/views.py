"""The bases of our API's views: what they refuse before a verb is reached."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from apps.core.errors import NotAllowed
from apps.core.rest import errors


class View(GenericAPIView):
    """Refuses query parameters that it does not know, and bodies that are too large however they are sent."""

    metadata_class = None
    pagination_class = None
    filter_backends: list[type] = []
    #: Query parameters that this view reads itself.
    parameters: frozenset[str] = frozenset()
    #: Method -> what a credential that has `scopes` must hold for it. Methods that are not named are not for such.
    scopes: Mapping[str, str] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        _refuse_parameters(request, known=self.known_parameters(request))
        read_chunked(request)

    def check_permissions(self, request: Request) -> None:
        held = getattr(request.auth, "scopes", None)
        method = "GET" if request.method == "HEAD" else request.method
        # Where there is no such method, that is the answer.
        if held is not None and hasattr(self, method.lower()) and self.scopes.get(method) not in held:
            raise NotAllowed(_("This key is not for that."), code="wrong_scope")
        super().check_permissions(request)

    def known_parameters(self, request: Request) -> frozenset[str]:
        return self.parameters

    def read(self, serializer: type[Serializer], **kwargs: Any) -> dict[str, Any]:
        """The checked body. Raises `ValidationError`."""
        reader = serializer(data=self.request.data, **kwargs)
        reader.is_valid(raise_exception=True)
        return reader.validated_data


class ListView(View):
    """Pages of `queryset`, narrowed by the parameters of `filterset_class`."""

    pagination_class = GenericAPIView.pagination_class
    filter_backends = GenericAPIView.filter_backends
    filterset_class: type | None = None

    def known_parameters(self, request: Request) -> frozenset[str]:
        if request.method != "GET":
            return self.parameters
        filters = self.filterset_class.base_filters if self.filterset_class else {}
        return self.parameters | {"cursor", "page_size", *filters}

    def page(self, request: Request) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)


@extend_schema(exclude=True)
class UnknownAddress(View):
    """Answers in the shape of the API where there is nothing."""

    authentication_classes: list[type] = []
    permission_classes: list[type] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound()


def read_chunked(request: Request) -> None:
    """Read a body of unannounced length, up to the limit. WSGI says nothing of such bodies, so Django takes them for
    empty; only a server that ends the stream itself can be asked."""
    http = request._request
    if "chunked" not in http.META.get("HTTP_TRANSFER_ENCODING", "").lower() or http.META.get("CONTENT_LENGTH"):
        return
    if not http.META.get("wsgi.input_terminated"):
        raise errors.LengthRequired()
    body = _read_up_to(http.META["wsgi.input"], settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise errors.TooLarge()
    http._body, http._stream = body, BytesIO(body)
    http.META["CONTENT_LENGTH"] = str(len(body))


def _read_up_to(stream: Any, size: int) -> bytes:
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _refuse_parameters(request: Request, *, known: frozenset[str]) -> None:
    given = request.query_params
    unknown = _problem("unknown_parameter", _("There is no such parameter."))
    problems = {name[:100]: unknown for name in given.keys() - known}
    doubled = [name for name in given.keys() & known if len(given.getlist(name)) > 1]
    problems |= {name: _problem("duplicate_parameter", _("This parameter is given twice.")) for name in doubled}
    if problems:
        raise ValidationError(problems)


def _problem(code: str, detail: str) -> list[ErrorDetail]:
    return [ErrorDetail(detail, code=code)]
