"""The pictures of sites, devices and credentials, and the vault's own table."""

from __future__ import annotations

from django.db import models

from devices.state import Kind, Purpose
from fleet.eventstore.models import ReadModel

# Foreign keys without a constraint: rows are redrawn in any order.


class Site(ReadModel):
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64)

    class Meta(ReadModel.Meta):
        db_table = "site"

    def __str__(self) -> str:
        return self.name


class Device(ReadModel):
    """`place` is the row of its site, for the site's name and zone; `site` is the plain id."""

    place = models.ForeignKey(
        Site,
        related_name="devices",
        null=True,
        db_constraint=False,
        on_delete=models.DO_NOTHING,
    )
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in Kind])
    name = models.CharField(max_length=200)
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField()
    driver = models.CharField(max_length=20)
    username = models.CharField(max_length=64)
    reset_email = models.CharField(max_length=254)
    nvr = models.ForeignKey(
        "self",
        related_name="channels",
        null=True,
        db_constraint=False,
        on_delete=models.DO_NOTHING,
    )
    channel = models.PositiveSmallIntegerField(null=True)
    manufacturer = models.CharField(max_length=200)
    model = models.CharField(max_length=200)
    firmware = models.CharField(max_length=200)
    serial = models.CharField(max_length=200)
    max_password = models.PositiveSmallIntegerField(null=True)
    certified = models.BooleanField(null=True)
    managed = models.BooleanField()
    trouble = models.CharField(max_length=64)

    class Meta(ReadModel.Meta):
        db_table = "device"
        constraints = [
            models.UniqueConstraint(fields=["site", "host", "port"], name="device_one_per_address"),
        ]
        indexes = [
            models.Index(fields=["organisation", "name", "id"], name="device_by_name"),
            models.Index(fields=["site", "name", "id"], name="device_by_site"),
        ]

    def __str__(self) -> str:
        return self.name


class Credential(ReadModel):
    device = models.UUIDField()
    username = models.CharField(max_length=64)
    purpose = models.CharField(max_length=12, choices=[(p.value, p.value) for p in Purpose])
    candidate = models.UUIDField(null=True)
    current = models.UUIDField(null=True)
    superseded = models.JSONField()

    class Meta(ReadModel.Meta):
        db_table = "credential"
        indexes = [models.Index(fields=["device"], name="credential_device")]

    def __str__(self) -> str:
        return f"{self.username} on {self.device}"


class Secret(models.Model):
    """One encrypted password. Not a picture of the log: the log never holds one. See `vault`."""

    id = models.UUIDField(primary_key=True)
    device = models.UUIDField()
    key_id = models.CharField(max_length=16)
    wrapped_key = models.BinaryField()
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "vault"
        indexes = [models.Index(fields=["device"], name="vault_device")]

    def __str__(self) -> str:
        return str(self.id)
