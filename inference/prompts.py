"""A request's words to the ids a resident model is fed. Token decisions only: the text is taken as it comes."""

from dataclasses import replace

from inference.errors import ModelUnsupported, RequestInvalid
from inference.fim_families import TEMPLATES, FimTemplate
from inference.fim_templates import Prompt, build_fim_prompt, build_prefix_prompt
from inference.openai_api import ChatRequest, CompletionRequest
from inference.residents import Resident


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


def build_chat_prompt(request: ChatRequest, resident: Resident) -> Prompt:
    """Build the prompt of `/v1/chat/completions`. Raises RequestInvalid when it does not fit or has no template."""
    try:
        ids = resident.loaded.tokenizer.render_chat([message.as_dict() for message in request.messages])
    except ModelUnsupported as error:
        raise RequestInvalid(f"messages: {error}", "messages") from error
    ends = [index for index, token in enumerate(ids) if token in resident.loaded.eos_ids]
    prompt = _fitting(ids, resident, "messages")
    return replace(prompt, cuts=tuple(index + 1 for index in ends[:1]))  # the end of the system text


def _fitting(ids: list[int], resident: Resident, param: str) -> Prompt:
    most = resident.n_context - 1
    if len(ids) > most:
        raise RequestInvalid(f"{param}: prompt is too long: {len(ids)} tokens > {most} maximum", param)
    return Prompt(ids)
