"""API keys by REST. No key opens these addresses."""

from django.db.models import QuerySet
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import keys, roles
from apps.accounts.api import UnitOutput, WhoOutput
from apps.accounts.keys import SCOPES, KeyDraft
from apps.accounts.models import ApiKey
from apps.core.errors import NotFound
from apps.core.rest.fields import Id, Instant, Text
from apps.core.rest.schema import answers
from apps.core.rest.serializers import Input, Nothing
from apps.core.rest.views import ListView, View


class KeyScheme(OpenApiAuthenticationExtension):
    """Tells the OpenAPI page how our keys are carried."""

    target_class = "apps.accounts.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "mk_live_… or mk_test_…"}


class KeyInput(Input):
    name = Text(max_length=100)
    kind = serializers.ChoiceField(ApiKey.Kind.choices)
    scopes = serializers.ListField(child=serializers.ChoiceField([str(one) for one in SCOPES]), max_length=len(SCOPES))
    unit = Id()
    expires_at = Instant(required=False, allow_null=True)


class KeyOutput(serializers.ModelSerializer):
    unit = UnitOutput()
    created_by = WhoOutput()
    created_at = Instant()
    expires_at = Instant()
    last_used_at = Instant(allow_null=True)
    revoked_at = Instant(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = ApiKey
        fields = ["id", "name", "kind", "prefix", "scopes", "unit", "created_by"]
        fields += ["created_at", "expires_at", "last_used_at", "revoked_at"]


class NewKeyOutput(KeyOutput):
    """`key` is the key itself, shown this once."""

    key = serializers.CharField()

    class Meta(KeyOutput.Meta):
        fields = [*KeyOutput.Meta.fields, "key"]

    def to_representation(self, made: keys.NewKey) -> dict[str, object]:
        return {**KeyOutput(made.row).data, "key": made.token}


class Keys(ListView):
    serializer_class = KeyOutput
    queryset = ApiKey.objects.none()

    def get_queryset(self) -> QuerySet[ApiKey]:
        return keys.visible_to(self.request.user)

    @extend_schema(operation_id="keys_list", responses=answers({200: KeyOutput(many=True)}))
    def get(self, request: Request) -> Response:
        """Your own keys, and those of the units where you may hand out rights."""
        return self.page(request)

    @extend_schema(request=KeyInput, responses=answers({201: NewKeyOutput}, 403, 404))
    def post(self, request: Request) -> Response:
        """Make a key for a school system. The answer holds the key itself, which cannot be seen again."""
        data = self.read(KeyInput)
        unit = roles.require_granting(data["unit"], by=request.user)
        made = keys.create(KeyDraft(**{**data, "unit": unit}), by=request.user)
        return Response(NewKeyOutput(made).data, status=201, headers={"Cache-Control": "no-store"})


class RevokeKey(View):
    serializer_class = KeyOutput

    @extend_schema(request=None, responses=answers({200: KeyOutput}, 403, 404, 409))
    def post(self, request: Request, key_id: int) -> Response:
        """It opens nothing from now on."""
        self.read(Nothing)
        found = keys.visible_to(request.user).filter(pk=key_id).first()
        if found is None:
            raise NotFound()
        return Response(self.get_serializer(keys.revoke(found, by=request.user)).data)
