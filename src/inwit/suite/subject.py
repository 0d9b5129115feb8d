"""Who is examined: a learner with the policy that it trains, an agent written by hand, or a control."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pkgutil import resolve_name

from inwit.core.errors import UserError, short, unknown
from inwit.core.imports import bring
from inwit.core.paths import given_path
from inwit.core.results import Json
from inwit.core.settings import Settings
from inwit.learners import LEARNERS
from inwit.policies import POLICIES
from inwit.runs.folder import runs_folder
from inwit.scripts import SCRIPTS
from inwit.suite.controls import CONTROLS, SHUFFLED, register_shuffled
from inwit.training.config import PARTS

DEFAULT_LEARNER, DEFAULT_POLICY = "a2c", "gru"


@dataclass(frozen=True)
class Subject:
    """`agent` names a script or a control; empty: `learner` trains `policy`."""

    agent: str = ""
    learner: str = DEFAULT_LEARNER
    policy: str = DEFAULT_POLICY

    @property
    def trained(self) -> bool:
        return self.agent in ("", SHUFFLED)

    @property
    def drawn(self) -> bool:
        """Whether two seeds may differ."""
        return self.trained or self.agent == "random"

    @property
    def name(self) -> str:
        """`a2c-gru`, `pipeline` or `shuffled-a2c-gru`"""
        if not self.trained:
            return self.agent
        learned = f"{self.learner.removeprefix(f'{SHUFFLED}:')}-{self.policy}"
        return f"{self.agent}-{learned}" if self.agent else learned

    def to_dict(self) -> Json:
        return asdict(self)


def subject_of(agent: str | None, learner: str | None, policy: str | None) -> Subject:
    """Who is meant. Registers what is given as `module:Class`, in this process. Raises `UserError` for a name that does
    not exist, and for a learner or a policy beside an agent that is not trained."""
    if agent is not None and agent not in (*SCRIPTS.names(), *CONTROLS):
        raise _no_agent(agent)
    if agent not in (None, SHUFFLED):
        given = [f"--{flag} {value}" for flag, value in (("learner", learner), ("policy", policy)) if value is not None]
        if given:
            raise UserError(f"{agent} is trained by nobody: leave out {' '.join(given)}")
        return Subject(agent, "", "")
    found = Subject(agent or "", learner or DEFAULT_LEARNER, policy or DEFAULT_POLICY)
    return prepared(found)


def _no_agent(agent: str) -> UserError:
    name, colon, where = agent.partition(":")
    if colon and name in SCRIPTS.names():
        return UserError(f"the suite takes {name} in every experiment's own world: leave out :{where}")
    if (runs_folder() / agent / "run.json").is_file() or (given_path(agent) / "run.json").is_file():
        return UserError(f"{short(agent)} is a run: the suite trains anew, from --learner and --policy")
    return unknown("agent", agent, [*SCRIPTS.names(), *CONTROLS])


def prepared(subject: Subject) -> Subject:
    """The subject, with its learner and its policy registered in this process."""
    if not subject.trained:
        return subject
    for part, name in (("learner", subject.learner.removeprefix(f"{SHUFFLED}:")), ("policy", subject.policy)):
        if ":" in name:
            _register(part, name)
    learner = register_shuffled(subject.learner) if subject.agent == SHUFFLED else subject.learner
    for part, registry, name in (("learner", LEARNERS, learner), ("policy", POLICIES, subject.policy)):
        if name not in registry.names():
            raise unknown(part, name, registry.names())
    return Subject(subject.agent, learner, subject.policy)


def _register(part: str, name: str) -> None:
    """Make `module:Class` a name of its own. Raises `UserError` for a module or a class that is not there, and for a
    class without `Settings`."""
    if name in PARTS[part].names():
        return
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise UserError(f"{part} = {short(name)} is none: give a name, or module:Class")
    bring([module])
    try:
        found = resolve_name(name)
        assert issubclass(found.Settings, Settings)
    except (AttributeError, ImportError, ValueError, TypeError, AssertionError):
        raise UserError(f"{name} is no {part}: {module} needs a class {attribute!r} with Settings") from None
    PARTS[part].register(name, found)
