-- Posts chat calls. Arguments: `distinct` or `repeated`, a word that no other run uses, about how many KB, and `stream` or `whole`.
local count = 0
local distinct, run, words
local tail = '"}],"temperature":0.7,"max_tokens":256,"user":"bench"'

function init(arguments)
  distinct, run = arguments[1] == "distinct", arguments[2]
  -- 44 bytes, and 200 of the rest.
  words = string.rep("the quick brown fox jumps over the lazy dog ", math.floor((tonumber(arguments[3]) * 1024 - 200) / 44))
  tail = tail .. (arguments[4] == "stream" and ',"stream":true}' or "}")
  wrk.method = "POST"
  wrk.path = "/v1/chat/completions"
  wrk.headers["content-type"] = "application/json"
end

function request()
  count = count + 1
  local number = distinct and count or count % 64
  local head = '{"model":"auto","messages":[{"role":"system","content":"You are a helpful assistant."},'
  local question = '{"role":"user","content":"Question ' .. run .. "-" .. number .. ": "
  return wrk.format(nil, nil, nil, head .. question .. words .. tail)
end
