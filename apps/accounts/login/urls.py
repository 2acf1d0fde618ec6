"""The addresses of the way in. The names are those that allauth asks for."""

from django.urls import include, path
from django.views.generic import RedirectView

from apps.accounts.login import joining, views

to_password = RedirectView.as_view(pattern_name="account_change_password")

urlpatterns = [
    path("login", views.Login.as_view(), name="account_login"),
    path("login/code", views.Authenticate.as_view(), name="mfa_authenticate"),
    path("logout", views.Logout.as_view(), name="account_logout"),
    path("account/", views.Account.as_view(), name="account"),
    path("account/sessions", views.EndSessions.as_view(), name="end_sessions"),
    path("account/password", views.ChangePassword.as_view(), name="account_change_password"),
    path("account/confirm", views.Reauthenticate.as_view(), name="account_reauthenticate"),
    path("account/confirm/code", views.ReauthenticateByCode.as_view(), name="mfa_reauthenticate"),
    path("account/second-factor", views.SecondFactor.as_view(), name="mfa_index"),
    path("account/second-factor/set-up", views.ActivateTotp.as_view(), name="mfa_activate_totp"),
    path("account/second-factor/remove", views.DeactivateTotp.as_view(), name="mfa_deactivate_totp"),
    path("account/recovery-codes", views.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path("account/recovery-codes/new", views.NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("account/register", joining.Register.as_view(), name="account_signup"),
    path("account/register/choose", joining.Choose.as_view(), name="register_choose"),
    path("account/register/code", joining.RegisterByCode.as_view(), name="register_code"),
    path("account/forgotten", joining.Forgotten.as_view(), name="account_reset_password"),
    path("account/forgotten/sent", joining.LinkSent.as_view(), name="reset_sent"),
    path("account/forgotten/code", joining.ResetByCode.as_view(), name="reset_code"),
    path("account/forgotten/<str:uidb64>/<str:token>", joining.ResetByLink.as_view(), name="reset_link"),
    path("account/invitation/<str:token>", joining.AcceptInvitation.as_view(), name="accept_invitation"),
    path("account/sso/", include("apps.accounts.sso.urls")),
    path(
        "account/password/set", RedirectView.as_view(pattern_name="account_reset_password"), name="account_set_password"
    ),
    # The admin's own pages for the same would know neither limits nor the second factor.
    path("admin/login/", views.admin_login, name="admin_login"),
    path("admin/logout/", views.Logout.as_view(), name="admin_logout"),
    path("admin/password_change/", to_password),
]
