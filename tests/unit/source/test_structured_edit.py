"""Edits of structured files: a pin and a bump change the reference and no other byte."""

from __future__ import annotations

import pytest

from tagwatch.source.target import Target
from tagwatch.source.text.edit import apply, bump, compatible, pin
from tests.source_sample import extract, source_named

OLD = "sha256:" + "0badcafe" * 8
NEW = "sha256:" + "c0ffee00" * 8

PATHS = {
    "helm": "values.yaml",
    "kustomize": "kustomization.yaml",
    "devcontainer": ".devcontainer.json",
}

# Source, path, text, files beside it, and the file that is edited. The first target is redis 7.2.
CASES = [
    ("compose", "compose.yaml", "services: {a: {image: redis:7.2}} # c\n", {}, ""),
    ("compose", "compose.yaml", "services:\r\n  a:\r\n    image: 'redis:7.2'\r\n", {}, ""),
    ("compose", "compose.yaml", '\ufeffservices: {é: {image: "redis:7.2"}}', {}, ""),
    ("compose", "compose.yaml", "services:\n  a:\n    image: >-\n      redis:7.2\n", {}, ""),
    (
        "compose",
        "compose.yaml",
        "services: {a: {image: 'redis:${T}'}}",
        {".env": "T=7.2 # x\n"},
        ".env",
    ),
    ("compose", "compose.yaml", "services: {a: {image: 'redis:${T:-7.2}'}}", {}, ""),
    ("kubernetes", "k.yaml", "kind: Pod\nspec: {containers: [{image: &x redis:7.2}]}\n", {}, ""),
    ("github_actions", ".github/workflows/x.yml", "jobs: {a: {container: redis:7.2}}\n", {}, ""),
    ("github_actions", "action.yml", "runs: {image: 'docker://redis:7.2'}\n", {}, ""),
    ("gitlab_ci", ".gitlab-ci.yml", "a: {image: {name: redis:7.2}, script: [x]}\n", {}, ""),
    ("gitlab_ci", ".gitlab-ci.yml", "variables: {T: '7.2'}\na: {image: redis:$T}\n", {}, ""),
    ("devcontainer", "devcontainer.json", '{"image": "redis:7.2", /* é */}', {}, ""),
    (
        "bake",
        "docker-bake.json",
        '{"target": {"a": {"contexts": {"x": "docker-image://redis:7.2"}}}}',
        {},
        "",
    ),
    (
        "bake",
        "docker-bake.hcl",
        'target "a" {\n  contexts = { x = "docker-image://redis:7.2" }\n}',
        {},
        "",
    ),
    (
        "bake",
        "docker-bake.hcl",
        'variable "T" { default = "7.2" }\n'
        'target "a" { contexts = { x = "docker-image://redis:${T}" } }',
        {},
        "",
    ),
    ("kustomize", "kustomization.yaml", "images: [{name: redis, newTag: '7.2'}]\n", {}, ""),
    (
        "kustomize",
        "kustomization.yaml",
        f"images: [{{name: redis, newTag: '7.2', digest: '{OLD}'}}]\n",
        {},
        "",
    ),
    ("helm", "values.yaml", "image: {repository: redis, tag: '7.2'}\n", {}, ""),
    (
        "helm",
        "values.yaml",
        f"image:\n  repository: redis\n  tag: '7.2-x'\n  digest: {OLD} # why\n",
        {},
        "",
    ),
    (
        "helm",
        "values.yaml",
        f"image:\n  repository: redis\n  tag: '7.2'\n  sha: {OLD[7:]}\n",
        {},
        "",
    ),
    ("helm", "values.yaml", "image: redis:7.2\n", {}, ""),
]


def read(name: str, path: str, texts: dict[str, bytes]) -> Target:
    source = source_named(name)
    return extract(source, texts[path], path, texts).targets[0]


@pytest.mark.parametrize(("name", "path", "text", "files", "edited"), CASES)
@pytest.mark.parametrize("pinning", [True, False])
def test_edit(
    name: str, path: str, text: str, files: dict[str, str], edited: str, pinning: bool
) -> None:
    texts = {path: text.encode()} | {key: value.encode() for key, value in files.items()}
    target = read(name, path, texts)
    assert target.reference is not None
    had_digest = target.reference.digest is not None
    fix = pin(target, "7.4", NEW) if pinning else bump(target, "7.4", NEW if had_digest else None)
    assert fix is not None
    where = edited or path
    assert fix.path == where
    before = texts[where]
    texts[where] = apply(before, [fix])
    after = read(name, path, texts)
    assert after.reference is not None
    assert after.reference.repository == target.reference.repository
    assert after.reference.tag == "7.4"
    assert after.reference.digest == (NEW if pinning or had_digest else None)
    old, new = before.decode(), texts[where].decode()
    for written in ("7.4", f"@{NEW}", NEW, NEW[7:]):
        new = new.replace(written, "")
    for written in ("7.2-x", "7.2", OLD, OLD[7:]):
        old = old.replace(written, "")
    assert new == old
    again = pin(after, "7.4", NEW) if pinning else bump(after, "7.4", NEW if had_digest else None)
    assert again is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("images:\n- name: a\n  newTag: v1\n", 'images:\n- name: a\n  newTag: "3.10"\n'),
        ("images:\n- name: a\n  newTag: 'v1'\n", "images:\n- name: a\n  newTag: '3.10'\n"),
    ],
)
def test_a_tag_that_would_become_a_number_is_quoted(text: str, expected: str) -> None:
    target = read("kustomize", "kustomization.yaml", {"kustomization.yaml": text.encode()})
    fix = bump(target, "3.10")
    assert fix is not None
    assert apply(text.encode(), [fix]).decode() == expected


# A file, and the same with `{}` where a pin puts the digest.
OWN_FIELDS = [
    ("helm", "image: {{repository: a, tag: '1', digest: \"{}\"}}\n"),
    ("helm", "image:\n  repository: a\n  tag: '1'\n  digest: '{}' # of the index\n"),
    (
        "helm",
        "image:\r\n  digest: \"{}\"\r\n  registry: q.io\r\n  repository: o/a\r\n  tag: '1'\r\n",
    ),
    (
        "helm",
        "global: {{imageRegistry: q}}\n"
        "image: {{registry: x, repository: a, tag: '1', digest: '{}'}}",
    ),
    ("helm", "image: {{repository: 'a:1', digest: '{}'}}\n"),
    ("helm", "image: {{repository: a, tag: '1', sha: '', digest: '{}'}}\n"),
    ("helm", "image: {{repository: a, tag: '1', useDigest: true, digest: '{}'}}\n"),
    ("kustomize", "images:\n- name: a\n  newTag: '1'\n  digest: \"{}\"\n"),
    ("kustomize", 'images:\n- name: a\n  newName: q.io/a:1\n  digest: "{}"\n'),
]


@pytest.mark.parametrize(("name", "text"), OWN_FIELDS)
def test_a_digest_goes_into_its_own_field(name: str, text: str) -> None:
    before, after = text.format(""), text.format(NEW)
    assert made(name, PATHS[name], before, "1", NEW) == [after]
    assert made(name, PATHS[name], after, "1", NEW) == [None]
    renewed = text.format(OLD)
    assert made(name, PATHS[name], renewed, "1", NEW) == [after]


@pytest.mark.parametrize(
    ("name", "text", "after"),
    [
        # a key without a value: after its colon
        ("helm", "image:\n  repository: a\n  tag: '1'\n  digest:\n", f"digest: {NEW}\n"),
        ("kustomize", "images:\n- name: a\n  newTag: '1'\n  digest:  # c\n", f"digest: {NEW}  # c"),
        # no field of its own that is known to be read: in the tag, which charts put after a colon
        ("helm", "image: {repository: a, tag: '1'}\n", f"tag: '1@{NEW}'"),
        ("helm", "image: {repository: a, tag: '1', digest: ~}\n", f"tag: '1@{NEW}', digest: ~"),
        ("helm", "image: {repository: a, tag: '1', sha: ''}\n", f"tag: '1@{NEW}', sha: ''"),
        (
            "helm",
            "image: {repository: a, tag: '1', useDigest: false, digest: 'sha256:x'}\n",
            f"tag: '1@{NEW}', useDigest: false, digest: 'sha256:x'",
        ),
        (
            "helm",
            f"image: {{repository: a, tag: '1@{OLD}', digest: ''}}\n",
            f"'1@{NEW}', digest: ''",
        ),
    ],
)
def test_where_a_digest_goes(name: str, text: str, after: str) -> None:
    (fixed,) = made(name, PATHS[name], text, "1", NEW)
    assert fixed is not None
    assert after in fixed
    assert made(name, PATHS[name], fixed, "1", NEW) == [None]


@pytest.mark.parametrize(("name", "text"), OWN_FIELDS)
def test_a_pin_and_a_bump_are_not_made_together(name: str, text: str) -> None:
    """The digest in its field would be that of the tag before."""
    raw = text.format("").encode()
    target = read(name, PATHS[name], {PATHS[name]: raw})
    pinned, bumped = pin(target, "1", NEW), bump(target, "2")
    assert pinned is not None
    assert bumped is not None
    assert compatible([pinned, bumped]) == ((pinned,), (bumped,))
    assert compatible([bumped, pinned]) == ((bumped,), (pinned,))
    assert compatible([pinned, pinned]) == ((pinned, pinned), ())


def test_a_digest_needs_no_tag_where_the_chart_has_one() -> None:
    """The tag is the chart's `appVersion`: no field of the values could take `tag@digest`."""
    text = "image: {repository: a, tag: '', digest: ''}\n"
    texts = {"values.yaml": text.encode(), "Chart.yaml": b"name: a\nappVersion: '1'\n"}
    target = read("helm", "values.yaml", texts)
    assert str(target.reference) == "a:1"
    fix = pin(target, "1", NEW)
    assert fix is not None
    assert apply(text.encode(), [fix]).decode() == text.replace("digest: ''", f"digest: '{NEW}'")
    assert pin(target, "2", NEW) is None
    assert bump(target, "2") is None


def test_a_bump_leaves_an_empty_digest_empty() -> None:
    text = "image: {repository: a, tag: '1', digest: ''}\n"
    assert made("helm", "values.yaml", text, "2", None) == [text.replace("'1'", "'2'")]


def test_a_feature_is_pinned_without_its_tag() -> None:
    """`getRef` of the devcontainer CLI takes `o/f:1@sha256:…` for a digest of `o/f:1`."""
    text = '{"features": {"ghcr.io/o/f:1": {}, "ghcr.io/o/g": {}}} // 1\n'
    path = PATHS["devcontainer"]
    assert made("devcontainer", path, text, "1", NEW) == [
        text.replace("o/f:1", f"o/f@{NEW}"),
        text.replace("o/g", f"o/g@{NEW}"),
    ]
    assert made("devcontainer", path, text, "2", None)[0] == text.replace("o/f:1", "o/f:2")
    pinned = text.replace("o/f:1", f"o/f@{OLD}")
    assert made("devcontainer", path, pinned, "1", NEW)[0] == pinned.replace(OLD, NEW)


def test_the_comment_of_a_pinned_feature_is_kept_true() -> None:
    text = f'{{"features": {{\n  "ghcr.io/o/f@{OLD}": {{}} // 1.2\n}}}}\n'
    after = text.replace(OLD, NEW).replace("1.2", "1.3")
    assert made("devcontainer", PATHS["devcontainer"], text, "1.3", NEW) == [after]


def test_no_edit_where_the_file_spells_it_otherwise() -> None:
    for value in ('"redis\\x3a7.2"', '"redis:\\\n  7.2"'):
        text = f"services: {{a: {{image: {value}}}}}\n".encode()
        target = read("compose", "compose.yaml", {"compose.yaml": text})
        assert target.reference is not None
        assert pin(target, "7.4", NEW) is None


def made(name: str, path: str, text: str, tag: str, digest: str | None) -> list[str | None]:
    """For each target the file after its pin (or bump, without `digest`), None where no edit is."""
    source = source_named(name)
    found = []
    for target in extract(source, text, path).targets:
        fix = pin(target, tag, digest) if digest else bump(target, tag)
        found.append(apply(text.encode(), [fix]).decode() if fix is not None else None)
    return found


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        (
            "helm",
            "values.yaml",
            "image: {repository: a, tag: &t '1'}\nxImage: {repository: b, tag: *t}\n",
        ),
        (
            "helm",
            "values.yaml",
            "d: &d {tag: '1'}\nimage: {<<: *d, repository: a}\nxImage: {<<: *d, repository: b}\n",
        ),
        (
            "kustomize",
            "kustomization.yaml",
            "images:\n- {name: a, newTag: &t '1'}\n- {name: b, newTag: *t}\n",
        ),
    ],
)
def test_a_tag_that_two_images_share_is_not_edited_for_one(name: str, path: str, text: str) -> None:
    """The digest of the one is not that of the other."""
    assert made(name, path, text, "1", NEW) == [None, None]
    assert made(name, path, text, "2", None) == [None, None]


def test_a_tag_that_is_said_elsewhere_too_takes_no_digest() -> None:
    text = "image: {repository: a, tag: &t '1'}\nlabels: {version: *t}\n"
    assert made("helm", "values.yaml", text, "1", NEW) == [None]
    assert made("helm", "values.yaml", text, "2", None) == [text.replace("'1'", "'2'")]


def test_what_containers_get_from_a_file_takes_no_digest() -> None:
    text = b"services: {a: {image: 'redis:$T', env_file: [{path: ./.env}]}}\n"
    target = read("compose", "compose.yaml", {"compose.yaml": text, ".env": b"T=7\n"})
    assert pin(target, "7", NEW) is None
    assert bump(target, "8") is not None


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        (
            "compose",
            "compose.yaml",
            "services:\n  a:\n    build:\n      dockerfile_inline: |\n"
            "        FROM redis:7\n        RUN x\n",
        ),
        (
            "bake",
            "docker-bake.hcl",
            'target "a" {\n  dockerfile-inline = <<E\nFROM redis:7\nE\n}\n',
        ),
        (
            "kustomize",
            "kustomization.yaml",
            "patches:\n- patch: |-\n    - op: add\n      path: /spec/image\n      value: redis:7\n",
        ),
        (
            "kubernetes",
            "k.yaml",
            "kind: HelmRelease\nspec: {values: {image: {repository: redis, tag: '7'}}}\n",
        ),
    ],
)
def test_texts_inside_texts_are_edited_where_they_stand(name: str, path: str, text: str) -> None:
    old = "'7'" if "'7'" in text else "redis:7"
    assert made(name, path, text, "7", NEW) == [text.replace(old, old.replace("7", f"7@{NEW}"))]


DOCKERFILE = b"ARG V=1\nFROM redis:$V\n"


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("compose", "compose.yaml", "services:\n  a: {build: {context: ., args: {V: '7'}}}\n"),
        ("compose", "compose.yaml", "services:\n  a: {build: {context: ., args: [V=7]}} # c\n"),
        ("bake", "docker-bake.hcl", 'target "a" {\n  args = { V = "7" }\n}\n'),
        ("bake", "docker-bake.json", '{"target": {"a": {"args": {"V": "7"}}}}'),
        (
            "devcontainer",
            ".devcontainer.json",
            '{"build": {"dockerfile": "Dockerfile", "args": {"V": "7"}}}',
        ),
    ],
)
def test_a_build_argument_is_edited_where_it_is_given(name: str, path: str, text: str) -> None:
    texts = {path: text.encode(), "Dockerfile": DOCKERFILE}
    target = read(name, path, texts)
    assert str(target.reference) == "redis:7"
    for fix, new in ((pin(target, "7", NEW), f"7@{NEW}"), (bump(target, "8"), "8")):
        assert fix is not None
        assert (fix.path, fix.before) == (path, "7")
        after = apply(texts[path], [fix])
        assert after.decode() == text.replace("7", new)
        assert str(read(name, path, {**texts, path: after}).reference) == f"redis:{new}"


@pytest.mark.parametrize(
    ("args", "dockerfile"),
    [
        ("{V: &v '7'}, labels: [*v]", "ARG V=1\nFROM redis:$V\n"),
        ("{V: '7'}", "ARG V\nFROM redis:$V\nARG V=2\nRUN echo $V\n"),
    ],
)
def test_an_argument_that_is_more_than_a_tag_takes_no_digest(args: str, dockerfile: str) -> None:
    text = f"services: {{a: {{build: {{context: ., args: {args}}}}}}}\n"
    texts = {"compose.yaml": text.encode(), "Dockerfile": dockerfile.encode()}
    target = read("compose", "compose.yaml", texts)
    assert pin(target, "7", NEW) is None
    fix = bump(target, "8")
    assert fix is not None
    assert apply(texts["compose.yaml"], [fix]).decode() == text.replace("7", "8")


def test_arguments_that_two_images_are_made_of_are_not_edited() -> None:
    texts = {
        "compose.yaml": b"services: {a: {build: {context: ., args: {V: '7'}}}}\n",
        "Dockerfile": b"ARG V\nFROM redis:$V\nFROM node:$V\n",
    }
    target = read("compose", "compose.yaml", texts)
    assert pin(target, "7", NEW) is None
    assert bump(target, "8") is None


def test_what_two_builds_make_of_one_dockerfile_is_not_pinned_for_one() -> None:
    text = (
        "services:\n  a: {build: {context: ., args: {V: '7'}}}\n"
        "  b: {build: {context: ., args: {V: '8'}}}\n"
    )
    texts = {"compose.yaml": text, "Dockerfile": "ARG V\nFROM redis:$V-alpine\n"}
    source = source_named("compose")
    for target in extract(source, text, "compose.yaml", texts).targets:
        assert target.reference is not None
        assert pin(target, target.reference.tag, NEW) is None


@pytest.mark.parametrize(
    ("value", "reference"),
    [("3.10", "redis:3.1"), ("'3.10'", "redis:3.10"), ("20.0", "redis:20"), ("3.11", "redis:3.11")],
)
def test_a_number_without_quotes_is_what_compose_passes(value: str, reference: str) -> None:
    text = f"services: {{a: {{build: {{context: ., args: {{V: {value}}}}}}}}}\n"
    texts = {"compose.yaml": text.encode(), "Dockerfile": DOCKERFILE}
    assert str(read("compose", "compose.yaml", texts).reference) == reference


def test_a_plain_variable_is_quoted_where_it_would_become_a_number() -> None:
    text = "variables: {T: 7}\na: {image: redis:$T, script: [x]}\n"
    assert made("gitlab_ci", ".gitlab-ci.yml", text, "3.10", None) == [
        text.replace("T: 7", 'T: "3.10"')
    ]
    assert made("gitlab_ci", ".gitlab-ci.yml", text.replace("7", "3.10"), "4", None) == [None]
