"""Form inputs of our own, and how a refusal of the domain gets back to the input it is about."""

from __future__ import annotations

from typing import Any

from django import forms

from fleet.errors import RekeyError


class CodeInput(forms.TextInput):
    """For a verification code: large, numeric keyboard, filled in from the message by phones."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(
            {
                "class": "code",
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "autocapitalize": "off",
                "spellcheck": "false",
                "size": "10",
                **(attrs or {}),
            }
        )


class SecretInput(forms.PasswordInput):
    """For a device's password: never offered to the browser's own store, never sent back."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(
            {
                "class": "secret-input",
                # Browsers ignore "off" on passwords; this one they honour.
                "autocomplete": "new-password",
                "autocapitalize": "off",
                "spellcheck": "false",
                **(attrs or {}),
            },
            render_value=False,
        )


def show_refusal(form: forms.BaseForm, error: RekeyError) -> None:
    """Put a domain error beside the input it names, or above the form when it names none."""
    known = error.field if error.field in form.fields else None
    form.add_error(known, forms.ValidationError(error.message, code=error.code))
