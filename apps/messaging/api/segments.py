"""Saved segments over REST: each verb calls the service of its name."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.core.rest.fields import Id, Text
from apps.core.rest.schema import IDEMPOTENCY_KEY, answers
from apps.core.rest.serializers import Input
from apps.core.rest.views import ListView, View
from apps.directory.models import Segment
from apps.messaging import segments
from apps.messaging.api import drafting
from apps.messaging.api.serializers import MAX_RULES, RuleOutput, SegmentRuleInput, by_effect
from apps.messaging.api.views import MayWrite, once
from apps.messaging.idempotency import Answer

EXAMPLE = OpenApiExample(
    "2024级, without interns",
    {
        "name": "2024级机电在校生",
        "include": [{"unit": 12, "kind": "student", "cohort": 2024}],
        "exclude": [{"unit": 12, "state": "internship"}],
    },
    request_only=True,
)


class SegmentInput(Input):
    """Included without excluded, as in the audience of a message."""

    name = Text(max_length=100)
    unit = Id(required=False, help_text=_("The unit it belongs to; may be left out by who writes for one only."))
    include = SegmentRuleInput(many=True, max_length=MAX_RULES)
    exclude = SegmentRuleInput(many=True, required=False, max_length=MAX_RULES)


class SegmentOutput(serializers.ModelSerializer):
    include = serializers.SerializerMethodField()
    exclude = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = Segment
        fields = ["id", "name", "unit", "include", "exclude", "url"]

    @extend_schema_field(RuleOutput(many=True))
    def get_include(self, segment: Segment) -> list[dict[str, Any]]:
        return by_effect(segment.rules.all())["include"]

    @extend_schema_field(RuleOutput(many=True))
    def get_exclude(self, segment: Segment) -> list[dict[str, Any]]:
        return by_effect(segment.rules.all())["exclude"]

    def get_url(self, segment: Segment) -> str:
        return reverse("api:segment", [segment.pk], request=self.context["request"])


class Segments(ListView):
    serializer_class = SegmentOutput
    permission_classes = [IsAuthenticated, MayWrite]
    queryset = Segment.objects.none()
    # A segment is used by many messages: keys use it, people change it.
    scopes = {"GET": Right.SEE}

    def get_queryset(self) -> QuerySet[Segment]:
        return segments.visible_to(self.request.user).prefetch_related("rules__person")

    @extend_schema(operation_id="segments_list", responses=answers({200: SegmentOutput(many=True)}))
    def get(self, request: Request) -> Response:
        """The saved segments of your units."""
        return self.page(request)

    @extend_schema(
        request=SegmentInput,
        parameters=[IDEMPOTENCY_KEY],
        responses=answers({201: SegmentOutput}, 403, 404, 409, 413, 422),
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Save a segment."""
        answer = once(request, partial(self.create, request))
        return Response(answer.body, status=answer.status, headers={"Location": answer.body["url"]})

    def create(self, request: Request) -> Answer:
        segment = segments.create(new(self.read(SegmentInput), by=request.user), by=request.user)
        return Answer(201, self.get_serializer(segment).data)


class OneSegment(View):
    serializer_class = SegmentOutput
    scopes = {"GET": Right.SEE}

    @extend_schema(responses=answers({200: SegmentOutput}, 404))
    def get(self, request: Request, segment_id: int) -> Response:
        return Response(self.get_serializer(segments.get(request.user, segment_id)).data)

    @extend_schema(request=SegmentInput(partial=True), responses=answers({200: SegmentOutput}, 403, 404, 409, 413))
    def patch(self, request: Request, segment_id: int) -> Response:
        """Change a segment. Rules replace all rules. Drafts mean the segment as it is when they are published."""
        segment = segments.get(request.user, segment_id)
        draft = changed(segment, self.read(SegmentInput, partial=True), by=request.user)
        return Response(self.get_serializer(segments.change(segment, draft, by=request.user)).data)

    @extend_schema(responses=answers({204: None}, 403, 404, 409))
    def delete(self, request: Request, segment_id: int) -> Response:
        """Delete a segment that no message needs any more."""
        segments.delete(segments.get(request.user, segment_id), by=request.user)
        return Response(status=204)


def new(data: Mapping[str, Any], *, by: User) -> segments.Draft:
    unit = drafting.unit(data["unit"]) if "unit" in data else drafting.only_unit(by)
    return segments.Draft(name=data["name"], unit=unit, rules=drafting.rules(data, by=by))


def changed(segment: Segment, data: Mapping[str, Any], *, by: User) -> segments.Draft:
    fields: dict[str, Any] = {"name": data["name"]} if "name" in data else {}
    if "unit" in data:
        fields["unit"] = drafting.unit(data["unit"])
    if data.keys() & {"include", "exclude"}:
        fields["rules"] = drafting.rules(data, by=by)
    return replace(segments.of(segment), **fields)
