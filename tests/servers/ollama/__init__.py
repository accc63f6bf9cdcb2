"""A loopback Ollama, with scripted answers.

- answers: what the model says: a function of the prompt, truthful, lying or broken
- server: the routes, shapes and errors of the original
"""

from tests.servers.ollama.answers import (
    Answer,
    Broken,
    Calls,
    Failure,
    Hang,
    Interrupted,
    Late,
    Prompt,
    Script,
    truthful,
    wrong_number,
    wrong_side,
    wrong_symbol,
)
from tests.servers.ollama.server import MODEL, OllamaServer

__all__ = [
    "OllamaServer",
    "MODEL",
    "Prompt",
    "Script",
    "Answer",
    "Failure",
    "Hang",
    "Late",
    "Broken",
    "Interrupted",
    "Calls",
    "truthful",
    "wrong_number",
    "wrong_side",
    "wrong_symbol",
]
