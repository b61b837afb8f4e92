import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'

const url = process.env.GATEWAY
const schema = { type: 'object', properties: { city: { type: 'string' } } }
const asking = (text) => [{ role: 'user', content: text }]

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'caller' })
const chat = await openai.chat.completions.stream({ model: 'auto', messages: asking('Say hello, chat') }).finalContent()
const called = await openai.chat.completions.create({
  model: 'auto',
  messages: asking('Weather, chat?'),
  tools: [{ type: 'function', function: { name: 'weather', parameters: schema } }],
})
const response = await openai.responses.stream({ model: 'auto', input: 'Say hello, responses' }).finalResponse()
const item = await openai.responses.create({
  model: 'auto',
  input: 'Weather, responses?',
  tools: [{ type: 'function', name: 'weather', parameters: schema, strict: false }],
})

const anthropic = new Anthropic({ baseURL: url, apiKey: 'caller' })
const message = await anthropic.messages
  .stream({ model: 'auto', max_tokens: 100, messages: asking('Say hello, messages') })
  .finalText()
const used = await anthropic.messages.create({
  model: 'auto',
  max_tokens: 100,
  messages: asking('Weather, messages?'),
  tools: [{ name: 'weather', input_schema: schema }],
})

console.log(
  JSON.stringify({
    chat: { streamed: chat, called: JSON.parse(called.choices[0].message.tool_calls[0].function.arguments) },
    responses: { streamed: response.output_text, called: JSON.parse(item.output[0].arguments) },
    messages: { streamed: message, called: used.content[0].input },
  }),
)
