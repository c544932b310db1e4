-- Json: reading a receipt. Runs in Lua 5.1 and later.
local Json = {}

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function utf8(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40) end
  local tail = string.char(0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  if code < 0x10000 then return string.char(0xE0 + math.floor(code / 0x1000)) .. tail end
  return string.char(0xF0 + math.floor(code / 0x40000), 0x80 + math.floor(code / 0x1000) % 0x40) .. tail
end

local function fail(at) error({ json = "no JSON at byte " .. at }) end

local function skip(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

local function string_at(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = text:find('["\\]', from) or fail(at)
    parts[#parts + 1] = text:sub(from, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local escape = text:sub(stop + 1, stop + 1)
    from = stop + 2
    if escape == "u" then
      local code = tonumber(text:match("^%x%x%x%x", from) or fail(stop), 16)
      from = from + 4
      local low = code >= 0xD800 and code < 0xDC00 and text:match("^\\u([dD][c-fC-F]%x%x)", from)
      if low then
        code, from = 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00, from + 6
      end
      parts[#parts + 1] = utf8(code)
    else
      parts[#parts + 1] = ESCAPES[escape] or fail(stop)
    end
  end
end

local value_at

-- The members of an array or an object, up to its closing bracket.
local function members_at(text, at, close, take)
  at = skip(text, at + 1)
  if text:sub(at, at) == close then return at + 1 end
  while true do
    at = skip(text, take(at))
    local sign = text:sub(at, at)
    if sign == close then return at + 1 end
    if sign ~= "," then fail(at) end
    at = skip(text, at + 1)
  end
end

function value_at(text, at)
  local sign, found = text:sub(at, at), {}
  if sign == '"' then return string_at(text, at) end
  if sign == "{" then
    return found, members_at(text, at, "}", function(from)
      if text:sub(from, from) ~= '"' then fail(from) end
      local name, after = string_at(text, from)
      after = skip(text, after)
      if text:sub(after, after) ~= ":" then fail(after) end
      found[name], after = value_at(text, skip(text, after + 1))
      return after
    end)
  end
  if sign == "[" then
    return found, members_at(text, at, "]", function(from)
      local value, after = value_at(text, from)
      found[#found + 1] = value
      return after
    end)
  end
  local word = text:match("^[%w+.-]+", at) or fail(at)
  if word == "true" or word == "false" then return word == "true", at + #word end
  if word == "null" then return nil, at + #word end
  return tonumber(word) or fail(at), at + #word
end

-- The value that `text` holds; null, and a null in an array, is left out. Or nil, and why it can't be read.
function Json.decode(text)
  local fine, value, after = pcall(function() return value_at(text, skip(text, 1)) end)
  if not fine then return nil, type(value) == "table" and value.json or tostring(value) end
  if skip(text, after) <= #text then return nil, "no JSON at byte " .. after end
  return value
end

return Json
