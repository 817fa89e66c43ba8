"""HCL expressions: every answer is what `buildx bake --print` gives for the same text (2026-08)."""

from __future__ import annotations

import pytest

from tagwatch.source.bake.file import BakeFile
from tagwatch.source.hcl.function import text_of
from tagwatch.source.hcl.nodes import load_hcl
from tagwatch.source.hcl.value import UnknownValueError
from tagwatch.source.text.node import Mapping

FILE = """\
variable "L" { default = ["a", "b"] }
variable "M" { default = { k = "v" } }
variable "LO" { default = [{ n = "1" }, { n = "2" }] }
variable "N" { default = 3 }
variable "B" { default = true }
variable "S" { default = "" }
variable "D" { default = "d${N}" }
function "F" {
  params = [x]
  result = "${x}-${N}"
}
function "G" {
  params = [x]
  variadic_params = r
  result = "${x}:${join("+", r)}"
}
target "t" { args = { A = %s } }
"""
NULL = "<null>"
ANSWERS = [
    ("absolute(-3)", "3"),
    ("add(1,2.5)", "3.5"),
    ("and(true,false)", "false"),
    ('base64encode("ab")', "YWI="),
    ('base64decode("YWI=")', "ab"),
    ('basename("a/b.c")', "b.c"),
    ("ceil(1.2)", "2"),
    ('chomp("a\\n\\n")', "a"),
    ('coalesce(null,"x")', "x"),
    ('join(",",compact(["a","","b"]))', "a,b"),
    ('join(",",concat(["a"],["b","c"]))', "a,b,c"),
    ('contains(["a","b"],"b")', "true"),
    ('contains(["a"],"b")', "false"),
    ('dirname("a/b/c")', "a/b"),
    ('dirname("c")', "."),
    ('join(",",distinct(["a","b","a"]))', "a,b"),
    ("divide(7,2)", "3.5"),
    ("7/2", "3.5"),
    ('element(["a","b","c"],4)', "b"),
    ('equal("a","a")', "true"),
    ('equal(1,"1")', "false"),
    ('1 == "1"', "false"),
    ("null == null", "true"),
    ('"a" == null', "false"),
    ('join(",",flatten([["a"],["b",["c"]]]))', "a,b,c"),
    ("floor(-1.5)", "-2"),
    (
        'format("%s-%d-%v-%q-%5.2f-%03d-%x-%%","a",3,"z","q",1.239,7,255)',
        'a-3-z-"q"- 1.24-007-ff-%',
    ),
    ('format("%5s|%-5s|","a","b")', "    a|b    |"),
    ('format("%t",true)', "true"),
    ('format("%v",1.5)', "1.5"),
    ("greaterthan(2,1)", "true"),
    ("2>=2", "true"),
    ("1<2", "true"),
    ('hasindex(["a"],0)', "true"),
    ('index(["a","b"],1)', "b"),
    ('indexof(["a","b"],"b")', "1"),
    ("int(3.9)", "3"),
    ("int(-3.9)", "-3"),
    ('join("-",["a"],["b"])', "a-b"),
    ('jsondecode("{\\"a\\":1}").a', "1"),
    ('join(",",keys({b=1,a=2}))', "a,b"),
    ("length([1,2])", "2"),
    ('lookup({a="x"},"a","d")', "x"),
    ('lookup({a="x"},"z","d")', "d"),
    ('lower("ABC")', "abc"),
    ("max(1,3,2)", "3"),
    ('md5("a")', "0cc175b9c0f1b6a831c399e269772661"),
    ('merge({a="1"},{a="2"}).a', "2"),
    ("min(3,1)", "1"),
    ("modulo(7,3)", "1"),
    ("-7 % 3", "-1"),
    ("7 % -3", "1"),
    ("multiply(2,3)", "6"),
    ("negate(2)", "-2"),
    ("not(true)", "false"),
    ("notequal(1,2)", "true"),
    ("or(false,true)", "true"),
    ('parseint("ff",16)', "255"),
    ('join(",",range(3))', "0,1,2"),
    ('join(",",range(1,4))', "1,2,3"),
    ('join(",",range(4,1))', "4,3,2"),
    ('join(",",range(1,10,3))', "1,4,7"),
    ('replace("a.b.c",".","-")', "a-b-c"),
    ('replace("aXb","/X/","-")', "aXb"),
    ('reverse("abc")', "cba"),
    ('join(",",reverselist(["a","b"]))', "b,a"),
    ('sanitize("a/b.c:d")', "a_b_c_d"),
    ('sanitize("a-b_c")', "a-b_c"),
    ('sha1("a")', "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ('sha256("a")', "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    ('join(",",slice(["a","b","c"],1,2))', "b"),
    ('join(",",sort(["b","a"]))', "a,b"),
    ('join(",",split(",","a,b"))', "a,b"),
    ('join("|",split("","abc"))', "a|b|c"),
    ('strlen("äb")', "2"),
    ('substr("hello",1,3)', "ell"),
    ('substr("hello",-3,2)', "ll"),
    ('substr("hello",2,-1)', "llo"),
    ("subtract(3,1)", "2"),
    ('title("hello world-foo")', "Hello World-Foo"),
    ('trim("xxaxx","x")', "a"),
    ('trimprefix("v1.2","v")', "1.2"),
    ('trimsuffix("a.git",".git")', "a"),
    ('trimspace("  a ")', "a"),
    ('upper("a")', "A"),
    ('join(",",values({b="1",a="2"}))', "2,1"),
    ('zipmap(["a","b"],["1","2"]).b', "2"),
    ('try(L[9],"d")', "d"),
    ("can(L[9])", "false"),
    ("can(L[0])", "true"),
    ("L[0]", "a"),
    ("L.0", "a"),
    ("M.k", "v"),
    ('M["k"]', "v"),
    ("[for x in L : upper(x)][0]", "A"),
    ('join(",",[for k,v in M : "${k}=${v}"])', "k=v"),
    ('join(",",[for i,x in L : "${i}${x}"])', "0a,1b"),
    ("{for k,v in M : v => k}.v", "k"),
    ('{for k,v in M : upper(k) => v if k == "k"}["K"]', "v"),
    ("LO.*.n[1]", "2"),
    ('join(",",LO[*].n)', "1,2"),
    ('true ? "a" : "b"', "a"),
    ('B ? "y" : "n"', "y"),
    ('N == 3 ? "three" : "other"', "three"),
    ('"${N}"', "3"),
    ('"x${N+1}"', "x4"),
    ("N*2+1", "7"),
    ("(N+1)*2", "8"),
    ("-N", "-3"),
    ("!B", "false"),
    ("B && true", "true"),
    ("false || B", "true"),
    ('"a${"b${"c"}"}"', "abc"),
    ('"\\u0041\\t"', "A\t"),
    ("1.0", "1"),
    ("1.50", "1.5"),
    ("1e3", "1000"),
    ("100000000000", "100000000000"),
    ("0.1+0.2", "0.3"),
    ("1000000*1000000", "1000000000000"),
    ('S == "" ? "empty" : S', "empty"),
    ('S != "" ? S : "d"', "d"),
    ("null", NULL),
    ('"${null}"', NULL),
    ("D", "d3"),
    ('"${D}"', "d3"),
    ('F("a")', "a-3"),
    ('G("a","b","c")', "a:b+c"),
    ('length(setproduct(["a","b"],["x","y"]))', "4"),
    ("signum(-3)", "-1"),
    ('"12345678901234567890" + 1', "12345678901234567891"),
    ('"-1.5e1" + 1', "-14"),
    ("[true] == [1]", "false"),
    ('jsondecode("{\\"a\\":[1.0]}") == {a=[1]}', "true"),
    ('length(distinct([1, true, "1", 1.0, [1], [true]]))', "5"),
    ('["a","b"][1]', "b"),
    ('{a="1","b"=2,(S)=3}.b', "2"),
    ('lookup(M,"k","z")', "v"),
    ('and(B,"true")', "true"),
    ('"1"+1', "2"),
    ('!"true"', "false"),
    ('add("1",2)', "3"),
]
UNKNOWN = [
    "timestamp()",
    'regex("[0-9]+", "a1")',
    "1 / 3",
    "1 / 0",
    "L[9]",
    "M.z",
    "NOBODY",
    'upper("a", "b")',
    "upper(null)",
    '"a${null}"',
    '"%{ if B }y%{ endif }"',
    '"1_0" + 1',
    '"nan" + 1',
    "length([for x in concat([for i in range(5) : range(1000)]...) : x])",
    "N ? 1 : 2",
]


def evaluated(expression: str) -> str:
    document = load_hcl((FILE % expression).encode(), "docker-bake.hcl")
    assert not document.problems
    file = BakeFile(document, {})
    arguments = file.targets["t"].node.get("args")
    assert isinstance(arguments, Mapping)
    value = file.plain(arguments.entries["A"], {})
    return NULL if value is None else text_of(value)


@pytest.mark.parametrize(("expression", "answer"), ANSWERS, ids=[one for one, _ in ANSWERS])
def test_what_buildx_makes_of_it(expression: str, answer: str) -> None:
    assert evaluated(expression) == answer


@pytest.mark.parametrize("expression", UNKNOWN)
def test_what_cannot_be_told_is_not_known(expression: str) -> None:
    with pytest.raises(UnknownValueError):
        evaluated(expression)
