"""One camera and its resets, in the test's own process and database."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from devices import vault
from devices.queries import credential_for_jobs, device_for_jobs
from devices.state import CredentialState, Purpose, credential_id
from devices.virtual import DeviceSpec, ThreadedFleet
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import Job
from fleet.eventstore.store import state_of
from resets.codes import CodeKey
from resets.models import Reset
from resets.state import RecoveryMethod, ResetState
from resets.steps.choose_password import ChoosePassword
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import Cast, add_device, work


@dataclass
class Camera:
    """A camera of the virtual fleet that Rekey has taken in, or is about to."""

    who: Cast
    fleet: ThreadedFleet
    spec: DeviceSpec
    id: UUID
    method: RecoveryMethod | None = None

    @classmethod
    def added(cls, who: Cast, fleet: ThreadedFleet, spec: DeviceSpec) -> Camera:
        return cls(who, fleet, spec, add_device(who, fleet, spec))

    @classmethod
    def taken_in(cls, who: Cast, fleet: ThreadedFleet, spec: DeviceSpec) -> Camera:
        camera = cls.added(who, fleet, spec)
        work()
        assert device_for_jobs(camera.id).managed
        return camera

    # --- a reset ----------------------------------------------------------------------------------

    def begin(self) -> UUID:
        """Up to the sent code, which no worker has mailed yet."""
        reset, by = new_id(), self.who.by(self.who.alice)
        handle(RequestReset(self.id, "Lost", self.method), reset, by)
        handle(SendCode(), reset, by)
        return reset

    def choose(self, reset: UUID) -> None:
        """The right code and a generated password: from here it is a worker's turn."""
        by = self.who.by(self.who.alice)
        handle(VerifyCode(CodeKey(settings.REKEY_CODE_KEY).code(reset, 1, 8)), reset, by)
        handle(ChoosePassword(), reset, by)

    def begin_and_choose(self) -> UUID:
        reset = self.begin()
        self.choose(reset)
        return reset

    # --- how it stands ----------------------------------------------------------------------------

    @property
    def opens_with_the_current(self) -> bool:
        known = credential_for_jobs(self.id, Purpose.DEVICE)
        assert known and known.current
        return self.opens(known.username, known.current)

    def opens(self, username: str, secret: UUID) -> bool:
        return self.fleet.opens(self.spec.serial, username, vault.get(secret, self.id))

    def opened_by(self, username: str = "admin") -> list[UUID]:
        """Which of the passwords that the vault knows for the account open it."""
        known = state_of(CredentialState, credential_id(self.id, username)).known
        return [secret for secret in known if self.opens(username, secret)]


def job_of(reaction: str) -> int:
    """The one job of this reaction that is owed."""
    subscriptions.pump()
    return int(Job.objects.get(reaction=reaction).id)


def owed() -> list[str]:
    """The reactions that are still owed, but for the end of resets that have ended already."""
    rest = Job.objects.exclude(reaction="resets.expire_reset")
    return list(rest.values_list("reaction", flat=True))


def row(reset: UUID) -> Reset:
    found: Reset = Reset.objects.for_jobs().get(pk=reset)
    return found


def state(reset: UUID) -> ResetState:
    return state_of(ResetState, reset)
