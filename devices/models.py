"""The pictures of sites, devices and credentials, and the vault's own table."""

from __future__ import annotations

from django.db import models

from devices.lists.models import Import as Import
from devices.lists.models import ImportFile as ImportFile
from devices.state import Kind, Purpose
from fleet.eventstore.models import ReadModel

# Foreign keys without a constraint: rows are redrawn in any order.


class Site(ReadModel):
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64)
    networks = models.JSONField()
    closed = models.BooleanField()

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
    tls = models.BooleanField()
    path = models.CharField(max_length=200)
    services = models.JSONField()
    pins = models.JSONField()
    strange = models.JSONField()
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
    nvr_opens = models.BooleanField(null=True)
    channels_read = models.JSONField()
    manufacturer = models.CharField(max_length=200)
    model = models.CharField(max_length=200)
    firmware = models.CharField(max_length=200)
    serial = models.CharField(max_length=200)
    mac = models.CharField(max_length=17)
    max_password = models.PositiveSmallIntegerField(null=True)
    certified = models.BooleanField(null=True)
    managed = models.BooleanField()
    trouble = models.CharField(max_length=64)
    fresh = models.BooleanField()
    removed = models.BooleanField()

    class Meta(ReadModel.Meta):
        db_table = "device"
        constraints = [
            models.UniqueConstraint(
                fields=["site", "host", "port"],
                condition=models.Q(removed=False),
                name="device_one_per_address",
            ),
            models.UniqueConstraint(
                fields=["nvr", "channel"],
                condition=models.Q(removed=False, nvr__isnull=False),
                name="device_one_per_channel",
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "name", "id"], name="device_by_name"),
            models.Index(fields=["site", "name", "id"], name="device_by_site"),
            models.Index(fields=["serial"], name="device_by_serial"),
            models.Index(fields=["mac"], name="device_by_mac"),
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


class Scan(ReadModel):
    place = models.ForeignKey(
        Site, related_name="scans", null=True, db_constraint=False, on_delete=models.DO_NOTHING
    )
    method = models.CharField(max_length=20)
    network = models.CharField(max_length=64)
    ports = models.JSONField()
    repeat = models.CharField(max_length=10)
    status = models.CharField(max_length=10)
    run = models.PositiveIntegerField()
    found = models.PositiveIntegerField()
    new = models.PositiveIntegerField()
    changed = models.PositiveIntegerField()
    gone = models.PositiveIntegerField()
    why = models.TextField()
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)

    class Meta(ReadModel.Meta):
        db_table = "scan"
        indexes = [models.Index(fields=["site", "-began_at"], name="scan_by_site")]

    def __str__(self) -> str:
        return f"{self.method} of {self.network}"


class Discovered(ReadModel):
    place = models.ForeignKey(
        Site, related_name="discovered", null=True, db_constraint=False, on_delete=models.DO_NOTHING
    )
    key = models.CharField(max_length=400)
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField()
    tls = models.BooleanField()
    path = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    manufacturer = models.CharField(max_length=200)
    model = models.CharField(max_length=200)
    serial = models.CharField(max_length=200)
    mac = models.CharField(max_length=17)
    fresh = models.BooleanField(null=True)
    gone = models.BooleanField()
    ignored = models.BooleanField()

    class Meta(ReadModel.Meta):
        db_table = "discovered"
        indexes = [models.Index(fields=["site", "host", "port"], name="discovered_by_address")]

    def __str__(self) -> str:
        return f"{self.model} at {self.host}:{self.port}"


# --- not pictures of the log: what comes and goes, and who is at work -----------------------------


class Telemetry(models.Model):
    """What is heard of a device from minute to minute. Only a change of state is an event.

    `online` is whether it answered when it was last asked, None if it never was; `misses` how often
    it did not, on end; `milliseconds` how long it took. `channels_online` are those of an NVR.
    `channels_at` is when it was asked for them; `next_at` is when the sweep asks.
    """

    device = models.UUIDField(primary_key=True)
    online = models.BooleanField(null=True)
    seen_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    milliseconds = models.PositiveIntegerField(null=True)
    misses = models.PositiveIntegerField(default=0)
    channels_online = models.JSONField(default=list)
    channels_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField()

    class Meta:
        db_table = "telemetry"
        indexes = [models.Index(fields=["next_at"], name="telemetry_next")]

    def __str__(self) -> str:
        return str(self.device)


class ScanProgress(models.Model):
    """How far a running scan has come, in addresses, or in hundredths of its time."""

    scan = models.UUIDField(primary_key=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "scan_progress"

    def __str__(self) -> str:
        return f"{self.done} of {self.total}"


class DeviceLease(models.Model):
    """Who talks to a device now: two jobs never do at once. See `doors`."""

    device = models.UUIDField(primary_key=True)
    holder = models.CharField(max_length=80)
    until = models.DateTimeField()

    class Meta:
        db_table = "device_lease"
        indexes = [models.Index(fields=["holder"], name="lease_holder")]

    def __str__(self) -> str:
        return f"{self.device} by {self.holder}"


class LoginTries(models.Model):
    """How many wrong logins a device has had from Rekey since the last right one. See `doors`."""

    device = models.UUIDField()
    username = models.CharField(max_length=64)
    failed = models.PositiveSmallIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    locked_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "login_tries"
        constraints = [
            models.UniqueConstraint(fields=["device", "username"], name="tries_once_per_login"),
        ]

    def __str__(self) -> str:
        return f"{self.failed} of {self.username} at {self.device}"


class Secret(models.Model):
    """One encrypted password. Not a picture of the log: the log never holds one. See `vault`.

    `shared`: it was given to other devices too.
    """

    id = models.UUIDField(primary_key=True)
    device = models.UUIDField()
    key_id = models.CharField(max_length=16)
    wrapped_key = models.BinaryField()
    ciphertext = models.BinaryField()
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "vault"
        indexes = [models.Index(fields=["device"], name="vault_device")]

    def __str__(self) -> str:
        return str(self.id)
