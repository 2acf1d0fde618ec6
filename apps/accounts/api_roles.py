"""Roles by REST."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import roles
from apps.accounts.api import UnitOutput, WhoOutput
from apps.accounts.models import RoleAssignment
from apps.core.errors import NotFound
from apps.core.rest.fields import Id, Text
from apps.core.rest.schema import answers
from apps.core.rest.serializers import Input
from apps.core.rest.views import ListView, View


class GrantInput(Input):
    username = Text(max_length=150)
    role = serializers.ChoiceField(RoleAssignment.Role.choices)
    unit = Id()


class GrantOutput(serializers.Serializer):
    id = serializers.IntegerField()
    user = WhoOutput()
    role = serializers.ChoiceField(RoleAssignment.Role.choices)
    unit = UnitOutput()


class Roles(ListView):
    serializer_class = GrantOutput
    queryset = RoleAssignment.objects.none()

    def get_queryset(self) -> QuerySet[RoleAssignment]:
        return roles.visible_to(self.request.user)

    @extend_schema(operation_id="roles_list", responses=answers({200: GrantOutput(many=True)}))
    def get(self, request: Request) -> Response:
        """Who holds which role in the units where you may hand out some."""
        return self.page(request)

    @extend_schema(request=GrantInput, responses=answers({201: GrantOutput}, 403, 404, 409))
    def post(self, request: Request) -> Response:
        """Give somebody a role in a unit and all below it: not yourself, and no right that you do not hold there."""
        data, by = self.read(GrantInput), request.user
        unit = roles.require_granting(data["unit"], by=by)
        made = roles.grant(roles.candidate(data["username"], by=by), data["role"], unit, by=by)
        return Response(GrantOutput(made).data, status=201)


class OneRole(View):
    serializer_class = GrantOutput

    @extend_schema(responses=answers({204: None}, 403, 404))
    def delete(self, request: Request, role_id: int) -> Response:
        """Take a role back."""
        found = roles.visible_to(request.user).filter(pk=role_id).first()
        if found is None:
            raise NotFound()
        roles.revoke(found, by=request.user)
        return Response(status=204)
