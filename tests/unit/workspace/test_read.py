"""Files to targets: companions, limits, what cannot be read, and each place once."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from tagwatch.errors import InputError
from tagwatch.source.target import Extraction, is_replaced
from tagwatch.workspace.find import find, sources_from_globs
from tagwatch.workspace.read import MAX_FILE_BYTES, read_bytes, read_targets


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


def read(root: Path, *names: str, **environment: str) -> dict[str, Extraction]:
    files = find(names or ["."], root).files
    return dict(read_targets(files, root, environment, {}))


def references(extraction: Extraction) -> list[str]:
    return [
        f"{target.location.path} {target.reference or target.missing}"
        for target in extraction.targets
    ]


def test_companions_come_from_the_tree_only(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.env").write_text("TAG=stolen\n", encoding="utf-8")
    (tree / "compose.yaml").write_text(
        "include: [{path: a.yaml, env_file: ../secret.env}]\nservices: {b: {image: 'b:$TAG'}}\n",
        encoding="utf-8",
    )
    (tree / "a.yaml").write_text("services: {a: {image: 'a:${TAG}'}}\n", encoding="utf-8")
    (tree / ".env").symlink_to("../secret.env")
    extraction = read(tree, "compose.yaml")["compose.yaml"]
    assert references(extraction) == ["compose.yaml ('TAG',)", "a.yaml ('TAG',)"]
    assert any("'../secret.env' was not read" in p.message for p in extraction.problems)
    assert references(read(tree, "compose.yaml", TAG="1")["compose.yaml"]) == [
        "compose.yaml b:1",
        "a.yaml a:1",
    ]


def test_a_file_outside_the_root_reads_its_own_folder(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "compose.yaml").write_text("services: {a: {image: 'a:$T'}}\n", encoding="utf-8")
    (other / ".env").write_text("T=7\n", encoding="utf-8")
    name = str(other / "compose.yaml")
    assert references(read(tree, name)[name]) == [f"{name} a:7"]


def test_one_place_is_given_once(tree: Path) -> None:
    (tree / "compose.yaml").write_text("include: [x.yaml]\n", encoding="utf-8")
    (tree / "x.yaml").write_text(
        "services: {a: {image: redis:7}}\nservices: {}\n", encoding="utf-8"
    )
    result = read(tree)
    assert [len(result[name].problems) for name in ("compose.yaml", "x.yaml")] == [1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"FROM a\0b\n", "the file is binary"),
        (b"x" * (MAX_FILE_BYTES + 1), "tagwatch reads up to"),
        ("services: {}\n".encode("utf-16"), "UTF-16"),
        (b"services:\n  a: {image: \xff}\n", "not UTF-8"),
    ],
)
def test_unfit_files_are_problems(tree: Path, content: bytes, message: str) -> None:
    (tree / "compose.yaml").write_bytes(content)
    extraction = read(tree, "compose.yaml")["compose.yaml"]
    (problem,) = extraction.problems
    assert message in problem.message
    assert problem.hint
    assert problem.location.path == "compose.yaml"
    assert not problem.skipped


def test_a_named_file_that_nothing_reads_is_said(tree: Path) -> None:
    (tree / "notes.yaml").write_text("a: 1\n", encoding="utf-8")
    (problem,) = read(tree, "notes.yaml")["notes.yaml"].problems
    assert problem.skipped
    assert read(tree) == {}


@pytest.mark.parametrize(
    ("name", "text", "is_gap"),
    [
        ("compose.yaml", "{% if x %}\n", True),
        ("stack.yaml", "services:\n  a:\n    image: redis\n{% if x %}\n", True),
        ("stack.yaml", "services:\n  a:\n    build: ${X}\n{% if x %}\n", False),
    ],
)
def test_the_rest_of_a_template_is_a_gap_in_a_file_of_ours(
    tree: Path, name: str, text: str, is_gap: bool
) -> None:
    (tree / name).write_text(text, encoding="utf-8")
    for names in ((), (name,)):
        problems = read(tree, *names)[name].problems
        assert [one.skipped for one in problems if "template" in one.message] == [not is_gap]


def test_unreadable_and_special_files_raise(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError) as caught:
            read_bytes(path)
        assert "cannot be read" in caught.value.message


def test_endless_wants_end(tree: Path) -> None:
    lines = "".join(f"- inc{n}.yaml\n" for n in range(300))
    (tree / "compose.yaml").write_text(f"include:\n{lines}", encoding="utf-8")
    extraction = read(tree, "compose.yaml")["compose.yaml"]
    assert any("more than 256 other files" in problem.message for problem in extraction.problems)


def test_many_files_stay_small(tree: Path) -> None:
    text = "services:\n" + "".join(f"  s{n}: {{image: 'redis:{n}'}}\n" for n in range(40))
    for number in range(24):
        folder = tree / f"d{number:02}"
        folder.mkdir()
        (folder / "compose.yaml").write_text(text + f"# {'x' * 200_000}\n", encoding="utf-8")
    files = find(["."], tree).files

    def peak(count: int) -> int:
        tracemalloc.start()
        read = read_targets(files[:count], tree, {}, {})
        assert sum(len(extraction.targets) for _, extraction in read) == count * 40
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(1)  # what is imported once
    assert peak(24) - peak(4) < 20 * 100_000  # half of what the further files hold


def test_dockerfiles_alone_load_neither_yaml_nor_pathspec(tree: Path) -> None:
    (tree / "Dockerfile").write_text("FROM redis:7\n", encoding="utf-8")
    program = (
        "import sys; from pathlib import Path\n"
        "from tagwatch.workspace.find import find\n"
        "from tagwatch.workspace.read import read_targets\n"
        "found = find(['Dockerfile'], Path())\n"
        "(result,) = read_targets(found.files, Path(), {}, {})\n"
        "assert result[1].targets, result\n"
        "print(sorted({'yaml', 'pathspec', 'asyncio', 'tempfile', 'msgspec'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tree, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("prod.yaml", "web:\n  image:\n    repository: a/b\n    tag: v1\n", ["v1"]),
        ("prod.yaml", "image: a/b:v1\n", ["a/b:v1"]),
        ("prod.yaml", "x: {repository: 'a/b', tag: v1, pullPolicy: x}\n", ["v1"]),
        ("prod.yaml", "dependencies:\n- repository: https://charts.example\n", None),
        ("prod.yaml", "version: 2.1\norbs: {}\njobs:\n  a:\n    docker:\n    - image: a:1\n", None),
        ("Dockerfile.go", "package dockerfile\n", None),
        ("dockerfile.json.golden", '{"a": "FROM x"}\n', None),
        ("Dockerfile.dev", "# c\nFROM a:1\n", ["a:1"]),
        ("images.txt", "One:\n\nTwo: [two](http://localhost)\nredis\n", None),
    ],
)
def test_a_named_file_by_its_content(
    tree: Path, name: str, content: str, texts: list[str] | None
) -> None:
    (tree / name).write_text(content, encoding="utf-8")
    ((_, extraction),) = read_targets(find([name], tree).files, tree, {}, {})
    if texts is None:
        assert "no format" in extraction.problems[0].message
    else:
        assert [target.text for target in extraction.targets] == texts


def test_a_compose_json_of_another_tool_is_no_problem(tree: Path) -> None:
    (tree / "compose.json").write_text('{"name": "x"}', encoding="utf-8")
    ((_, extraction),) = read_targets(find(["compose.json"], tree).files, tree, {}, {})
    assert (extraction.targets, extraction.problems) == ((), ())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Dockerfile.go", "package dockerfile\n"),
        ("dockerfile.json.golden", '{"a": "FROM x"}\n'),
        ("images.txt", "One:\n\nTwo: [two](http://localhost)\n"),
        ("prod.yaml", "image: a/b:v1\n"),
        ("package.json", '{"features": {"ghcr.io/a/b:1": {}}, "target": {"a": {"tags": []}}}'),
        ("swagger.json", '{"apiVersion": {"type": "string"}, "kind": {"type": "string"}}'),
        (".circleci/config.yml", "version: 2.1\norbs: {node: circleci/node@5}\n"),
    ],
)
def test_a_walked_file_of_another_tool_is_passed_over(tree: Path, name: str, content: str) -> None:
    write(tree, {name: content})
    assert list(read_targets(find(["."], tree).files, tree, {}, {})) == []


@pytest.mark.parametrize(
    ("name", "content", "tool"),
    [
        ("bitbucket-pipelines.yml", "image: a:1\npipelines: {}\n", "Bitbucket"),
        (".circleci/config.yml", "jobs:\n  a:\n    docker:\n      - image: b:1\n", "CircleCI"),
        ("ci/azure-pipelines-pr.yml", "jobs:\n- container: a:1\n", "Azure Pipelines"),
        ("src/cloudbuild.yaml", "steps:\n  - name: gcr.io/a/b:1\n", "Google Cloud Build"),
        (".prow.yaml", "presubmits:\n- spec:\n    containers:\n    - image: a:1\n", "Prow"),
    ],
)
def test_a_pipeline_that_nothing_reads_is_told(
    tree: Path, name: str, content: str, tool: str
) -> None:
    """The images of a CircleCI pipeline were neither found nor missed: a check said nothing."""
    write(tree, {name: content})
    ((path, extraction),) = read_targets(find(["."], tree).files, tree, {}, {})
    (problem,) = extraction.problems
    assert (path, problem.skipped, extraction.targets) == (name, True, ())
    assert problem.message == f"a pipeline of {tool} names images, and is not read"


def test_no_pattern_makes_our_own_files_a_charts_values(tree: Path) -> None:
    """`sources: ["**/*.yaml"]` found images in the watch list, and a fix would have edited that."""
    files = {
        "tagwatch.yaml": "watch:\n  - {image: redis, tags: ['7']}\n  - image: a/b:1\n",
        "rules/org.yaml": "# Ours.\nversion: 1  # of the form\nignores:\n  - image: redis:5\n",
        "env/prod.yaml": "image: a/b:1\nrules: []\n",
    }
    write(tree, files)
    every = sources_from_globs(["**/*.yaml"], tree).files
    assert [file.path for file in every] == ["env/prod.yaml", "rules/org.yaml", "tagwatch.yaml"]
    read_of = dict(read_targets(every, tree, {}, {}))
    assert [one for part in read_of.values() for one in references(part)] == ["env/prod.yaml a/b:1"]


def test_a_walk_finds_json_by_its_name_or_as_a_manifest(tree: Path) -> None:
    pod = '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a:1"}]}}'
    (tree / "pod.json").write_text(pod, encoding="utf-8")
    (tree / "devcontainer.json").write_text('{"image": "b:1"}', encoding="utf-8")
    (tree / "other.json").write_text('{"image": "c:1", "remoteUser": "x"}', encoding="utf-8")
    (tree / "large.json").write_text(f'{{"a": "{"x" * MAX_FILE_BYTES}"}}', encoding="utf-8")
    told = read(tree)
    assert sorted(one for part in told.values() for one in references(part)) == [
        "devcontainer.json b:1",
        "pod.json a:1",
    ]
    named = read(tree, "other.json")
    assert references(named["other.json"]) == ["other.json c:1"]


def test_a_large_file_of_nobody_is_passed_over_in_a_walk(tree: Path) -> None:
    filler = "a: b\n" * (MAX_FILE_BYTES // 5 + 1)
    (tree / "pnpm-lock.yaml").write_text(filler, encoding="utf-8")
    (tree / "data.yaml").write_bytes(b"\0\1")
    (tree / "compose.yaml").write_text(filler, encoding="utf-8")
    (tree / "pod.yaml").write_text(f"apiVersion: v1\nkind: Pod\n{filler}", encoding="utf-8")
    told = read(tree)
    assert set(told) == {"compose.yaml", "pod.yaml"}
    assert all("bytes" in one.problems[0].message for one in told.values())
    assert read(tree, "pnpm-lock.yaml")["pnpm-lock.yaml"].problems


def write(tree: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")


def named(tree: Path, *names: str) -> list[str]:
    """What the files name that is pulled, without the words of each file."""
    return told(tree, *names)[0]


def told(tree: Path, *names: str) -> tuple[list[str], list[str]]:
    """What is pulled, and what has something else in its place."""
    pulled: list[str] = []
    stood_in: list[str] = []
    for extraction in read(tree, *names).values():
        for one, line in zip(extraction.targets, references(extraction), strict=True):
            (stood_in if is_replaced(one) else pulled).append(line)
    return sorted(pulled), sorted(stood_in)


BAKED = {
    "docker-bake.hcl": """\
target "x" {
  dockerfile = "app/Dockerfile"
  contexts = { binary_dir = "out" }
  args = { V = "7" }
}
""",
    "app/Dockerfile": """\
ARG V
FROM redis:${V}
COPY --from=binary_dir /a /a
COPY --from=nginx /a /a
""",
}


@pytest.mark.parametrize("names", [(), ("app/Dockerfile",), ("app",)])
def test_a_named_context_is_no_image(tree: Path, names: tuple[str, ...]) -> None:
    """Also of a Dockerfile that is named alone, as a hook does."""
    write(tree, BAKED)
    assert named(tree, *names) == ["app/Dockerfile nginx", "app/Dockerfile redis:7"]


@pytest.mark.parametrize("names", [(), ("app/Dockerfile",)])
def test_a_context_of_compose_is_no_image(tree: Path, names: tuple[str, ...]) -> None:
    build = "{context: app, additional_contexts: {certs: ./certs}}"
    write(
        tree,
        {
            "compose.yaml": f"services: {{a: {{build: {build}}}}}\n",
            "app/Dockerfile": "FROM redis:7\nRUN --mount=from=certs,target=/c x\n",
        },
    )
    assert named(tree, *names) == ["app/Dockerfile redis:7"]


PIPELINE = {
    ".gitlab-ci.yml": "include: [{local: .gitlab/ci/qa.yml}]\nvariables: {IMG: 'redis:7'}\n",
    ".gitlab/ci/qa.yml": """\
a: {stage: x, image: $IMG, script: [a]}
b:
  stage: x
  image: $OTHER
  script: [a]
""",
}


@pytest.mark.parametrize("names", [(), (".gitlab/ci/qa.yml",), (".gitlab",)])
def test_a_part_of_a_pipeline_is_read_as_the_whole_has_it(
    tree: Path, names: tuple[str, ...]
) -> None:
    write(tree, PIPELINE)
    assert named(tree, *names) == [".gitlab/ci/qa.yml ('OTHER',)", ".gitlab/ci/qa.yml redis:7"]


@pytest.mark.parametrize(
    ("part", "named_there"),
    [
        ("lint: {script: [x]}\n", []),
        (".base:\n  image: $IMG\n", ["ci/a.yml redis:7"]),  # looks like Compose's first layout
    ],
)
def test_a_part_of_a_pipeline_is_known_by_who_includes_it(
    tree: Path, part: str, named_there: list[str]
) -> None:
    """A hook names it alone, and nothing else says what it is."""
    main = "include: [{local: ci/a.yml}]\nvariables: {IMG: 'redis:7'}\n"
    write(tree, {".gitlab-ci.yml": main, "ci/a.yml": part, "ci/b.yml": "x: {script: [x]}\n"})
    for names in (("ci/a.yml",), (".",)):
        assert named(tree, *names) == named_there
        assert not any(one.problems for one in read(tree, *names).values())
    assert read(tree, "ci/b.yml")["ci/b.yml"].problems


def test_another_folders_pipeline_says_nothing(tree: Path) -> None:
    write(tree, {**PIPELINE, "sub/qa.gitlab-ci.yml": "a: {image: $IMG}\n"})
    assert named(tree, "sub/qa.gitlab-ci.yml") == ["sub/qa.gitlab-ci.yml ('IMG',)"]


SKAFFOLD = """\
apiVersion: skaffold/v3
kind: Config
build: {artifacts: [{image: cart}, {image: gcr.io/p/app}]}
profiles: [{name: p, build: {artifacts: [{image: extra}]}}]
"""


@pytest.mark.parametrize("names", [(), ("k8s/pod.yaml",)])
def test_what_skaffold_builds_is_no_image(tree: Path, names: tuple[str, ...]) -> None:
    images = ("cart", "gcr.io/p/app:v1", "extra", "redis", "carts:1")
    containers = ", ".join(f"{{image: '{one}'}}" for one in images)
    pod = f"apiVersion: v1\nkind: Pod\nspec: {{containers: [{containers}]}}\n"
    write(tree, {"skaffold.yaml": SKAFFOLD, "k8s/pod.yaml": pod})
    assert named(tree, *names) == ["k8s/pod.yaml carts:1", "k8s/pod.yaml redis"]


def test_what_skaffold_builds_elsewhere_says_nothing(tree: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: cart}]}\n"
    write(tree, {"other/skaffold.yaml": SKAFFOLD, "k8s/pod.yaml": pod})
    assert named(tree) == ["k8s/pod.yaml cart"]


@pytest.mark.parametrize("names", [(), ("cron/Dockerfile",)])
@pytest.mark.parametrize("name", ["FROM app", "ARG B\nFROM $B"])
def test_what_compose_builds_is_no_image(tree: Path, names: tuple[str, ...], name: str) -> None:
    write(
        tree,
        {
            "compose.yaml": """\
services:
  app: {image: app, build: .}
  cron: {build: {context: cron, args: {B: app}}}
""",
            "Dockerfile": "FROM redis:7\n",
            "cron/Dockerfile": f"{name}\nCOPY --from=nginx /a /a\n",
        },
    )
    dockerfiles = [one for one in named(tree, *names) if "Dockerfile" in one]
    expected = ["cron/Dockerfile nginx"] + ([] if names else ["Dockerfile redis:7"])
    assert sorted(dockerfiles) == sorted(expected)


MANAGER = """\
apiVersion: v1
kind: Pod
spec: {containers: [{image: q.io/o/app}, {image: "controller:latest"}, {image: redis}]}
"""
TAGS = """\
resources: [pod.yaml]
images: [{name: q.io/o/app, newTag: v1}, {name: controller, newName: q.io/c, newTag: v2}]
"""
OVERLAY = TAGS.replace("pod.yaml", "../../base")
BASE = "resources: [pod.yaml]\n"


@pytest.mark.parametrize("names", [(), ("base/pod.yaml",)])
def test_a_name_that_kustomize_gives_a_tag_is_told_there(
    tree: Path, names: tuple[str, ...]
) -> None:
    write(tree, {"base/pod.yaml": MANAGER, "base/kustomization.yaml": TAGS})
    found = [one for one in named(tree, *names) if "pod" in one]
    assert found == ["base/pod.yaml redis"]


def test_an_overlay_may_stand_anywhere(tree: Path) -> None:
    write(
        tree,
        {
            "base/pod.yaml": MANAGER,
            "base/kustomization.yaml": BASE,
            "overlays/prod/kustomization.yaml": OVERLAY,
        },
    )
    assert named(tree) == [
        "base/pod.yaml redis",
        "overlays/prod/kustomization.yaml q.io/c:v2",
        "overlays/prod/kustomization.yaml q.io/o/app:v1",
    ]


def test_an_overlay_hides_no_tag(tree: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'q.io/o/app:v0'}]}\n"
    write(tree, {"base/pod.yaml": pod, "base/kustomization.yaml": TAGS})
    assert "base/pod.yaml q.io/o/app:v0" in named(tree)


@pytest.mark.parametrize(
    "files",
    [
        {"over/kustomization.yaml": TAGS, "over/pod.yaml": MANAGER},
        {"over/kustomization.yaml": TAGS.replace("pod.yaml", "https://x.example/base/pod.yaml")},
        # one of two deploys the names as they stand
        {
            "base/kustomization.yaml": BASE,
            "dev/kustomization.yaml": "resources: [../base]\n",
            "prod/kustomization.yaml": OVERLAY.replace("../../", "../"),
        },
    ],
)
def test_only_kustomizations_that_all_deploy_a_manifest_tag_it(
    tree: Path, files: dict[str, str]
) -> None:
    write(tree, {"base/pod.yaml": MANAGER, **files})
    assert "base/pod.yaml controller:latest" in named(tree)
    assert "base/pod.yaml controller:latest" in named(tree, "base/pod.yaml")


def test_a_component_tags_what_its_users_deploy(tree: Path) -> None:
    write(
        tree,
        {
            "pod.yaml": MANAGER,
            "kustomization.yaml": "resources: [pod.yaml]\ncomponents: [tags]\n",
            "tags/kustomization.yaml": TAGS.replace("resources: [pod.yaml]\n", ""),
        },
    )
    for names in ((), ("pod.yaml",)):
        assert told(tree, *names)[1] == ["pod.yaml controller:latest", "pod.yaml q.io/o/app"]


def test_a_kustomization_says_nothing_of_a_charts_values(tree: Path) -> None:
    tags = "resources: [values.yaml]\nimages: [{name: redis, newTag: '7'}]\n"
    write(tree, {"kustomization.yaml": tags, "values.yaml": "image: redis:latest\n"})
    assert "values.yaml redis:latest" in named(tree)


@pytest.mark.parametrize(
    "files",
    [
        {  # what a service is built from
            "compose.yaml": "services: {web: {build: ., image: nginx}}\n",
            "Dockerfile": "FROM nginx\n",
        },
        {  # another tag
            "compose.yaml": """\
services:
  db: {build: ./db, image: "nginx:15"}
  web: {build: .}
""",
            "db/Dockerfile": "FROM redis:7\n",
            "Dockerfile": "FROM nginx\n",
        },
        {  # a Dockerfile that is not there, beside one that nobody builds
            "compose.yaml": "services: {cache: {build: ./cache, image: nginx}, w: {build: .}}\n",
            "Dockerfile": "FROM nginx\n",
        },
        {
            "compose.yaml": "services: {cache: {build: ./cache, image: nginx}}\n",
            "cache/Dockerfile": "FROM redis:7\n",
            "Dockerfile": "FROM nginx\n",
        },
        {  # a context of another target
            "docker-bake.hcl": """\
target "x" {
  context = "."
  contexts = { "nginx" = "./ctx" }
}
target "y" { context = "." }
""",
            "Dockerfile": "FROM nginx\n",
        },
        {  # of another service
            "compose.yaml": """\
services:
  x: {build: {context: ., additional_contexts: {nginx: ./x}}}
  y: {build: .}
""",
            "Dockerfile": "FROM nginx\n",
        },
    ],
)
def test_what_one_build_pulls_is_pulled(tree: Path, files: dict[str, str]) -> None:
    write(tree, files)
    assert "Dockerfile nginx" in named(tree)
    assert "Dockerfile nginx" in named(tree, "Dockerfile")


def test_a_context_that_is_called_like_an_image_is_no_words_on_the_file_alone(tree: Path) -> None:
    write(
        tree,
        {
            "compose.yaml": """\
services: {x: {build: {context: ., additional_contexts: {"nginx:1.9": ./x}}}}
""",
            "Dockerfile": "FROM nginx:1.9\n",
        },
    )
    for names in ((), ("Dockerfile",)):
        assert named(tree, *names) == ["Dockerfile nginx:1.9"]


def test_what_is_replaced_is_kept_to_be_counted(tree: Path) -> None:
    write(tree, BAKED)
    for names in ((), ("app/Dockerfile",)):
        assert told(tree, *names)[1] == ["app/Dockerfile binary_dir"]


def test_skaffold_leaves_an_image_by_digest(tree: Path) -> None:
    by_digest = f"cart:1@sha256:{'a' * 64}"
    pod = f"apiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: '{by_digest}'}}]}}\n"
    write(tree, {"skaffold.yaml": SKAFFOLD, "pod.yaml": pod})
    for names in ((), ("pod.yaml",)):
        assert named(tree, *names) == [f"pod.yaml {by_digest}"]
