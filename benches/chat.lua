-- Posts chat calls of about 2 KB. Arguments: `distinct` or `repeated`, and a word that no other run uses.
local count = 0
local distinct, run

local words = string.rep("the quick brown fox jumps over the lazy dog ", 42)
local tail = '"}],"temperature":0.7,"max_tokens":256,"user":"bench"}'

function init(arguments)
  distinct, run = arguments[1] == "distinct", arguments[2]
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
