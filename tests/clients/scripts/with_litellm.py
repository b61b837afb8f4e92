import json
import os

import litellm

URL = os.environ["GATEWAY"]
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def tried(name, **asked):
    def messages(text):
        return [{"role": "user", "content": f"{text} {name}"}]

    stream = litellm.completion(messages=messages("Say hello"), stream=True, **asked)
    called = litellm.completion(messages=messages("Weather?"), tools=[TOOL], **asked).choices[0].message.tool_calls[0]
    return {
        "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in stream),
        "called": json.loads(called.function.arguments),
    }


chat = {"model": "openai/auto", "api_base": f"{URL}/v1", "api_key": "caller"}
messages = {"model": "anthropic/claude-sonnet-4-5", "api_base": URL, "api_key": "caller"}
print(json.dumps({"chat": tried("chat", **chat), "messages": tried("messages", **messages)}))
