"""Shell words as BuildKit reads them: quotes, escapes and every `${…}` form.

After the rules of BuildKit's `frontend/dockerfile/shell` (lex.go, envVarTest, wordsTest), which
are nearly, not quite, those of POSIX: XCU 2.2 (quoting), 2.6.2 (parameter expansion), 2.13
(patterns, without brackets).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tagwatch.errors import InputError
from tagwatch.source.text.source_text import Piece, missing_in, text_of

__all__ = ["SPACES", "UnsetVariableError", "Variables", "expand", "split_words"]

SPACES = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
SPACES += "\u2028\u2029\u202f\u205f\u3000"
"""What Go calls space (unicode.IsSpace), which is not what Python calls space."""

_MAX_LENGTH = 1 << 16
_MAX_DEPTH = 64
_MAX_PIECES = 64  # places are for references, which have a handful
_SPECIAL_PARAMETERS = frozenset("@*#?-$!0")

Variables = Callable[[str], "Sequence[Piece] | None"]
"""The value of a variable by name, None where it is unset."""


class UnsetVariableError(InputError):
    """A `${V?…}` or `${V:?…}` whose variable is not known: `name`."""

    def __init__(self, name: str, word: str) -> None:
        reason = word or "is not allowed to be unset or empty"
        super().__init__(f"{name!r}: {reason}", hint=f"give {name!r} a value")
        self.name = name


def expand(
    word: str, variables: Variables, *, escape: str = "\\", start: int = -1
) -> tuple[Piece, ...]:
    """What `word` becomes when quotes are removed and variables are put in.

    `start` is where the word stands in the file's text, -1 where it does not stand there in one
    piece. An unset variable without a default gives an empty piece that names it as missing.
    Raises `InputError` for a syntax error and for a result beyond 64 KiB.

    >>> text_of(expand("redis:${V:-7}", lambda name: None))
    'redis:7'
    """
    if not ("$" in word or '"' in word or "'" in word or escape in word):
        return (Piece(word, start),)
    lexer = _Lexer(word, variables, escape, start=start)
    pieces = tuple(piece for piece, _ in lexer.until(""))
    if len(pieces) > _MAX_PIECES:
        return (Piece(text_of(pieces), missing=missing_in(pieces)),)
    return pieces or (Piece("", start),)


def split_words(
    text: str,
    variables: Variables,
    *,
    escape: str = "\\",
    raw: bool = False,
    keep_unset: bool = False,
) -> list[str]:
    """The words of `text`, split at spaces that are neither quoted nor escaped.

    `raw` keeps quotes and escapes, `keep_unset` leaves an unset variable as written.
    Raises `InputError` for a syntax error.
    """
    lexer = _Lexer(text, variables, escape, raw=raw, keep_unset=keep_unset)
    words: list[str] = []
    word, inside = "", False
    for piece, splits in lexer.until(""):
        for part in piece.text if splits else (piece.text,):
            if not splits or part not in SPACES:
                word, inside = word + part, True
            elif inside and word:
                words.append(word)
                word, inside = "", False
    return [*words, word] if word else words


class _Lexer:
    """One pass over one word. Positions in the word stay known as long as nothing is removed."""

    def __init__(
        self,
        word: str,
        variables: Variables,
        escape: str,
        *,
        start: int = -1,
        raw: bool = False,
        keep_unset: bool = False,
    ) -> None:
        self.word = word
        self.variables = variables
        self.escape = escape
        self.start = start
        self.raw_quotes = raw
        self.raw_escapes = raw
        self.keep_unset = keep_unset
        self.position = 0
        self.depth = 0

    def until(self, stop: str) -> list[tuple[Piece, bool]]:
        """The pieces up to `stop`, which is eaten, and whether spaces in them separate words.

        The empty string stops at the end.
        """
        tokens: list[tuple[Piece, bool]] = []
        word = self.word
        while self.position < len(word):
            char = word[self.position]
            if char == stop:
                self.position += 1
                return self.checked(tokens)
            if char == "$":
                tokens += ((piece, True) for piece in self.dollar())
            elif char in "'\"":
                tokens += ((piece, False) for piece in self.quoted(char))
            elif char == "<" and word.startswith("<<", self.position):
                begin = self.position
                rest = word[begin + 2 :]
                self.position += 2 + len(rest) - len(rest.lstrip("\t\r "))
                tokens.append((self.verbatim(begin, self.position), False))
            elif char == self.escape:
                tokens += ((piece, False) for piece in self.escaped())
            else:
                begin = self.position
                self.position = self.plain_end(begin, stop)
                tokens.append((self.verbatim(begin, self.position), True))
        if stop:
            raise _error(f"missing {stop!r}", word)
        return self.checked(tokens)

    def checked(self, tokens: list[tuple[Piece, bool]]) -> list[tuple[Piece, bool]]:
        """The tokens, refused where variables made them too long to be joined."""
        if not self.keep_unset and sum(len(piece.text) for piece, _ in tokens) > _MAX_LENGTH:
            raise InputError(
                f"a value is longer than {_MAX_LENGTH} characters", hint="shorten the variables"
            )
        return tokens

    def plain_end(self, position: int, stop: str) -> int:
        word, position = self.word, position + 1
        special = f"$'\"<{self.escape}{stop}"
        while position < len(word) and word[position] not in special:
            position += 1
        return position

    def verbatim(self, begin: int, end: int) -> Piece:
        return Piece(self.word[begin:end], self.start + begin if self.start >= 0 else -1)

    def escaped(self) -> Iterator[Piece]:
        """An escape and what it escapes; at the word's end it is dropped."""
        if self.raw_escapes:
            yield self.verbatim(self.position, self.position + 1)
        self.position += 1
        if self.position < len(self.word):
            yield self.verbatim(self.position, self.position + 1)
            self.position += 1

    def quoted(self, quote: str) -> list[Piece]:
        """What stands in quotes: all as it is, save `$` and some escapes in double ones."""
        word = self.word
        pieces = [Piece(quote)] if self.raw_quotes else []
        special = "'" if quote == "'" else f'"${self.escape}'
        self.position += 1
        while True:
            begin = self.position
            while self.position < len(word) and word[self.position] not in special:
                self.position += 1
            if self.position > begin:
                pieces.append(self.verbatim(begin, self.position))
            if self.position == len(word):
                kind = "single" if quote == "'" else "double"
                raise _error(f"no matching {kind} quote", word)
            char = word[self.position]
            if char == quote:
                self.position += 1
                return [*pieces, Piece(quote)] if self.raw_quotes else pieces
            pieces += self.dollar() if char == "$" else self.escaped_in_quotes()

    def escaped_in_quotes(self) -> list[Piece]:
        """In double quotes an escape escapes only `"`, `$` and itself, and is else itself."""
        begin = self.position
        self.position += 1
        follower = self.word[self.position : self.position + 1]
        escapes = follower and follower in f'"${self.escape}'
        if escapes:
            self.position += 1
        if not self.raw_escapes:
            return [self.verbatim(begin + bool(escapes), self.position)] if follower else []
        if escapes or not follower:
            return [self.verbatim(begin, self.position)]
        return [Piece(self.escape * 2)]  # BuildKit keeps it twice here

    def dollar(self) -> Sequence[Piece]:
        """`$name` or `${…}`."""
        begin = self.position
        self.position += 1
        if self.word[self.position : self.position + 1] != "{":
            name = self.name()
            return self.value(name, begin) if name else [self.verbatim(begin, begin + 1)]
        self.position += 1
        if self.word[self.position : self.position + 1] in ("", "{", "}", ":"):
            raise _error("bad substitution", self.word)
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _error("substitutions are nested too deeply", self.word)
        pieces = self.braced(begin)
        self.depth -= 1
        return pieces

    def braced(self, begin: int) -> Sequence[Piece]:
        name = self.name()
        operator = self.next()
        if operator == "}":
            return self.value(name, begin)
        if operator == "/":
            return self.replaced(name, begin)
        colon = operator == ":"
        if colon:
            operator = self.next()
        if operator not in ("+", "-", "?", "#", "%") or (colon and operator in "#%"):
            raise _error(f"unsupported modifier ({':' * colon}{operator})", self.word)
        argument = self.argument("}", raw_escapes=operator in "#%")
        value = self.variables(name)
        if value is None and self.keep_unset:
            return [self.verbatim(begin, self.position)]
        given = None if colon and value is not None and not text_of(value) else value
        match operator:
            case "-":
                return argument if given is None else given
            case "+":
                return () if given is None else argument
            case "?":
                if given is None:
                    raise UnsetVariableError(name, text_of(argument))
                return given
            case _:
                return self.trimmed(name, operator, argument)

    def trimmed(self, name: str, operator: str, argument: Sequence[Piece]) -> Sequence[Piece]:
        value = self.known(name)
        pattern = text_of(argument)
        longest = pattern.startswith(operator)
        from tagwatch.source.buildkit.pattern import trim_prefix, trim_suffix  # few files have it

        trim = trim_prefix if operator == "#" else trim_suffix
        text = trim(text_of(value), pattern[longest:], longest=longest)
        return [Piece(text, missing=missing_in([*value, *argument]))]

    def replaced(self, name: str, begin: int) -> Sequence[Piece]:
        every = self.word.startswith("/", self.position)
        self.position += every
        pattern = self.argument("/", raw_escapes=True)
        replacement = self.argument("}", raw_escapes=True)
        if self.keep_unset and self.variables(name) is None:
            return [self.verbatim(begin, self.position)]
        value = self.known(name)
        from tagwatch.source.buildkit.pattern import replace_pattern

        text = replace_pattern(text_of(value), text_of(pattern), text_of(replacement), every=every)
        return [Piece(text, missing=missing_in([*value, *pattern, *replacement]))]

    def argument(self, stop: str, *, raw_escapes: bool) -> list[Piece]:
        outer, self.raw_escapes = self.raw_escapes, raw_escapes
        pieces = [piece for piece, _ in self.until(stop)]
        self.raw_escapes = outer
        return pieces

    def value(self, name: str, begin: int) -> Sequence[Piece]:
        if self.keep_unset and self.variables(name) is None:
            return [self.verbatim(begin, self.position)]
        return self.known(name)

    def known(self, name: str) -> Sequence[Piece]:
        value = self.variables(name)
        if value is None:  # a special parameter has no value in a build, and cannot be given one
            return (Piece("", missing=() if name in _SPECIAL_PARAMETERS else (name,)),)
        return value

    def next(self) -> str:
        if self.position >= len(self.word):
            raise _error("missing '}'", self.word)
        self.position += 1
        return self.word[self.position - 1]

    def name(self) -> str:
        """A variable's name at this place, "" where none stands; digits alone are one name."""
        word, begin = self.word, self.position
        first = word[begin : begin + 1]
        if first.isdecimal():
            accepts: Callable[[str], bool] = str.isdecimal
        elif first in _SPECIAL_PARAMETERS and first:
            self.position += 1
            return first
        else:
            accepts = _is_name_char
        while self.position < len(word) and accepts(word[self.position]):
            self.position += 1
        return word[begin : self.position]


def _is_name_char(char: str) -> bool:
    return char == "_" or char.isalpha() or char.isdecimal()


def _error(reason: str, word: str) -> InputError:
    return InputError(f"{reason} in {word[:120]!r}", hint="quote it, or complete the substitution")
