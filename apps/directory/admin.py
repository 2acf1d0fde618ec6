"""The directory in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import ForeignKey, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.audit.admin import AuditedAdmin
from apps.core import permissions
from apps.core.admin import OwnRowsInline
from apps.core.errors import InvalidInput
from apps.core.masking import masked
from apps.directory import contacts
from apps.directory.models import Adviser, ContactPoint, Membership, OrgUnit, Person, Relation

# Django looks for an app's pages here.
from apps.directory.roster import admin as roster_admin  # noqa: F401


class AddressForm(forms.ModelForm):
    """A form with `kind` and `value`, which is stored in its one form however it was typed."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("kind") and cleaned.get("value"):
            try:
                cleaned["value"] = contacts.normalise(cleaned["kind"], cleaned["value"])
            except InvalidInput as error:
                self.add_error("value", error.detail)
        return cleaned


class ContactForm(AddressForm):
    """An address of somebody mightier would bring his codes and links to whoever enters it."""

    asking: AbstractBaseUser

    def clean_person(self) -> Person:
        person = self.cleaned_data["person"]
        if not self.asking.has_perm("directory.address_person", person):
            raise forms.ValidationError(_("This person holds more than you do."))
        return person


def with_address(typed: str) -> Q:
    """Rows whose `kind` and `value` are the address as typed, by index."""
    found = Q(pk__in=[])
    for kind in ContactPoint.Kind:
        try:
            found |= Q(kind=kind, value=contacts.normalise(kind, typed))
        except InvalidInput:
            continue
    return found


@admin.register(OrgUnit)
class OrgUnitAdmin(AuditedAdmin):
    list_display = ["name", "kind", "code", "above"]
    list_filter = ["kind"]
    search_fields = ["name__startswith", "code__exact"]
    autocomplete_fields = ["parent"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrgUnit]:
        """With the name of what is above it, where that is the user's as well."""
        units = OrgUnit.objects.without_tree_fields().filter(pk=OuterRef("parent"))
        own = permissions.visible_to(request.user, units, self.permission("view"))
        return super().get_queryset(request).annotate(above_name=Subquery(own.values("name")[:1]))

    @admin.display(description=_("parent"), ordering="above_name")
    def above(self, unit: OrgUnit) -> str:
        return unit.above_name or ""

    def get_fields(self, request: HttpRequest, obj: OrgUnit | None = None) -> list[str]:
        return ["name", "kind", "code", *(["parent"] if self.moves(request, obj) else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: OrgUnit | None = None) -> list[str]:
        """Who keeps a unit but not what is above it leaves it where it is, and what it is: an office reaches others."""
        return [] if self.moves(request, obj) else ["kind", "code"]

    def moves(self, request: HttpRequest, unit: OrgUnit | None) -> bool:
        above = unit and unit.parent
        return above is None or request.user.has_perm(self.permission("change"), above)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> forms.Field:
        """A unit with nothing above it is a school of its own: then nobody else would hold anything in the whole."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.required = not permissions.everywhere(request.user, self.permission("add"))
        return field


class MembershipInline(OwnRowsInline):
    model = Membership
    autocomplete_fields = ["unit"]


@admin.register(Person)
class PersonAdmin(AuditedAdmin):
    list_display = ["name", "number", "kind", "state", "cohort"]
    list_filter = ["kind", "state", "cohort"]
    search_fields = ["number__startswith", "name__startswith"]
    ordering = ["-pk"]
    inlines = [MembershipInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Person | None = None) -> list[str]:
        """Of somebody mightier: by the state his login is shut, by the number the school's own login knows him."""
        addressed = obj is None or request.user.has_perm("directory.address_person", obj)
        return [] if addressed else ["number", "state"]

    def has_delete_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        """Who belongs to somebody else's units too is theirs as well."""
        own = super().has_delete_permission(request, obj)
        memberships = obj.memberships.all() if own and obj else ()
        return own and all(request.user.has_perm("directory.delete_membership", one) for one in memberships)


@admin.register(ContactPoint)
class ContactPointAdmin(AuditedAdmin):
    form = ContactForm
    list_display = ["person", "kind", "masked_value", "source", "verified_at"]
    list_filter = ["kind", "source", ("verified_at", admin.EmptyFieldListFilter)]
    list_select_related = ["person"]
    search_fields = ["person__number__exact"]
    search_help_text = _("A whole address, or a student or staff number")
    ordering = ["-pk"]
    autocomplete_fields = ["person"]

    def get_fields(self, request: HttpRequest, obj: ContactPoint | None = None) -> list[str]:
        """Whose addresses one may not see, one may not change either."""
        hidden = obj is not None and not request.user.has_perm("directory.see_contactpoint", obj)
        return ["person", "kind", "masked_value" if hidden else "value", "source", "verified_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: ContactPoint | None = None) -> list[str]:
        fields = self.get_fields(request, obj)
        return fields if "masked_value" in fields else ["source"]

    @admin.display(description=_("value"))
    def masked_value(self, row: ContactPoint) -> str:
        return masked(row.value)

    def save_model(self, request: HttpRequest, obj: ContactPoint, form: AddressForm, change: bool) -> None:
        """What the staff enters is theirs, and no roster takes it away; that the address before was verified says
        nothing about this one."""
        if (obj.kind, obj.value) != (form.initial.get("kind"), form.initial.get("value")):
            obj.source = ContactPoint.Source.STAFF
            if "verified_at" not in form.changed_data:
                obj.verified_at = None
        super().save_model(request, obj, form, change)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ContactPoint], search_term: str
    ) -> tuple[QuerySet[ContactPoint], bool]:
        if not search_term:
            return queryset, False
        owners = list(Person.objects.filter(number=search_term.strip()).values_list("pk", flat=True))
        return queryset.filter(with_address(search_term) | Q(person__in=owners)), False


@admin.register(Relation)
class RelationAdmin(AuditedAdmin):
    list_display = ["person", "kind", "of", "no_contact"]
    list_filter = ["kind", "no_contact"]
    list_select_related = ["person", "of"]
    search_fields = ["of__number__exact"]
    search_help_text = _("The student's number")
    ordering = ["-pk"]
    autocomplete_fields = ["person", "of"]


@admin.register(Adviser)
class AdviserAdmin(AuditedAdmin):
    list_display = ["person", "unit"]
    list_select_related = ["person", "unit"]
    search_fields = ["person__number__exact", "unit__name__startswith"]
    search_help_text = _("The class adviser's number, or the beginning of the name of a class")
    ordering = ["-pk"]
    autocomplete_fields = ["person", "unit"]
