"""What the layers above hear of the directory without its knowing them."""

from django.dispatch import Signal

#: Contact points were written in bulk, which saves none of them: `kind`, and the `values` that came anew.
contacts_entered = Signal()
