"""Messages: commands (what is asked), events (what happened), and the state that events fold into.

Pure: nothing in here knows a database, a request or a worker.

    command.decide(state, now) -> events      may refuse, by raising a `fleet.errors.RekeyError`
    event.evolve(state) -> state              never refuses: it happened

The shape follows Emmett's decider; that an event type has one registered sentence for people
follows pretix's `logentrytypes`.
"""

from __future__ import annotations

import dataclasses
import re
import string
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar, dataclass_transform, get_args

import msgspec

from fleet.errors import RekeyError

UUID = uuid.UUID


@dataclass(frozen=True)
class State:
    """What a stream's events add up to. `organisation`, `site` and `subject` say whose it is and
    what it is about: they are written on every event and decide who may see it.
    """

    category: ClassVar[str]

    id: UUID
    organisation: UUID | None = None
    site: UUID | None = None
    subject: UUID | None = None

    def but(self, **changes: Any) -> Self:
        """This state with some fields changed. (`dataclasses.replace` at a tenth of the price:
        replay is bound by it.)
        """
        if not changes.keys() <= self.__dict__.keys():
            raise TypeError(f"{type(self).__name__} has no {changes.keys() - self.__dict__.keys()}")
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.__dict__.update(changes)
        return new


S = TypeVar("S", bound=State)

CATEGORIES: dict[str, type[State]] = {}
EVENTS: dict[str, type[Event[Any]]] = {}
COMMANDS: dict[str, type[Command[Any]]] = {}


@dataclass_transform(frozen_default=True)
def state(category: str) -> Callable[[type[S]], type[S]]:
    """Register a state class as what the streams of `category` fold into."""

    def register(cls: type[S]) -> type[S]:
        cls = dataclass(frozen=True)(cls)
        cls.category = category
        return _registered(CATEGORIES, category, cls)

    return register


# --- events ---------------------------------------------------------------------------------------


class Event(Generic[S]):
    """A fact, in the past tense, never changed. Its docstring's first line is its sentence for
    people: `{actor}` and the event's fields may stand in it.
    """

    tag: ClassVar[str]
    schema: ClassVar[int]
    of: ClassVar[type[State]]
    sentence: ClassVar[str]
    upcast: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]]
    decoder: ClassVar[msgspec.json.Decoder[Any]]

    def evolve(self, state: S) -> S:
        raise NotImplementedError

    def refusal(self) -> RekeyError | None:
        """The answer "no" that this fact is, where it is one: raised once the fact is recorded."""
        return None

    def told(self, actor: str) -> str:
        """The event's sentence, filled in."""
        return self.sentence.format(actor=actor, **{f: getattr(self, f) for f in _fields(self)})


E = TypeVar("E", bound=Event[Any])


@dataclass_transform(frozen_default=True)
def event(
    name: str,
    *,
    schema: int = 1,
    upcast: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] | None = None,
) -> Callable[[type[E]], type[E]]:
    """Register an event under a name that outlives every rename of its class.

    `upcast[n]` turns the fields of schema n into those of n + 1; there has to be one for each
    schema below `schema`.
    """

    def register(cls: type[E]) -> type[E]:
        cls = dataclass(frozen=True)(cls)
        cls.tag, cls.schema, cls.upcast = name, schema, upcast or {}
        if missing := set(range(1, schema)) - set(cls.upcast):
            raise TypeError(f"{name}: no upcaster from schema {sorted(missing)}")
        cls.of = _state_of(cls)
        cls.sentence = _first_line(cls)
        _check_sentence(cls)
        cls.decoder = msgspec.json.Decoder(cls)
        return _registered(EVENTS, name, cls)

    return register


def encode(happened: Event[Any]) -> bytes:
    """The event's fields as JSON, in the order of their declaration."""
    return msgspec.json.encode(happened)


def decode(name: str, schema: int, data: bytes | str) -> Event[Any]:
    """The event that was stored; older schemas are brought up to today's.

    Raises ValueError for a newer one than this code knows: it was written by a newer version.
    """
    cls = EVENTS[name]
    if schema == cls.schema:
        decoded: Event[Any] = cls.decoder.decode(data)
        return decoded
    if schema > cls.schema:
        raise ValueError(f"{name} has schema {schema}; this version knows {cls.schema}")
    fields = msgspec.json.decode(data)
    for older in range(schema, cls.schema):
        fields = cls.upcast[older](fields)
    converted: Event[Any] = msgspec.convert(fields, cls)
    return converted


# --- commands -------------------------------------------------------------------------------------


class Command(Generic[S]):
    """A wish, in the imperative. `decide` answers with what happens because of it, or refuses.

    Its docstring's first line says what it does; forms and the API's document show it.
    """

    slug: ClassVar[str]
    of: ClassVar[type[State]]
    by: ClassVar[str]
    creates: ClassVar[bool | None]
    about: ClassVar[str]

    @classmethod
    def offered(cls, state: S, now: datetime) -> bool:
        """Whether people are shown this command now. Only `decide` decides."""
        return False

    @classmethod
    def offered_to(cls, state: S, person: str) -> bool:
        """Whether this person is shown it at all, by their id; "" is nobody. For what one may not
        do oneself, or only oneself. Only `decide` decides.
        """
        return True

    def decide(self, state: S, now: datetime) -> Iterable[Event[S]]:
        raise NotImplementedError


C = TypeVar("C", bound=Command[Any])


@dataclass(frozen=True)
class Asked:
    """How a person or a program is asked for a field of a command."""

    label: str
    help: str = ""
    secret: bool = False
    long: bool = False
    max_length: int = 200
    initial: Any = None


def asked(
    label: str,
    *,
    help: str = "",
    secret: bool = False,
    long: bool = False,
    max_length: int = 200,
    initial: Any = None,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A field that whoever sends the command fills in. A `secret` one never shows in a repr."""
    return field(
        default=default,
        repr=not secret,
        metadata={"asked": Asked(label, help, secret, long, max_length, initial)},
    )


SUPPLIED: Any = object()


def supplied(*, init: Literal[False] = False) -> Any:
    """A fact from outside the stream that `decide` needs, looked up by its type (see
    `handling.supplies`) inside the transaction. A client can never send it.

    `init` says to type checkers that whoever makes a command leaves it out.
    """
    return field(default=SUPPLIED, repr=False, kw_only=True, metadata={"supplied": True})


@dataclass_transform(frozen_default=True, field_specifiers=(field, asked, supplied))
def command(*, by: str, creates: bool | None = False) -> Callable[[type[C]], type[C]]:
    """Register a command. `by` is the least role that may send it; `creates` says that it begins
    a stream (all others need one that is there), None that it begins one where there is none.
    """

    def register(cls: type[C]) -> type[C]:
        cls = dataclass(frozen=True)(cls)
        cls.of = _state_of(cls)
        cls.by, cls.creates = by, creates
        cls.about = _first_line(cls)
        cls.slug = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        return _registered(COMMANDS, f"{cls.of.category}.{cls.slug}", cls)

    return register


def asked_fields(cls: type[Command[Any]]) -> dict[str, tuple[Asked, dataclasses.Field[Any]]]:
    """The fields of a command that people and programs fill in, in order."""
    return {
        f.name: (f.metadata["asked"], f)
        for f in dataclasses.fields(cls)  # type: ignore[arg-type]
        if "asked" in f.metadata
    }


# --- who, from where, why -------------------------------------------------------------------------


@dataclass(frozen=True)
class Actor:
    """Who acts: a person, a token that a person made, or a job of Rekey's own.

    `grants` is what the guard knows of them; looked up once, when they sign in to a request.
    """

    kind: str
    id: str
    name: str
    grants: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def job(cls, name: str) -> Actor:
        return cls("job", name, "Rekey")


@dataclass(frozen=True)
class By:
    """Who asks, from which address, why, and because of what."""

    actor: Actor
    source: str = ""
    reason: str = ""
    correlation: UUID | None = None
    causation: UUID | None = None


@dataclass(frozen=True)
class Recorded:
    """An event as it stands in the log."""

    position: int
    id: UUID
    stream: UUID
    version: int
    category: str
    type: str
    schema: int
    at: datetime
    actor: Actor
    source: str
    reason: str
    correlation: UUID
    causation: UUID | None
    organisation: UUID | None
    site: UUID | None
    subject: UUID | None
    data: str
    previous: bytes
    hash: bytes

    @property
    def event(self) -> Event[Any]:
        return decode(self.type, self.schema, self.data)

    @property
    def sentence(self) -> str:
        return self.event.told(self.actor.name)

    def because(self, job: str) -> By:
        """What a job that reacts to this event signs its own commands with."""
        return By(Actor.job(job), "", self.reason, self.correlation, self.id)


def contents(package: str, *steps: str) -> None:
    """Load a package's steps, in the order in which people meet them."""
    for step in steps:
        import_module(f"{package}.{step}")


# --- registration ---------------------------------------------------------------------------------


T = TypeVar("T")


def _registered(registry: dict[str, Any], name: str, cls: type[T]) -> type[T]:
    known = registry.get(name, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise TypeError(f"{name} is registered twice: {known} and {cls}")
    registry[name] = cls
    return cls


def _state_of(cls: type[Any]) -> type[State]:
    for base in cls.__orig_bases__:
        for argument in get_args(base):
            if isinstance(argument, type) and issubclass(argument, State):
                return argument
    raise TypeError(f"{cls.__name__} does not say which state it is of, as in Event[ResetState]")


def _fields(obj: Any) -> list[str]:
    return [f.name for f in dataclasses.fields(obj)]


def _first_line(cls: type[Any]) -> str:
    lines = (cls.__doc__ or "").strip().splitlines()
    # A dataclass without a docstring is given its signature as one.
    if not lines or lines[0].startswith(f"{cls.__name__}("):
        raise TypeError(f"{cls.__name__} has no sentence: give it a docstring")
    paragraph = (cls.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(paragraph.split())


def _check_sentence(cls: type[Event[Any]]) -> None:
    known = {"actor", *_fields(cls)}
    for _, placeholder, _, _ in string.Formatter().parse(cls.sentence):
        if placeholder is not None and re.split(r"[.\[]", placeholder)[0] not in known:
            raise TypeError(f"{cls.tag}: its sentence names {placeholder!r}, which is no field")
