"""What was typed, as a model, its data, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from pellucid.commands.asking import Arguments, Wishes, arguments_of
from pellucid.commands.data_files.kinds import data_of
from pellucid.commands.data_files.loaded import DataOptions
from pellucid.commands.ends import say
from pellucid.commands.models.kinds import model_of
from pellucid.commands.models.loaded import ModelOptions
from pellucid.commands.prepared import Prepared, prepared


@final
@dataclass(frozen=True)
class TypedQuestion:
    """A question that was typed.

    Args:
        ready: The model and the data.
        arguments: What is asked, as arguments of `pellucid.explain`.
    """

    ready: Prepared
    arguments: Arguments

    @classmethod
    def of(cls, typed: Mapping[str, Any]) -> TypedQuestion:
        """The question of options; unless `quiet`, what must be known of it is said.

        Args:
            typed: The options of [ASKED][pellucid.commands.options.ASKED], and `quiet`.

        Raises:
            UsageError: Something that was typed cannot be meant.
            InvalidFile: A file is not what it should be.
        """
        ready = prepared(
            model_of(
                typed["model"],
                ModelOptions(**{name: typed[name] for name in ("trust", "class_name", "class_arguments")}),
            ),
            data_of(
                typed["data"],
                DataOptions(
                    format=typed["data_format"],
                    **{name: typed[name] for name in ("key", "columns", "drop", "index", "rows")},
                ),
            ),
            **{name: typed[name] for name in ("tokenizer", "processor", "device")},
        )
        wishes = Wishes(
            methods=typed["method"] or (),
            targets=typed["target"] or (),
            settings=typed["settings"] or (),
            **{name: typed[name] for name in ("baseline", "background", "source", "classes", "seed")},
        )
        asked = cls(ready, arguments_of(wishes, ready))
        if not typed["quiet"]:
            for note in (*ready.notes, f"{asked.size}, on {ready.device}"):
                say(note)
        return asked

    @property
    def size(self) -> str:
        """How much data there is."""
        count = len(self.ready.data.inputs)
        noun = {"table": "row", "array": "row", "images": "image", "texts": "text"}[self.ready.data.kind]
        return f"{count} {noun}{'s' * (count != 1)}"

    def code(self, call: str) -> str:
        """The Python that does the same.

        Args:
            call: Its last line, in which `ASKED` stands for the arguments.
        """
        arguments = "".join(f", {name}={text}" for name, text in self.arguments.texts.items())
        lines = [
            "import pellucid",
            *self.ready.code,
            *self.ready.data.code,
            *self.arguments.code,
            call.replace("ASKED", f"model, inputs{arguments}"),
        ]
        return "\n".join(dict.fromkeys(lines)) + "\n"
