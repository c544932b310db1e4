-- Names: of projects, rooms and files, legal on Windows, macOS and Linux and read by hotfolder as they were
-- meant. Runs in Lua 5.1 and later; knows nothing of Lightroom.
local Names = {}

local MOST_BYTES = 80
local SPACES = { ["\194\133"] = true, ["\194\160"] = true, ["\225\154\128"] = true, ["\226\128\168"] = true,
  ["\226\128\169"] = true, ["\226\128\175"] = true, ["\226\129\159"] = true, ["\227\128\128"] = true }
for last = 128, 138 do SPACES["\226\128" .. string.char(last)] = true end
-- Marks that show nothing, or turn what is beside them: zero width, direction, the byte order mark.
local UNSEEN = { ["\216\156"] = true, ["\239\187\191"] = true }
for last = 139, 143 do UNSEEN["\226\128" .. string.char(last)] = true end
for last = 170, 174 do UNSEEN["\226\128" .. string.char(last)] = true end
for last = 160, 175 do UNSEEN["\226\129" .. string.char(last)] = true end
local TAKEN = {}
for word in ("con prn aux nul clock$ conin$ conout$ ready.txt ready.txt.txt thumbs.db desktop.ini lost+found "
  .. "#recycle #snapshot $recycle.bin"):gmatch("%S+") do TAKEN[word] = true end
TAKEN["system volume information"] = true
Names.TAG_MARK = "__"
Names.TOKENS = "collection, folder, title, caption, headline, job, location, city, label, file, date, seq"

local function known(token) return (", " .. Names.TOKENS .. ","):find(", " .. token .. ",", 1, true) end

-- One character of UTF-8, as it may stand in a name.
local function allowed(letter)
  local first, second = letter:byte(1, 2)
  local length = first < 0x80 and 1 or first < 0xE0 and 2 or first < 0xF0 and 3 or 4
  local broken = #letter ~= length or first == 0x7F or first < 0x20
    or first == 0xE0 and second < 0xA0 or first == 0xED and second > 0x9F
    or first == 0xF0 and second < 0x90 or first == 0xF4 and second > 0x8F
    or first == 0xC2 and second < 0xA0
  if SPACES[letter] then return " " end
  if UNSEEN[letter] then return "" end
  return (broken or letter:find('^[<>:"/\\|?*]$')) and "-" or letter
end

-- Not more than `most` bytes, and no piece of a character at the end.
local function cut(text, most)
  if #text <= most then return text end
  while most > 0 and (text:byte(most + 1) or 0) >= 0x80 and (text:byte(most + 1) or 0) < 0xC0 do most = most - 1 end
  return text:sub(1, most)
end

local COPY = {}
for word in ("copy kopie copie copia"):gmatch("%S+") do
  COPY[#COPY + 1] = word:gsub("%a", function(letter) return "[" .. letter .. letter:upper() .. "]" end)
end

-- What a computer adds to a copied folder's name is taken off when it is read. Here it is meant.
local function kept(name)
  name = name:gsub(" +(%([^()a-zA-Z ]*%))$", "-%1")
  for _, copy in ipairs(COPY) do
    name = name:gsub(" +(-? ?" .. copy .. ")$", "-%1"):gsub(" +(" .. copy .. " [^ a-zA-Z]+)$", "-%1")
  end
  return name
end

local function tidy(name)
  name = name:gsub("__+", "_"):gsub("^[ .@~]+", ""):gsub("[ ._]+$", "")
  return kept(name)
end

-- `text` as the name of a folder, or of a file without its extension; `other` where nothing is left of it.
function Names.clean(text, other)
  local name = tostring(text):gsub("[\t\n\v\f\r\28-\31]", " "):gsub("[%z\1-\127\192-\244][\128-\191]*", allowed)
  name = name:gsub("[\128-\255]+", function(run)  -- what no character begins with
    return (run:gsub("^[\128-\191]+", "-"):gsub("[\192\193\245-\255][\128-\191]*", "-"))
  end):gsub("  +", " ")
  local before
  repeat
    before = name
    name = tidy(cut(name, MOST_BYTES))
    local stem = name:lower():match("^[^.]*"):gsub(" +$", "")
    local device = stem:match("^com(.+)$") or stem:match("^lpt(.+)$")
    if TAKEN[stem] or TAKEN[name:lower()]
      or device and (device:find("^%d$") or device:find("^\194[\178\179\185]$")) then
      name = "_" .. name
    end
  until name == before
  return name ~= "" and name or other
end

-- The template with its tokens filled in: `{title|file}` is the first of them that says something. Or nil,
-- and the token that there isn't.
function Names.filled(template, fields)
  local strange
  local text = template:gsub("{([^{}]*)}", function(tokens)
    local found
    for token in (tokens .. "|"):gmatch("([^|]*)|") do
      if not known(token) then strange = token end
      local value = fields[token]
      if not found and value and value ~= "" then found = value end
    end
    return found or ""
  end)
  if strange then return nil, strange end
  return (text:gsub("^[ ,_-]+", ""):gsub("[ ,_-]+$", ""))
end

-- A name that `taken` (in lower case) hasn't got yet: name, name 2, name 3. It is taken from then on.
function Names.unique(name, taken, joint)
  local number, one = 1, name
  while taken[one:lower()] do
    number = number + 1
    one = name .. (joint or " ") .. number
  end
  taken[one:lower()] = true
  return one
end

-- The folder of a room with these tags.
function Names.folder(room, tags)
  local name = room
  for _, tag in ipairs(tags) do name = name .. Names.TAG_MARK .. tag end
  return name
end

return Names
