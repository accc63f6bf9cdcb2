"""What the model says: a function of the prompt, truthful, lying or broken."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One request for a completion, whichever route it came by."""

    model: str
    messages: tuple[tuple[str, str], ...]  # role, content
    schema: JsonObject | None = None
    options: JsonObject = field(default_factory=dict)
    tools: tuple[JsonObject, ...] = ()
    stream: bool = True

    @property
    def text(self) -> str:
        """Everything the model was told, one message after the other."""
        return "\n".join(content for _, content in self.messages)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers in the prompt, as they are written."""
        return tuple(re.findall(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?", self.text))


@dataclass(frozen=True, slots=True)
class Failure:
    """Answer an error status, as Ollama words it."""

    status: int = 500
    message: str = "the model failed to generate a response"


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer; the client has to give up, or the test calls `release`."""


@dataclass(frozen=True, slots=True)
class Late:
    """Answer after so many seconds."""

    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Answer 200 with a body that is no JSON."""

    body: str = '{"model": "llama3.2", "message": {"role": "assi'


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Say some text and break off with an error in the middle of the stream."""

    text: str
    message: str = "an error was encountered while running the model"


@dataclass(frozen=True, slots=True)
class Calls:
    """Call tools instead of speaking: names with their arguments."""

    calls: tuple[tuple[str, JsonObject], ...]


Answer: TypeAlias = str | Failure | Hang | Late | Broken | Interrupted | Calls
Script: TypeAlias = Callable[[Prompt], Answer]


def truthful(prompt: Prompt) -> str:
    """Repeat the prompt's own numbers, in the asked schema if there is one."""
    return _say(prompt, f"The record shows {', '.join(prompt.numbers) or 'no numbers'}.")


def wrong_number(prompt: Prompt) -> str:
    """Quote the prompt, with its longest number changed."""
    number = max(prompt.numbers, key=len, default="1")
    changed = number[:-1] + str((int(number[-1]) + 1) % 10)
    return _say(prompt, prompt.text.splitlines()[-1].replace(number, changed) + f" It was {changed}.")


def wrong_side(prompt: Prompt) -> str:
    """Quote the prompt with buying and selling exchanged."""
    opposite = {"buy": "sell", "sell": "buy", "long": "short", "short": "long", "bought": "sold", "sold": "bought"}
    return _say(prompt, _exchange(prompt.text.splitlines()[-1], opposite))


def wrong_symbol(prompt: Prompt) -> str:
    """Quote the prompt with its markets exchanged for others."""
    other = {"btc": "DOGE", "eth": "DOGE", "sol": "DOGE", "bnb": "DOGE", "xrp": "DOGE"}
    return _say(prompt, _exchange(prompt.text.splitlines()[-1], other))


def _exchange(text: str, words: dict[str, str]) -> str:
    pattern = "|".join(words)

    def swap(match: re.Match[str]) -> str:
        new = words[match.group().lower()]
        return new.upper() if match.group().isupper() else new

    return re.sub(rf"(?<![a-z])(?:{pattern})(?![a-z])", swap, text, flags=re.IGNORECASE)


def _say(prompt: Prompt, sentence: str) -> str:
    return sentence if prompt.schema is None else json.dumps(_instance(prompt.schema, prompt, sentence))


def _instance(schema: JsonObject, prompt: Prompt, sentence: str) -> Any:
    """Return the simplest value the schema allows, as a model held to its grammar would."""
    if "$ref" in schema and prompt.schema is not None:
        return _instance(prompt.schema["$defs"][schema["$ref"].rpartition("/")[2]], prompt, sentence)
    if options := schema.get("enum", [schema["const"]] if "const" in schema else None):
        return next((option for option in options if str(option).lower() in prompt.text.lower()), options[0])
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return _instance(alternatives[0], prompt, sentence)
    number = float((prompt.numbers or ("0",))[0].replace(",", ""))
    match schema.get("type"):
        case "object":
            return {name: _instance(part, prompt, sentence) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [_instance(schema.get("items", {}), prompt, sentence) for _ in range(schema.get("minItems", 0))]
        case "number":
            return min(max(number, schema.get("minimum", number)), schema.get("maximum", number))
        case "integer":
            return int(number)
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return sentence
