"""A device's lock-out, shared by all its doors: wrong logins are counted per client address."""

from dataclasses import dataclass

from devices.virtual.spec import DeviceSpec

FOR_GOOD = float("inf")


@dataclass(slots=True)
class _Client:
    failures: int = 0
    until: float = 0


class Locks:
    """What one device remembers of clients that logged in wrongly. Times in seconds since 1970.

    ``times`` is how often anybody was locked out; a loss of power does not change it.
    """

    __slots__ = ("_clients", "_spec", "times")

    def __init__(self, spec: DeviceSpec) -> None:
        self.times = 0
        self._spec = spec
        self._clients: dict[str, _Client] = {}

    @property
    def for_good(self) -> bool:
        """Locked for everybody, until it is set back to the factory's state."""
        return 0 < self._spec.lockout_for_good <= self.times

    def left(self, client: str, now: float) -> float:
        """Seconds for which this client's logins are refused, right or wrong."""
        if self.for_good:
            return FOR_GOOD
        known = self._clients.get(client)
        return max(0.0, known.until - now) if known else 0.0

    def tries_left(self, client: str, now: float) -> int:
        """How many wrong logins as admin this client has until it is locked out; 0 while it is."""
        if self.left(client, now):
            return 0
        known = self._clients.get(client)
        return max(1, self._spec.lockout_tries - (known.failures if known else 0))

    def failed(self, client: str, admin: bool, now: float) -> None:
        known = self._clients.setdefault(client, _Client())
        known.failures += 1
        others = self._spec.lockout_tries_others or self._spec.lockout_tries
        if known.failures >= (self._spec.lockout_tries if admin else others):
            known.failures, known.until = 0, now + self._spec.lockout_seconds
            self.times += 1

    def succeeded(self, client: str) -> None:
        if self._spec.lockout_resets:
            self._clients.pop(client, None)

    def now_locked(self, now: float) -> dict[str, float]:
        """The clients that are locked out, with the seconds left of each."""
        left = {client: known.until - now for client, known in self._clients.items()}
        return {client: seconds for client, seconds in left.items() if seconds > 0}

    def forget(self) -> None:
        """Power was off."""
        self._clients.clear()
