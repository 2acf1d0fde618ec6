"""Saved segments in the admin: the same services as everywhere else, their refusals said in the form."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.core.admin import BaseAdmin, run_each
from apps.core.errors import MsgcenterError
from apps.directory import selection
from apps.directory.models import OrgUnit, Person, Segment, SegmentRule
from apps.messaging import segments
from apps.messaging.drafts import Rule

ASKED = ("effect", "reach", "unit", "kind", "state", "cohort", "minors")


class RuleForm(forms.ModelForm):
    """A person is named by number: a list of all would be too long."""

    number = forms.CharField(label=_("Student or staff number"), max_length=40, required=False)

    class Meta:
        model = SegmentRule
        fields = ASKED

    def __init__(self, *args: Any, asking: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asking = asking
        self.fields["state"].choices = [("", "---------"), *selection.PRESENT]
        if self.instance.person:
            self.fields["number"].initial = self.instance.person.number

    def clean_number(self) -> Person | None:
        """Somebody he may not write to is answered as nobody."""
        number = self.cleaned_data["number"]
        person = rights.reachable_people(self.asking).filter(number=number).first() if number else None
        if number and person is None:
            raise forms.ValidationError(_("There is no such person."))
        return person

    def rule(self) -> Rule:
        data = self.cleaned_data
        return Rule(person=data["number"], **{name: data[name] for name in ASKED})


class Rules(forms.BaseInlineFormSet):
    """Checks the whole segment as the service will, so that a refusal is an error of the form."""

    user: User

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return super().get_form_kwargs(index) | {"asking": self.user}

    def clean(self) -> None:
        super().clean()
        if any(form.errors for form in self.forms) or not (self.instance.name and self.instance.unit_id):
            return
        try:
            segments.check(self.draft(), by=self.user, stored=self.instance if self.instance.pk else None)
        except MsgcenterError as error:
            raise forms.ValidationError(str(error.detail)) from None

    def draft(self) -> segments.Draft:
        kept = [form for form in self.forms if form.has_changed() or form.instance.pk]
        rules = tuple(form.rule() for form in kept if not form.cleaned_data.get("DELETE"))
        return segments.Draft(name=self.instance.name, unit=self.instance.unit, rules=rules)


def may_write(request: HttpRequest, segment: Segment | None) -> bool:
    return segment is None or rights.can(request.user, Right.WRITE, segment)


class RuleInline(admin.TabularInline):
    model = SegmentRule
    form = RuleForm
    formset = Rules
    fields = [*ASKED, "number"]
    extra = 1

    def get_formset(self, request: HttpRequest, obj: Segment | None = None, **kwargs: Any) -> type[Rules]:
        made = super().get_formset(request, obj, **kwargs)
        made.user = request.user
        return made

    def get_queryset(self, request: HttpRequest) -> QuerySet[SegmentRule]:
        return super().get_queryset(request).select_related("unit", "person")

    def has_change_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_write(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        reachable = rights.reachable_units(request.user)
        kwargs["queryset"] = OrgUnit.objects.without_tree_fields().filter(pk__in=reachable)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class SegmentAdmin(BaseAdmin):
    """Deleting is an action only: Django's page for it knows nothing of messages that are over."""

    list_display = ["name", "unit"]
    list_select_related = ["unit"]
    search_fields = ["name__startswith"]
    ordering = ["name"]
    fields = ["name", "unit"]
    inlines = [RuleInline]
    actions = ["remove"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        return rights.visible_to(request.user, super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        return ["unit"] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_write(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return False

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("directory.delete_segment")

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        writable = rights.units_with(request.user, Right.WRITE)
        kwargs["queryset"] = OrgUnit.objects.without_tree_fields().filter(pk__in=writable)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Segment, form: forms.ModelForm, change: bool) -> None:
        """Together with its rules, in `save_related`."""

    def save_related(
        self, request: HttpRequest, form: forms.ModelForm, formsets: Sequence[Rules], change: bool
    ) -> None:
        draft = formsets[0].draft()
        if change:
            segments.change(form.instance, draft, by=request.user)
        else:
            form.instance.pk = segments.create(draft, by=request.user).pk

    def construct_change_message(self, *args: object, **kwargs: object) -> list[object]:
        """The audit log tells more."""
        return []

    @admin.action(description=_("Delete the selected segments"), permissions=["remove"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        run_each(self, request, queryset, segments.delete, done=lambda segment: _("%s is deleted.") % segment)
