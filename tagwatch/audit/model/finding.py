"""Findings: what a rule says about a target, with evidence and, where possible, an exact fix."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from tagwatch.image.digest import sha256
from tagwatch.image.reference import Reference
from tagwatch.source.target import Location, Target
from tagwatch.source.text.edit import Fix
from tagwatch.value import dataclass, field, replace

__all__ = ["Finding", "Severity", "causes_of", "fingerprint", "in_sample", "is_routine"]
__all__ += ["sample_of", "urgency"]


class Severity(StrEnum):
    """The severity of a finding: `error` and `warning` ask for action, `note` only informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    OFF = "off"
    """The rule is not evaluated."""

    @property
    def rank(self) -> int:
        """A number to compare by: 3 for `error` down to 0 for `off`."""
        return ("off", "note", "warning", "error").index(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule's statement with its place, severity and fingerprint."""

    rule: str
    severity: Severity
    message: str
    location: Location
    fingerprint: str
    reference: Reference | None = None
    text: str = ""
    remedy: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Short facts by name, for reports and machine formats."""
    fix: Fix | None = None
    unknown: bool = False
    """True where the rule could not reach a verdict; `message` gives the reason."""


def fingerprint(rule: str, target: Target, *, ordinal: int = 0, subject: str = "") -> str:
    """Return a name for a finding that stays the same when lines move, digests change or days pass.

    It is a hash of the rule, the path, the canonical name and tag without digest, the stage or
    service, and `ordinal`.
    """
    reference = target.reference
    name = target.text
    if reference is not None:
        name = reference.repository.name + (f":{reference.tag}" if reference.tag else "")
    parts = (rule, target.location.path, name + subject, target.group or "", str(ordinal))
    # A path or text from a file that is not UTF-8 holds surrogates, which plain UTF-8 refuses.
    raw = "\0".join(parts).encode(errors="surrogatepass")
    return sha256(raw)


_SHOWN = frozenset(
    {"example", "examples", "sample", "samples", "demo", "demos", "tutorial", "tutorials"}
    | {"quickstart", "quickstarts", "snippet", "snippets", "doc", "docs", "documentation"}
)
"""Folders of what is shown to readers, who may copy it."""
_TRIED = frozenset(
    {"test", "tests", "testdata", "testing", "testfile", "testfiles", "testcase", "testcases"}
    | {"testsuite", "testsuites", "testcontainers", "systemtest", "systemtests", "unittests"}
    | {"fixture", "fixtures", "e2e", "cypress", "playwright"}
)
"""Folders of what a test reads or starts."""
_LEFT = frozenset({"archive", "archived", "deprecated", "attic", "obsolete"})
"""Folders of what is kept and not used."""
_STAGES = frozenset(
    {"overlays", "overlay", "environments", "environment", "envs", "env", "clusters", "stages"}
    | {"deploy", "deployment", "deployments", "inventories", "namespaces", "tenants"}
)
"""Folders whose `test` or `demo` is a place that things are deployed to."""
_PARTS = frozenset(
    {"apps", "charts", "components", "containers", "images", "kubernetes", "k8s", "manifests"}
    | {"microservices", "modules", "packages", "services"}
)
"""Folders of the parts of a system: `services/archive` is a service, and nobody's archive."""
_SERVES = frozenset({"api", "server", "service", "worker"})
"""Words of the name of what runs: `documentation-service`."""
_IN_USE = frozenset(
    {"tag-missing", "tag-latest", "tag-moving", "tag-unsupported", "tag-abandoned"}
    | {"version-eol", "eol-soon", "os-eol", "image-retired", "base-stale", "base-behind"}
    | {"user-root", "healthcheck-missing", "add-remote", "platform-fixed-in-from"}
    | {"port-all-interfaces", "port-privileged-host", "port-undeclared", "port-suspicious"}
    | {"port-conflict", "reference-unresolved", "check-incomplete"}
)
"""Rules about what is in use. Who may be trusted, what moved and what is secret counts anywhere."""


_BROKEN = frozenset({"image-retired", "port-conflict", "check-incomplete"})
"""Rules about what does not work, which is no less true of an example."""


def sample_of(path: str, stages: Collection[str] = ()) -> str:
    """Return what a file is by its path where nobody deploys it: `example`, `test`, `archive`.

    `stages`: folders that are known to be places to deploy to. Empty for any other. A folder is
    known by a word of its name (`_archived`, `integration-tests`), a file as an example by a part
    of its own (`compose.example.yml`).

    >>> sample_of("docs/snippets/app.yaml"), sample_of("overlays/test/app.yaml")
    ('example', '')
    >>> sample_of("services/archive/Dockerfile"), sample_of("docs/services/api/Dockerfile")
    ('', 'example')
    """
    *folders, name = path.lower().split("/")
    found, above = "", ""
    for place, folder in enumerate(folders):
        words = set(folder.replace("_", "-").replace(".", "-").split("-"))
        is_used = above in _STAGES or above in _PARTS or not _SERVES.isdisjoint(words)
        above = folder
        is_used = is_used or "/".join(folders[: place + 1]) in stages
        if is_used and not folder.startswith(("_", ".")):
            continue
        if words & _LEFT:
            return "archive"
        if words & _TRIED:
            found = "test"
        elif words & _SHOWN and not found:
            found = "example"
    if not found and {"example", "sample"} & set(name.replace("-", ".").split(".")):
        return "example"
    return found


def in_sample(
    finding: Finding, repositories: Collection[str] = (), stages: Collection[str] = ()
) -> Finding:
    """Return the finding as it counts in its file: less where nobody deploys what that names.

    `repositories`: folders that are named after other repositories, which says nothing of files.
    `stages`: see `sample_of`.

    In examples it is a step less severe, for they are copied; in tests and archives it is a note.
    What it would be elsewhere stays in its evidence.
    """
    path = finding.location.path
    name = path.partition("/")[0]
    if name in repositories:
        begin = len(name) + 1
        path, stages = path[begin:], [one[begin:] for one in stages]
    stages = [one.lower() for one in stages]
    if finding.rule not in _IN_USE or not (kind := sample_of(path, stages)):
        return finding
    if finding.rule in _BROKEN and kind == "example":
        return finding
    if finding.rule == "image-retired" and finding.severity is Severity.ERROR:
        return finding  # nobody can pull it: a test breaks, too
    severity = finding.severity
    lower = Severity.WARNING if kind == "example" and severity is Severity.ERROR else Severity.NOTE
    said = {**finding.evidence, "sample": kind}
    if lower is not severity:
        said["elsewhere"] = severity.value
    return replace(finding, severity=lower, evidence=said)


_ROUTINE = frozenset(
    {"port-all-interfaces", "port-privileged-host", "port-undeclared", "reference-unresolved"}
    | {"official-lookalike", "platform-fixed-in-from", "tag-moving", "cooldown"}
)
"""Rules whose notes tell what is mostly meant so."""


def is_routine(finding: Finding) -> bool:
    """Return True for what is counted for readers, and told to those who ask for all.

    It is less than an error and about a sample; or a note about what the repository publishes
    itself, or about what is mostly meant.
    """
    if "sample" in finding.evidence:
        return finding.severity is not Severity.ERROR
    if finding.severity is not Severity.NOTE:
        return False
    if finding.rule == "cooldown" and finding.unknown:
        return False  # who names the rule is told how little is known
    is_style = finding.evidence.get("source") == "local"  # ADD where COPY does the same
    return is_style or finding.rule in _ROUTINE or "published_by" in finding.evidence


_HABITS = frozenset({"port-all-interfaces", "port-privileged-host", "add-remote", "user-root"})
"""Rules about what an author does in one file as in the next."""
_OF_REPOSITORY = frozenset({"official-lookalike", "image-retired"})
"""Rules about a whole repository, whichever of its tags is named."""


_ALARMS = frozenset(
    {"tag-replaced", "tag-downgraded", "digest-tag-disagree", "official-lookalike"}
    | {"base-claim-conflict", "secret-in-env", "secret-in-history"}
)
"""Rules about what somebody may have done on purpose."""


def urgency(finding: Finding) -> tuple[int, bool]:
    """Return what is greater for what to look at first: of two errors, that which is an alarm."""
    return finding.severity.rank, finding.rule in _ALARMS


def causes_of(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return the findings by their cause: the first of a list is told, the others are its places.

    The same words and advice about the same thing have one cause, wherever it is written; so has
    what a file leaves open (a variable, a tag), a habit (to publish ports to everybody, to run as
    root), a variable that makes tags of many images, a release that a publisher spreads over
    several, the new builds of one publisher behind tags that were there before, a name that
    resembles another, and the end of a repository. Each place keeps its fingerprint, so that each
    can be ignored.
    """
    found: dict[object, list[Finding]] = {}
    for finding in findings:
        found.setdefault(_cause(finding), []).append(finding)
    return list(found.values())


def _owner(finding: Finding) -> str:
    """Return who publishes the image; empty for Docker Hub's official images."""
    name = finding.reference.repository.name if finding.reference is not None else ""
    owner = name.rpartition("/")[0]
    return "" if owner == "docker.io/library" else owner


def _is_rebuilt(finding: Finding) -> bool:
    """Return True where a tag that was there before serves a new image, and nothing is pinned."""
    reference = finding.reference
    return (
        reference is not None
        and reference.digest is None
        and finding.evidence.get("clock") != "first listed"
    )


def _cause(finding: Finding) -> object:
    fix = finding.fix.replacement if finding.fix is not None else ""
    said: tuple[object, ...] = (finding.message, finding.remedy, fix)
    tag = finding.text.rpartition(":")[2]
    if finding.severity is Severity.NOTE and "published_by" in finding.evidence:
        said = ()  # that a repository shows what it publishes itself is said once
    elif finding.rule == "reference-unresolved" and (missing := finding.evidence.get("missing")):
        is_variable = missing != "tag" and missing.replace(", ", "").isidentifier()
        said = (finding.location.path if is_variable else "", missing)
    elif finding.rule in _HABITS and finding.severity is not Severity.ERROR:
        said = (finding.evidence.get("inside"),)
    elif finding.rule == "cooldown" and _is_rebuilt(finding):
        # publishers build all that they have in one night; but what to go back to is told of each
        said = (_owner(finding), finding.remedy)
    elif finding.rule in _OF_REPOSITORY and finding.reference is not None:
        said = (finding.reference.repository,)
    elif (
        finding.rule in ("version-eol", "eol-soon")
        and finding.reference is not None
        and (product := finding.evidence.get("product"))
    ):
        owner = finding.reference.repository.name.rpartition("/")[0]
        said = (owner, product, finding.evidence.get("cycle"))
    elif finding.rule == "tag-latest" and "$" in tag:
        said = (tag,)  # one variable says so of all of them
    elif finding.rule in ("tag-latest", "tag-missing") and (owner := _owner(finding)):
        said = (owner, tag != finding.text, bool(fix))  # a pattern is another thing than no tag
    elif finding.rule == "base-behind" and (owner := _owner(finding)):
        said = (owner, tag, finding.evidence.get("newer"))  # a release of several images
    return finding.rule, finding.severity, said
