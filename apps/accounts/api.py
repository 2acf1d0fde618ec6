"""Logging in and out, and the devices of the campus app."""

from django.contrib import auth
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.authentication import SessionScheme as BaseSessionScheme
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.utils import extend_schema
from knox.models import get_token_model
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import devices
from apps.accounts.authentication import TokenAuthentication
from apps.accounts.login import passwords, second_factor
from apps.accounts.models import RoleAssignment, User
from apps.core.errors import InvalidInput
from apps.core.rest.fields import Text
from apps.core.rest.schema import answers
from apps.core.rest.serializers import Input, Nothing
from apps.core.rest.views import View

MAX_TOKEN = 512


class Scheme(KnoxTokenScheme):
    """Tells the OpenAPI page how our tokens are carried."""

    target_class = "apps.accounts.authentication.TokenAuthentication"
    name = "token"


class SessionScheme(BaseSessionScheme):
    target_class = "apps.accounts.authentication.SessionAuthentication"


class Credentials(Input):
    username = Text(max_length=150)
    # A password longer than any person's would only cost hashing time.
    password = Text(max_length=1000)
    code = Text(max_length=20, required=False, help_text=gettext_lazy("Of the authenticator app, or a recovery code."))


class Device(Input):
    token = Text(max_length=MAX_TOKEN)


class WhoOutput(serializers.Serializer):
    username = serializers.CharField()
    name = serializers.SerializerMethodField()

    def get_name(self, user: User) -> str:
        return user.person.name if user.person else user.get_full_name() or user.username


class UnitOutput(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()


class RoleOutput(serializers.Serializer):
    role = serializers.ChoiceField(RoleAssignment.Role.choices)
    unit = UnitOutput()


class LoginOutput(serializers.Serializer):
    token = serializers.CharField()
    expiry = serializers.DateTimeField()
    user = WhoOutput()
    roles = RoleOutput(many=True)


class Login(View):
    serializer_class = Credentials
    authentication_classes: list[type] = []
    permission_classes = [AllowAny]
    # `passwords.authenticate` counts.
    throttle_classes: list[type] = []

    @extend_schema(responses=answers({200: LoginOutput}, 401, 403, 429))
    def post(self, request: Request) -> Response:
        """Get a token. Send it as `Authorization: Token …`.

        Whoever has a second factor sends its `code` too; without one the answer is 401, `totp_required`. Whoever may
        publish and has none yet gets 403, `totp_setup_required`.
        """
        user = _who(request._request, **self.read(Credentials))
        row, token = get_token_model().objects.create(user=user)
        user_logged_in.send(sender=User, request=request._request, user=user)
        roles = user.roles.select_related("unit").order_by("unit__name", "role")
        return Response(LoginOutput({"token": token, "expiry": row.expiry, "user": user, "roles": roles}).data)

    def get_authenticate_header(self, request: Request) -> str:
        """Without one DRF would answer 403, as there is no way to authenticate for logging in."""
        return TokenAuthentication().authenticate_header(request)


def _who(request: HttpRequest, username: str, password: str, code: str = "") -> User:
    """Raises `AuthenticationFailed`, `NotAllowed` or `TooMany`."""
    user = passwords.authenticate(request, username=username, password=password)
    if user is None:
        raise AuthenticationFailed(_("The username or the password is wrong."))
    second_factor.demand(user)
    if second_factor.enabled(user):
        _prove(request, user, code)
    return user


def _prove(request: HttpRequest, user: User, code: str) -> None:
    if not code:
        raise AuthenticationFailed(_("This login needs the code of its second factor."), code="totp_required")
    try:
        second_factor.check(request, user, code)
    except InvalidInput as error:
        raise AuthenticationFailed(error.detail, code=error.code) from None


class Logout(View):
    serializer_class = Nothing

    @extend_schema(request=None, responses=answers({204: None}, 403))
    def post(self, request: Request) -> Response:
        """End this token, or the session where there is none."""
        self.read(Nothing)
        if request.auth is None:
            auth.logout(request._request)
        else:
            request.auth.delete()
            user_logged_out.send(sender=User, request=request._request, user=request.user)
        return Response(status=204)


class Devices(View):
    serializer_class = Device

    @extend_schema(responses=answers({201: Device}, 403))
    def post(self, request: Request) -> Response:
        """Register this device of the campus app for push. A token belongs to whoever registered it last."""
        device = devices.register(request.user, self.read(Device)["token"])
        return Response({"token": device.value}, status=201)


class OneDevice(View):
    serializer_class = Nothing

    @extend_schema(responses=answers({204: None}, 403, 404))
    def delete(self, request: Request, token: str) -> Response:
        """Send no push to this device any more."""
        devices.remove(request.user, token)
        return Response(status=204)
