"""Two chat templates of the kinds that Qwen models have: small, and with the same traps.

THINKING: the answer begins within `<think>` unless it is told not to think, older thinking is dropped unless it is to
be preserved, only a first system message is taken, tool calls are elements, scalars are written as Python writes them.
TOOLS: tool calls are JSON objects, and nothing thinks.
"""

THINKING = """
{%- if messages[0].role == 'system' or tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if tools %}
        {{- 'Tools:\\n' }}
        {%- for tool in tools %}{{- (tool | tojson) + '\\n' }}{%- endfor %}
        {{- 'Call them by <tool_call>\\n<function=NAME>\\n<parameter=NAME>\\nVALUE\\n</parameter>\\n</function>\\n' }}
        {{- '</tool_call>\\n\\n' }}
    {%- endif %}
    {%- if messages[0].role == 'system' %}{{- messages[0].content | trim }}{%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endif %}
{%- set place = namespace(asked=-1) %}
{%- for message in messages %}
    {%- if message.role == 'user' %}{%- set place.asked = loop.index0 %}{%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == 'system' and not loop.first %}
        {{- raise_exception('the system message comes first') }}
    {%- elif message.role == 'user' %}
        {{- '<|im_start|>user\\n' + message.content | trim + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if preserve_thinking is true or loop.index0 > place.asked %}
            {{- '<think>\\n' + (message.reasoning_content or '') | trim + '\\n</think>\\n\\n' }}
        {%- endif %}
        {{- message.content | trim }}
        {%- for call in message.tool_calls or [] %}
            {{- '\\n\\n' if loop.first and message.content | trim else ('' if loop.first else '\\n') }}
            {{- '<tool_call>\\n<function=' + call.function.name + '>\\n' }}
            {%- for name, value in call.function.arguments | items %}
                {{- '<parameter=' + name + '>\\n' }}
                {{- value if value is string else (value | tojson if value is iterable else value | string) }}
                {{- '\\n</parameter>\\n' }}
            {%- endfor %}
            {{- '</function>\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n' if loop.previtem.role != 'tool' else '\\n' }}
        {{- '<tool_response>\\n' + message.content + '\\n</tool_response>' }}
        {{- '<|im_end|>\\n' if loop.last or loop.nextitem.role != 'tool' else '' }}
    {%- endif %}
{%- endfor %}
{{- '<|im_start|>assistant\\n<think>\\n' + ('\\n</think>\\n\\n' if enable_thinking is false else '') }}
"""

TOOLS = """
{%- if tools %}
    {{- '<|im_start|>system\\nTools:\\n' }}
    {%- for tool in tools %}{{- (tool | tojson) + '\\n' }}{%- endfor %}
    {{- 'Call them by <tool_call>\\n{"name": NAME, "arguments": OBJECT}\\n</tool_call><|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content }}
    {%- for call in message.tool_calls or [] %}
        {{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
        {{- (call.function.arguments | tojson) + '}\\n</tool_call>' }}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{{- '<|im_start|>assistant\\n' }}
"""

MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
"""Names that are control tokens in the vocabularies of such models."""
