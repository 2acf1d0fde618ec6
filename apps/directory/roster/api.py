"""Roster imports over REST: upload, look at the diff, apply or discard."""

from dataclasses import replace

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.core.rest.errors import TooLarge
from apps.core.rest.fields import Instant
from apps.core.rest.pages import CursorPages
from apps.core.rest.schema import answers
from apps.core.rest.serializers import Input, Nothing
from apps.core.rest.views import ListView, View
from apps.directory.models import RosterChange, RosterImport
from apps.directory.roster import reading, services
from apps.directory.roster.askers import RIGHT
from apps.directory.roster.columns import Field
from apps.directory.roster.services import Options


class Mapping(serializers.DictField):
    """Title of a column -> field; an empty field: the column is not read."""

    child = serializers.ChoiceField(Field.choices, allow_blank=True)


class Flag(serializers.BooleanField):
    """A form that leaves it out has not said no."""

    default_empty_html = serializers.empty


class RosterUpload(Input):
    file = serializers.FileField(max_length=255, allow_empty_file=True)
    unit = serializers.IntegerField(
        min_value=1,
        required=False,
        help_text=gettext_lazy("The unit the roster speaks of; may be left out by who manages people of one only."),
    )
    complete = Flag(default=True, help_text=gettext_lazy("Whoever of the unit is not in the file has left."))
    create_units = Flag(default=False)


class RosterCorrection(Input):
    mapping = Mapping(required=False)
    complete = serializers.BooleanField(required=False)
    create_units = serializers.BooleanField(required=False)


class RosterConfirmation(Input):
    let_leave = serializers.BooleanField(
        default=False,
        help_text=gettext_lazy("Yes, although so many would leave that `asks` is true."),
    )


class ColumnOutput(serializers.Serializer):
    title = serializers.CharField()
    field = serializers.ChoiceField(Field.choices, allow_blank=True)


class RosterOutput(serializers.ModelSerializer):
    unit = serializers.IntegerField(source="unit_id", allow_null=True)
    columns = ColumnOutput(many=True)
    mapping = Mapping()
    counts = serializers.DictField(child=serializers.IntegerField())
    asks = serializers.BooleanField(
        help_text=gettext_lazy(
            "More than five percent of the students or of the staff would leave, or anybody while a sheet was "
            "not read: applying takes `let_leave`."
        )
    )
    created_by = serializers.CharField(source="created_by.username", allow_null=True, default=None)
    applied_by = serializers.CharField(source="applied_by.username", allow_null=True, default=None)
    created_at = Instant()
    ended_at = Instant(allow_null=True)
    url = serializers.SerializerMethodField()
    changes_url = serializers.SerializerMethodField()

    class Meta:
        model = RosterImport
        fields = [
            *("id", "state", "error", "unit", "file_name", "size", "sha256", "complete", "create_units", "mapping"),
            *("columns", "counts", "asks", "total", "done", "created_by", "created_at", "applied_by", "ended_at"),
            *("url", "changes_url"),
        ]
        read_only_fields = fields

    def get_url(self, roster: RosterImport) -> str:
        return reverse("api:roster_import", [roster.pk], request=self.context["request"])

    def get_changes_url(self, roster: RosterImport) -> str:
        return reverse("api:roster_changes", [roster.pk], request=self.context["request"])


class ChangeOutput(serializers.ModelSerializer):
    values = serializers.DictField(
        child=serializers.ListField(), help_text=gettext_lazy("Field: before and after; addresses are masked.")
    )

    class Meta:
        model = RosterChange
        fields = ["id", "kind", "sheet", "line", "column", "number", "name", "values", "reason"]


class ChangeFilters(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=RosterChange.Kind.choices)


class InOrder(CursorPages):
    """As they stand in the file."""

    ordering = "id"


class MayManage(BasePermission):
    """Who manages nobody learns that before the body is looked at."""

    def has_permission(self, request: Request, view: View) -> bool:
        return request.method == "GET" or request.user.has_perm(RIGHT)


class RosterView(View):
    serializer_class = RosterOutput
    permission_classes = [IsAuthenticated, MayManage]
    scopes = dict.fromkeys(("GET", "POST", "PATCH"), "manage_people")

    def shown(self, roster: RosterImport) -> Response:
        return Response(self.get_serializer(roster).data)


class RosterImports(ListView, RosterView):
    serializer_class = RosterOutput
    parser_classes = [MultiPartParser]
    queryset = RosterImport.objects.none()

    def get_queryset(self) -> QuerySet[RosterImport]:
        return services.visible_to(self.request.user).select_related("created_by", "applied_by")

    @extend_schema(operation_id="roster_imports_list", responses=answers({200: RosterOutput(many=True)}))
    def get(self, request: Request) -> Response:
        """The imports of your units, newest first."""
        return self.page(request)

    @extend_schema(
        request={"multipart/form-data": RosterUpload}, responses=answers({201: RosterOutput}, 403, 404, 409, 413)
    )
    def post(self, request: Request) -> Response:
        """Upload a roster. It is read and compared; nothing is written before it is applied."""
        asked = self.read(RosterUpload)
        if asked["file"].size > reading.MAX_BYTES:
            raise TooLarge()
        roster = services.upload(
            asked["file"].read(),
            name=asked["file"].name,
            unit=services.unit_for(request.user, asked.get("unit")),
            by=request.user,
            options=Options(complete=asked["complete"], create_units=asked["create_units"]),
        )
        answer = self.get_serializer(roster).data
        return Response(answer, status=201, headers={"Location": answer["url"]})


class OneRosterImport(RosterView):
    @extend_schema(responses=answers({200: RosterOutput}, 404))
    def get(self, request: Request, roster_id: int) -> Response:
        """Where it stands: `done` of `total` rows while it is being read, then the counts of the diff."""
        return self.shown(services.get(request.user, roster_id))

    @extend_schema(request=RosterCorrection, responses=answers({200: RosterOutput}, 403, 404, 409, 413))
    def patch(self, request: Request, roster_id: int) -> Response:
        """Correct which column holds what, or an option; the file is then read anew."""
        asked = self.read(RosterCorrection)
        roster = services.get(request.user, roster_id)
        kept = Options(complete=roster.complete, create_units=roster.create_units)
        return self.shown(services.correct(roster, replace(kept, **asked), by=request.user))


class RosterChanges(ListView):
    serializer_class = ChangeOutput
    scopes = RosterView.scopes
    filterset_class = ChangeFilters
    pagination_class = InOrder
    queryset = RosterChange.objects.none()

    def get_queryset(self) -> QuerySet[RosterChange]:
        return services.get(self.request.user, self.kwargs["roster_id"]).changes.defer("act")

    @extend_schema(operation_id="roster_changes_list", responses=answers({200: ChangeOutput(many=True)}, 404))
    def get(self, request: Request, roster_id: int) -> Response:
        """The diff, line by line."""
        return self.page(request)


class ApplyRoster(RosterView):
    @extend_schema(request=RosterConfirmation, responses=answers({200: RosterOutput}, 403, 404, 409))
    def post(self, request: Request, roster_id: int) -> Response:
        """Apply the diff as it was shown, by a worker and in one transaction."""
        asked = self.read(RosterConfirmation)
        roster = services.get(request.user, roster_id)
        return self.shown(services.apply(roster, by=request.user, let_leave=asked["let_leave"]))


class DiscardRoster(RosterView):
    @extend_schema(request=None, responses=answers({200: RosterOutput}, 403, 404, 409))
    def post(self, request: Request, roster_id: int) -> Response:
        """Throw the file and the diff away."""
        self.read(Nothing)
        return self.shown(services.discard(services.get(request.user, roster_id), by=request.user))
