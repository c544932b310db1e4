-- Rooms: which photos are one room, what it is called, and what keeps it from being exported. Runs in Lua 5.1
-- and later; knows nothing of Lightroom.
--
-- A photo is a table: `id`; `file`, its name without folder and extension; `time`, `seconds`, `aperture`,
-- `iso`, `bias`, `focal` and `camera` as far as they are known; `stack`, the same for all photos of a stack;
-- `missing`, how many of a collapsed stack aren't selected, and `how` to select them; `offline`; `copy`, a virtual
-- copy's name; `fields`, what its names can be made of; `keywords`.
local Names = require "Names"

local Rooms = {}

local MOST_PHOTOS = 7
local IDLE_SECONDS = 4
local SAME_EXPOSURE_EV = 0.2

local function log2(value) return math.log(value) / math.log(2) end

-- The exposure as the camera was set; nil where nobody knows.
function Rooms.exposure(photo)
  if photo.seconds and photo.seconds > 0 then
    local aperture = photo.aperture and photo.aperture > 0 and photo.aperture or 1
    return log2(aperture * aperture / photo.seconds) - log2((photo.iso and photo.iso > 0 and photo.iso or 100) / 100)
  end
  return photo.bias and -photo.bias
end

local function in_order(first, second)
  if (first.time or 0) ~= (second.time or 0) then return (first.time or 0) < (second.time or 0) end
  if first.file ~= second.file then return first.file < second.file end
  return tostring(first.id) < tostring(second.id)
end

-- Whether `photo` begins another set than the one before it.
local function begins(set, photo)
  local last = set[#set]
  if #set >= MOST_PHOTOS or last.camera ~= photo.camera or last.focal ~= photo.focal then return true end
  if not (last.time and photo.time) then return true end
  if photo.time - last.time - (last.seconds or 0) > IDLE_SECONDS then return true end
  local exposure = Rooms.exposure(photo)
  if not exposure then return true end
  for _, other in ipairs(set) do
    if math.abs(Rooms.exposure(other) - exposure) <= SAME_EXPOSURE_EV then return true end
  end
  return false
end

-- The photos in sets, in the order in which they were taken: each stack is one; of the others, what the
-- camera took in one go, each time with another exposure.
function Rooms.sets(photos)
  local sets, stacks, loose = {}, {}, {}
  for _, photo in ipairs(photos) do
    local stack = photo.stack
    if not stack then
      loose[#loose + 1] = photo
    else
      if not stacks[stack] then
        stacks[stack] = {}
        sets[#sets + 1] = stacks[stack]
      end
      table.insert(stacks[stack], photo)
    end
  end
  for _, set in ipairs(sets) do table.sort(set, in_order) end
  table.sort(loose, in_order)
  local set
  for _, photo in ipairs(loose) do
    if not set or begins(set, photo) then
      set = {}
      sets[#sets + 1] = set
    end
    set[#set + 1] = photo
  end
  table.sort(sets, function(first, second) return in_order(first[1], second[1]) end)
  return sets
end

-- The tags of a room: those that were chosen, and its photos' keywords that are tags. Or nil, and why not.
local function tags_of(set, chosen, kinds)
  local tags, have, owner = {}, {}, {}
  local function add(tag)
    if have[tag] then return end
    have[tag] = true
    for _, kind in ipairs(kinds[tag]) do
      if owner[kind] then return "the tags " .. owner[kind] .. " and " .. tag .. " are both about the " .. kind end
    end
    for _, kind in ipairs(kinds[tag]) do owner[kind] = tag end
    tags[#tags + 1] = tag
  end
  local words = {}
  for _, tag in ipairs(chosen) do words[#words + 1] = tag end
  for _, photo in ipairs(set) do
    for _, word in ipairs(photo.keywords or {}) do
      local tag = word:lower():gsub(" +", "-")
      if kinds[tag] then words[#words + 1] = tag end
    end
  end
  for _, tag in ipairs(words) do
    local trouble = add(tag)
    if trouble then return nil, trouble end
  end
  return tags
end

local function trouble_of(set)
  local first = set[1].file
  if set[1].missing and set[1].missing > 0 then
    return set[1].missing .. " photos of its stack aren't selected. "
      .. (set[1].how or "Expand it (Photo > Stacking > Expand All Stacks) and select all of it")
  end
  if #set > MOST_PHOTOS then
    return "the stack of " .. first .. " has " .. #set .. " photos, and a room has " .. MOST_PHOTOS
      .. " at most. Split the stack"
  end
  for _, photo in ipairs(set) do
    if photo.offline then return "the original of " .. photo.file .. " is offline. Connect its disk" end
  end
end

-- The rooms of an export, each with `project`, `folder` and `photos` ({ photo, name }), and what keeps others
-- from being exported, in sentences. `options`: the templates `project` and `room`, the chosen `tags`, and
-- `kinds` of operations by tag.
function Rooms.plan(photos, options)
  local rooms, troubles, taken = {}, {}, {}
  for number, set in ipairs(Rooms.sets(photos)) do
    local fields = {}
    for token, value in pairs(set[1].fields or {}) do fields[token] = value end
    fields.file, fields.seq = set[1].file, string.format("%02d", number)
    local tags, trouble = tags_of(set, options.tags or {}, options.kinds or {})
    trouble = trouble_of(set) or trouble
    local project, strange = Names.filled(options.project, fields)
    local name, strange_too = Names.filled(options.room, fields)
    if strange or strange_too then
      trouble = "{" .. (strange or strange_too) .. "} is none of the tokens " .. Names.TOKENS
    elseif Names.clean(project, "") == "" then
      trouble = trouble or (set[1].no_project or "nothing says what its project is called") .. ". Choose another way"
    end
    if trouble then
      troubles[#troubles + 1] = set[1].file .. (#set > 1 and " to " .. set[#set].file or "") .. ": " .. trouble .. "."
    else
      project = Names.clean(project)
      taken[project] = taken[project] or {}
      name = Names.unique(Names.clean(name, "room"), taken[project])
      local room = { project = project, name = name, folder = Names.folder(name, tags), photos = {} }
      local files = {}
      for position, photo in ipairs(set) do
        local file = photo.file .. (photo.copy and "_" .. photo.copy or "")
        room.photos[position] = { photo = photo, name = Names.unique(Names.clean(file, "photo"), files, "_v") }
      end
      rooms[#rooms + 1] = room
    end
  end
  return rooms, troubles
end

return Rooms
