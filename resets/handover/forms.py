"""What is asked before passwords leave."""

from __future__ import annotations

from django import forms

from fleet.eventstore.messages import asked_fields
from fleet.web.command_forms import Words
from fleet.web.forms import SecretInput
from resets.handover.files import HandoverForm
from resets.handover.handing import Wish
from resets.handover.locks import LONGEST_KEY, LONGEST_PASSPHRASE, MOST_KEYS, SHORTEST, lock_of
from resets.handover.steps import HandOver

_REASON = asked_fields(HandOver)["reason"][0]


class AskHandover(forms.Form):
    """Why, written as what, and who is to open it."""

    reason = Words(
        label=_REASON.label,
        help_text="It stands in the history of each device, with your name.",
        max_length=_REASON.max_length,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    form = forms.TypedChoiceField(
        label="Written as",
        coerce=HandoverForm,
        choices=[
            (HandoverForm.CSV.value, "CSV, for password managers"),
            (HandoverForm.JSON.value, "JSON, for programs"),
        ],
        help_text="In the CSV each password stands to the letter: a spreadsheet may take one that "
        "begins with a sign for a formula.",
    )
    keys = Words(
        label="Public keys of whoever is to open it",
        required=False,
        max_length=MOST_KEYS * LONGEST_KEY,
        help_text="One to a line: of age (age1…), or of SSH (ssh-ed25519 …, ssh-rsa …). This is "
        "the better way: nothing has to be told to anybody.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
    )
    passphrase = Words(
        label="Or a passphrase",
        required=False,
        strip=False,
        max_length=LONGEST_PASSPHRASE,
        help_text=f"At least {SHORTEST} characters. Tell it on another way than the file goes.",
        widget=SecretInput,
    )
    again = Words(
        label="The passphrase again",
        required=False,
        strip=False,
        max_length=LONGEST_PASSPHRASE,
        widget=SecretInput,
    )

    def wish(self) -> Wish:
        """What a valid form asks for. Raises Refused."""
        told = self.cleaned_data
        lock = lock_of(told["keys"], told["passphrase"], told["again"])
        return Wish(told["reason"], lock, told["form"])
