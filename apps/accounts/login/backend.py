"""The way through every door: whoever may not log in is nobody, in a session of before too."""

from django.contrib.auth.backends import ModelBackend

from apps.accounts.models import User


class Gate:
    """For backends. The person comes with the user, so that a request costs no query more."""

    def user_can_authenticate(self, user: User | None) -> bool:
        return user is not None and user.may_log_in

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("person").filter(pk=user_id).first()
        return user if self.user_can_authenticate(user) else None


class PasswordBackend(Gate, ModelBackend):
    """Passwords that are kept here."""
