"""The verbs on messages. Each one reads, calls the service of its name and shows what became of it."""

import hashlib
from collections.abc import Callable
from functools import partial

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import rights
from apps.accounts.rights import Right
from apps.core.rest.schema import IDEMPOTENCY_KEY, answers
from apps.core.rest.serializers import Nothing
from apps.core.rest.views import ListView, View
from apps.messaging import idempotency, selectors, services
from apps.messaging.api import drafting
from apps.messaging.api.filters import MessageFilters
from apps.messaging.api.serializers import MessageDetailOutput, MessageInput, MessageOutput
from apps.messaging.idempotency import Answer
from apps.messaging.models import Message


class MayWrite(BasePermission):
    """Who may write nowhere learns that before the body is looked at."""

    def has_permission(self, request: Request, view: View) -> bool:
        return request.method != "POST" or bool(rights.units_with(request.user, Right.WRITE))


class MessageView(View):
    serializer_class = MessageDetailOutput

    def shown(self, message: Message, *, status: int = 200) -> Answer:
        return Answer(status, self.get_serializer(message).data)

    def act(self, verb: Callable[..., Message], request: Request, message_id: int) -> Response:
        """Once for each idempotency key."""
        self.read(Nothing)
        return Response(once(request, partial(self.done, verb, request, message_id)).body)

    def done(self, verb: Callable[..., Message], request: Request, message_id: int) -> Answer:
        return self.shown(verb(selectors.get(request.user, message_id), by=request.user))


class Messages(ListView, MessageView):
    serializer_class = MessageOutput
    scopes = {"GET": Right.SEE, "POST": Right.WRITE}
    filterset_class = MessageFilters
    permission_classes = [IsAuthenticated, MayWrite]
    queryset = Message.objects.none()

    def get_queryset(self) -> QuerySet[Message]:
        return (
            selectors.visible_to(self.request.user)
            .select_related("author__person")
            .prefetch_related("message_channels__channel")
        )

    @extend_schema(operation_id="messages_list", responses=answers({200: MessageOutput(many=True)}))
    def get(self, request: Request) -> Response:
        """The messages of your units, newest first."""
        return self.page(request)

    @extend_schema(
        request=MessageInput,
        parameters=[IDEMPOTENCY_KEY],
        responses=answers({201: MessageDetailOutput}, 403, 404, 409, 413, 422),
    )
    def post(self, request: Request) -> Response:
        """Write a draft. Nothing is sent before it is published."""
        answer = once(request, partial(self.create, request))
        return Response(answer.body, status=answer.status, headers={"Location": answer.body["url"]})

    def create(self, request: Request) -> Answer:
        draft = drafting.new(self.read(MessageInput), by=request.user)
        message = services.create(draft, by=request.user)
        shown = MessageDetailOutput(message, context=self.get_serializer_context())
        return Answer(201, shown.data)


class OneMessage(MessageView):
    scopes = {"GET": Right.SEE, "PATCH": Right.WRITE, "DELETE": Right.WRITE}

    @extend_schema(responses=answers({200: MessageDetailOutput}, 404))
    def get(self, request: Request, message_id: int) -> Response:
        return Response(self.shown(selectors.get(request.user, message_id)).body)

    @extend_schema(
        request=MessageInput(partial=True), responses=answers({200: MessageDetailOutput}, 403, 404, 409, 413)
    )
    def patch(self, request: Request, message_id: int) -> Response:
        """Change a draft. What the body leaves out stays as it is; an audience replaces the whole audience."""
        message = selectors.get(request.user, message_id)
        draft = drafting.changed(message, self.read(MessageInput, partial=True), by=request.user)
        return Response(self.shown(services.change(message, draft, by=request.user)).body)

    @extend_schema(responses=answers({204: None}, 403, 404, 409))
    def delete(self, request: Request, message_id: int) -> Response:
        """Delete a draft."""
        services.delete(selectors.get(request.user, message_id), by=request.user)
        return Response(status=204)


VERB = {
    "request": None,
    "parameters": [IDEMPOTENCY_KEY],
    "responses": answers({200: MessageDetailOutput}, 403, 404, 409, 422),
}


class Publish(MessageView):
    scopes = {"POST": Right.PUBLISH}

    @extend_schema(**VERB)
    def post(self, request: Request, message_id: int) -> Response:
        """Publish a draft: at once, or at its publish time."""
        return self.act(services.publish, request, message_id)


class Recall(MessageView):
    scopes = {"POST": Right.PUBLISH}

    @extend_schema(**VERB)
    def post(self, request: Request, message_id: int) -> Response:
        """Take a message back: what has not been sent is not sent any more."""
        return self.act(services.recall, request, message_id)


class Pause(MessageView):
    scopes = {"POST": Right.PUBLISH}

    @extend_schema(**VERB)
    def post(self, request: Request, message_id: int) -> Response:
        """Hold a message: no call to a provider starts until it is resumed. Expiry goes on."""
        return self.act(services.pause, request, message_id)


class Resume(MessageView):
    scopes = {"POST": Right.PUBLISH}

    @extend_schema(**VERB)
    def post(self, request: Request, message_id: int) -> Response:
        """Let a paused message go on where it stood."""
        return self.act(services.resume, request, message_id)


def once(request: Request, act: partial[Answer]) -> Answer:
    """Do `act`, or give its answer again if the client sends the same request again.

    With another API key it is another request: what a test key has done is not done.
    """
    caller = getattr(request.auth, "prefix", "")
    content = f"{request.method} {request.path}{caller}\n".encode() + request._request.body
    return idempotency.once(
        act,
        by=request.user,
        key=request.headers.get(idempotency.HEADER),
        fingerprint=hashlib.sha256(content).hexdigest(),
    )
