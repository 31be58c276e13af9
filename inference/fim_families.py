"""How model families write a hole: order of the parts, control tokens, other files, what ends the middle. Pure data.

Invariant: the order of control tokens and text here is what a family was trained on, since another one costs answers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple


class Part(Enum):
    """What stands between the control tokens of a template."""

    REPO = auto()
    FILES = auto()
    HERE = auto()  # the name of the file that has the hole
    PREFIX = auto()
    SUFFIX = auto()


class Form(NamedTuple):
    """How a name or a file is written: text by a pattern, between control tokens, where there are any.

    words: `{repo}`, `{path}`, `{text}` as it is, or `{lines}`, which is the text ended by a newline.
    """

    before: str
    words: str
    behind: str = ""


@dataclass(frozen=True, slots=True)
class FimTemplate:
    """How a family writes a hole. parts: in order, control tokens by name. stops: what may follow a middle.

    What has no form (of repo, file, here) the family was not taught, and it is left out. names_alone: repo and here are
    written where there is no other file, too.
    """

    parts: tuple[str | Part, ...]
    stops: tuple[str, ...]
    repo: Form | None = None
    file: Form | None = None
    here: Form | None = None
    names_alone: bool = True

    def control_tokens(self) -> list[str]:
        """List the control tokens that prompts may be written with."""
        forms = [form for form in (self.repo, self.file, self.here) if form is not None]
        named = [name for form in forms for name in (form.before, form.behind) if name]
        return [*(part for part in self.parts if isinstance(part, str)), *named]


_BAR, _GAP = "\N{FULLWIDTH VERTICAL LINE}", "\N{LOWER ONE EIGHTH BLOCK}"
_AROUND = (Part.REPO, Part.FILES, Part.HERE)

# In the order in which they are tried: a family whose control tokens are some of another's comes after that.
TEMPLATES: dict[str, FimTemplate] = {
    "qwen": FimTemplate(
        parts=(*_AROUND, "<|fim_prefix|>", Part.PREFIX, "<|fim_suffix|>", Part.SUFFIX, "<|fim_middle|>"),
        stops=("<|fim_pad|>", "<|endoftext|>", "<|file_sep|>", "<|repo_name|>"),
        repo=Form("<|repo_name|>", "{repo}\n"),
        file=Form("<|file_sep|>", "{path}\n{lines}"),
        here=Form("<|file_sep|>", "{path}\n"),
        # Taught with other files only: names alone made the 0.5B fill fewer holes right.
        names_alone=False,
    ),
    # Source: google's description of the prompt's structure.
    "codegemma": FimTemplate(
        parts=("<bos>", *_AROUND, "<|fim_prefix|>", Part.PREFIX, "<|fim_suffix|>", Part.SUFFIX, "<|fim_middle|>"),
        stops=("<|file_separator|>", "<eos>"),
        file=Form("", "{path}\n{lines}", "<|file_separator|>"),
        here=Form("", "{path}\n"),
    ),
    "granite": FimTemplate(
        parts=("<|fim_prefix|>", Part.PREFIX, "<|fim_suffix|>", Part.SUFFIX, "<|fim_middle|>"),
        stops=("<|fim_pad|>", "<|end_of_text|>", "<|endoftext|>"),
    ),
    # Source: arXiv 2402.19173, 5.1: the name of the file stands behind the first sentinel.
    "starcoder2": FimTemplate(
        parts=(
            *(Part.REPO, Part.FILES, "<file_sep>", "<fim_prefix>", Part.HERE, Part.PREFIX),
            *("<fim_suffix>", Part.SUFFIX, "<fim_middle>"),
        ),
        stops=("<file_sep>", "<|endoftext|>"),
        repo=Form("<repo_name>", "{repo}"),
        file=Form("<file_sep>", "{path}\n{text}"),
        here=Form("", "{path}\n"),
    ),
    # Source: the model's card.
    "mellum": FimTemplate(
        parts=(*_AROUND, "<fim_suffix>", Part.SUFFIX, "<fim_prefix>", Part.PREFIX, "<fim_middle>"),
        stops=("<filename>", "<|endoftext|>"),
        file=Form("<filename>", "{path}\n{lines}"),
        here=Form("<filename>", "{path}\n"),
    ),
    # Source: the technical report: single files alone.
    "seed": FimTemplate(
        parts=("<[fim-suffix]>", Part.SUFFIX, "<[fim-prefix]>", Part.PREFIX, "<[fim-middle]>"),
        stops=(f"<[end{_GAP}of{_GAP}sentence]>",),
    ),
    # Source: mistral-common; other files stand in front of the prefix as text.
    "codestral": FimTemplate(
        parts=("<s>", "[SUFFIX]", Part.SUFFIX, "[PREFIX]", Part.FILES, Part.HERE, Part.PREFIX),
        stops=("</s>",),
        file=Form("", "+++++ {path}\n{lines}\n"),
        here=Form("", "+++++ {path}\n"),
    ),
    # Source: Meta's prompt formats. The 7B and 13B base models alone were taught it.
    "codellama": FimTemplate(
        parts=("<s>", f"{_GAP}<PRE>", Part.PREFIX, f"{_GAP}<SUF>", Part.SUFFIX, f"{_GAP}<MID>"),
        stops=(f"{_GAP}<EOT>", "</s>"),
    ),
    "deepseek": FimTemplate(
        parts=(
            *(f"<{_BAR}begin{_GAP}of{_GAP}sentence{_BAR}>", f"<{_BAR}fim{_GAP}begin{_BAR}>", Part.PREFIX),
            *(f"<{_BAR}fim{_GAP}hole{_BAR}>", Part.SUFFIX, f"<{_BAR}fim{_GAP}end{_BAR}>"),
        ),
        stops=(f"<{_BAR}end{_GAP}of{_GAP}sentence{_BAR}>",),
    ),
}


def find_template(special: Callable[[str], int | None]) -> str | None:
    """Find the family whose control tokens a vocabulary has, all of them; None where there is none.

    special: gives the id of a control token. That a model has them does not say that it was trained on them.
    """
    found = (
        family
        for family, template in TEMPLATES.items()
        if all(special(name) is not None for name in template.control_tokens())
    )
    return next(found, None)
