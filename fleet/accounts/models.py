"""People, and the pictures of organisations, roles and tokens."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from fleet.eventstore.models import ReadModel


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Person:
        person = self.model(email=self.normalize_email(email), **fields)
        person.set_password(password)
        person.save()
        return person


class Person(AbstractBaseUser):
    """Somebody who signs in. What they may do stands in their roles, not here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    objects = PersonManager()

    class Meta:
        db_table = "person"

    def __str__(self) -> str:
        return self.name


class Organisation(ReadModel):
    name = models.CharField(max_length=200)

    class Meta(ReadModel.Meta):
        db_table = "organisation"

    def __str__(self) -> str:
        return self.name


class RoleRow(ReadModel):
    person = models.UUIDField()
    role = models.CharField(max_length=20)
    active = models.BooleanField()

    class Meta(ReadModel.Meta):
        db_table = "role"
        constraints = [
            models.UniqueConstraint(
                fields=["person", "organisation"],
                condition=models.Q(active=True, site=None),
                name="role_once_per_organisation",
            ),
            models.UniqueConstraint(
                fields=["person", "site"],
                condition=models.Q(active=True, site__isnull=False),
                name="role_once_per_site",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.person}"


class Token(ReadModel):
    person = models.UUIDField()
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    revoked = models.BooleanField()

    class Meta(ReadModel.Meta):
        db_table = "token"

    def __str__(self) -> str:
        return self.name
