"""A request's words to the ids a resident model is fed, and how the answer is read.

Token decisions only: the text is taken as it comes.
"""

from dataclasses import dataclass
from typing import Any

from inference import reasoning, tool_calls
from inference.answer_reader import AnswerReader
from inference.errors import ModelUnsupported, RequestInvalid
from inference.fim_families import TEMPLATES, FimTemplate
from inference.fim_templates import Prompt, build_fim_prompt, build_prefix_prompt
from inference.models.chat_template import ChatTemplate
from inference.models.tokenizer import Tokenizer
from inference.openai_api import ChatRequest, CompletionRequest
from inference.openai_messages import Tool, arrange
from inference.residents import Resident

# Control tokens in some vocabularies, plain text in others: either way they are what an answer is read by.
_MARKS = (reasoning.BEGIN, reasoning.END, tool_calls.OPEN, tool_calls.CLOSE)


@dataclass(frozen=True, slots=True)
class ChatPrompt(Prompt):
    """A conversation, and how its answer begins. call_form: how the assistant was told to write tool calls, if at all.

    is_thinking: the prompt ends within the thinking.
    """

    is_thinking: bool = False
    call_form: tool_calls.CallForm | None = None


def fim_template(resident: Resident) -> FimTemplate | None:
    """Find the template of `resident`; None where it was not trained to fill in the middle."""
    return TEMPLATES.get(resident.loaded.family) if resident.loaded.fim else None


def build_completion_prompt(request: CompletionRequest, resident: Resident) -> Prompt:
    """Build the prompt of `/v1/completions`. A hole's surroundings are cut to fit; a text to go on from is not.

    Raises RequestInvalid when it does not fit.
    """
    tokenizer = resident.loaded.tokenizer
    start_id = min(resident.loaded.eos_ids, default=0)
    hole = request.hole()
    if hole is None:
        return _fitting(tokenizer.encode(request.prompt) or [start_id], resident, "prompt")
    budget = resident.n_context - min(request.n_tokens(), resident.n_context // 2)
    template = fim_template(resident)
    if template is None:
        return build_prefix_prompt(hole, tokenizer, budget, start_id)
    return build_fim_prompt(hole, template, tokenizer, budget)


def build_chat_prompt(request: ChatRequest, resident: Resident) -> ChatPrompt:
    """Build the prompt of `/v1/chat/completions`.

    Raises RequestInvalid when it does not fit, or the model's template cannot say what is asked.
    """
    tokenizer = resident.loaded.tokenizer
    messages, tools, switches = arrange(request.messages), request.offered_tools(), request.switches()
    template = _template(tokenizer)
    call_form = _call_form(template, messages, tools)
    is_held = request.grammar() is not None
    if is_held and tools:
        raise RequestInvalid("tools: an answer cannot both call tools and have a certain form; leave one out", "tools")
    if is_held and template.knows("enable_thinking"):
        switches.setdefault("enable_thinking", False)  # what must have a form is the answer, and it begins at once
    _check_thinking(template, switches)
    try:
        chat = tokenizer.render_chat(messages, [tool.as_dict() for tool in tools], switches)
    except ModelUnsupported as error:
        raise RequestInvalid(f"messages: {error}", "messages") from error
    if is_held and chat.is_thinking:
        name = "enable_thinking"
        raise RequestInvalid(f"{name}: an answer of a certain form cannot begin with thinking; switch it off", name)
    fitting = _fitting(chat.ids, resident, "messages")
    return ChatPrompt(
        fitting.ids,
        cuts=chat.cuts,
        visible_ids=frozenset(token for token in map(tokenizer.special, _MARKS) if token is not None),
        is_thinking=chat.is_thinking,
        call_form=call_form,
    )


def make_answer_reader(request: ChatRequest, prompt: ChatPrompt) -> AnswerReader:
    """Make the reader of the answer to `request`, which was asked by `prompt`."""
    calls = None
    if prompt.call_form is not None:
        tools = {tool.function.name: tool.function.parameters for tool in request.offered_tools()}
        calls = tool_calls.make_call_reader(prompt.call_form, tools)
    return AnswerReader(is_thinking=prompt.is_thinking, calls=calls, max_calls=request.max_calls())


def _template(tokenizer: Tokenizer) -> ChatTemplate:
    if tokenizer.chat_template is None:
        raise RequestInvalid("messages: this model has no chat template; ask it for completions instead", "messages")
    return tokenizer.chat_template


def _call_form(template: ChatTemplate, messages: list[dict[str, Any]], tools: list[Tool]) -> tool_calls.CallForm | None:
    """Tell how calls are to be written; None where no tools are offered. Raises RequestInvalid."""
    says_calls = any(message["role"] == "tool" or "tool_calls" in message for message in messages)
    if template.call_form is None and (tools or says_calls):
        param = "tools" if tools else "messages"
        raise RequestInvalid(f"{param}: this model's chat template has no place for tools and calls of them", param)
    return template.call_form if tools else None


def _check_thinking(template: ChatTemplate, switches: dict[str, bool]) -> None:
    """Raise RequestInvalid when the model would not do as it is told.

    preserve_thinking is not among what is checked: clients send it to whatever model there is, and it changes no answer
    of one that has no thinking to preserve.
    """
    name = "enable_thinking"
    if name not in switches or template.knows(name) or switches[name] == template.can_think:
        return
    words = "this model cannot think" if switches[name] else "this model's thinking cannot be switched off"
    raise RequestInvalid(f"{name}: {words}", name)


def _fitting(ids: list[int], resident: Resident, param: str) -> Prompt:
    most = resident.n_context - 1
    if len(ids) > most:
        raise RequestInvalid(f"{param}: prompt is too long: {len(ids)} tokens > {most} maximum", param)
    return Prompt(ids)
