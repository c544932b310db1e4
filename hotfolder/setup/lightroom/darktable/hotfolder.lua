-- hotfolder: an export storage for darktable. Each group of images becomes a room in the inbox, and the finished
-- pictures come home into its group. Naming, grouping and dropping are what the plug-in for Lightroom does.
local dt = require "darktable"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$")
package.path = here .. "/?.lua;" .. package.path
local Drop, Home = require "Drop", require "Home"
local Menu, Rooms = require "Menu", require "Rooms"

local NAME = "hotfolder"
local SENT, PICTURE = "darktable|hotfolder|sent|", "darktable|hotfolder|picture|"  -- tags that are never exported
local EXPAND = "Select the whole group"

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local fs = {}
function fs.child(folder, name) return folder .. "/" .. name end
function fs.exists(path) return os.rename(path, path) ~= nil end
function fs.rename(from, to) return os.rename(from, to) end
function fs.remove(path) return os.remove(path) end
function fs.make(folder)
  return dt.control.execute("mkdir -p " .. quoted(folder)) == 0, "the folder " .. folder .. " can't be made"
end
function fs.touch(path)
  local file = io.open(path, "w")
  return file and file:close()
end
function fs.copy(from, to)
  local source, why = io.open(from, "rb")
  if not source then return false, why end
  local target, why_not = io.open(to, "wb")
  local fine = target and true
  while fine do
    local block = source:read(1048576)
    if not block then break end
    fine, why_not = target:write(block)
  end
  source:close()
  if target then
    local closed, why_open = target:close()
    if fine and not closed then fine, why_not = false, why_open end
  end
  return fine and true or false, why_not
end
local function content(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then file:close() end
  return text
end
function fs.size(path)
  local file = io.open(path, "rb")
  local bytes = file and file:seek("end") or 0
  if file then file:close() end
  return bytes
end

local function tags_of(image, begin)
  local found = {}
  for _, tag in ipairs(dt.tags.get_tags(image)) do
    if tag.name:sub(1, #begin) == begin then found[#found + 1] = tag.name:sub(#begin + 1) end
  end
  return found
end

local function stem(image) return (image.filename:gsub("%.[^.]*$", "")) end

local function taken_at(image)
  local year, month, day, hour, min, sec = image.exif_datetime_taken:match("(%d+):(%d+):(%d+) (%d+):(%d+):([%d.]+)")
  return year and os.time { year = year, month = month, day = day, hour = hour, min = min, sec = math.floor(sec) }
end

local function known(image)
  local path = image.path .. "/" .. image.filename
  return { id = image.id, object = image, path = path, file = stem(image), offline = not fs.exists(path),
    copy = image.duplicate_index > 0 and "version " .. image.duplicate_index or nil }
end

local function facts(image, selected)
  local it = known(image)
  it.time, it.seconds, it.aperture = taken_at(image), image.exif_exposure, image.exif_aperture
  it.iso, it.focal, it.camera = image.exif_iso, image.exif_focal_length, image.exif_model
  it.fields = { folder = image.path:match("[^/]*$"), title = image.title, caption = image.description,
    date = image.exif_datetime_taken:sub(1, 10):gsub(":", "-") }
  it.keywords, it.how = {}, EXPAND
  for _, name in ipairs(tags_of(image, "")) do it.keywords[#it.keywords + 1] = name:match("[^|]*$") end
  local others, missing = false, 0
  for _, member in ipairs(image:get_group_members()) do
    if #tags_of(member, PICTURE) == 0 then
      others = others or stem(member) ~= it.file  -- a RAW file and its JPEG are no bracket
      if not selected[member.id] then missing = missing + 1 end
    end
  end
  if others then it.stack, it.missing = image.group_leader.id, missing end
  return it
end

-- What a person chose last time, kept by darktable; but for tags, which cost money.
local widgets, kept = {}, {}
local function labelled(key, field, kind, default, more)
  local value = dt.preferences.read(NAME, key, "string")
  more[field] = value ~= "" and value or default
  widgets[key], kept[key] = dt.new_widget(kind)(more), field
  return dt.new_widget("box") { orientation = "horizontal", dt.new_widget("label") { label = key }, widgets[key] }
end
local function keep()
  for key, field in pairs(kept) do dt.preferences.write(NAME, key, "string", widgets[key][field] or "") end
end
local function folder_widget(key, default)
  return labelled(key, "value", "file_chooser_button", default, { title = key, is_directory = true })
end
local function entry(key, default) return labelled(key, "text", "entry", default, {}) end

-- The families of tags, with those of all inboxes.
local function families()
  local order, tags, have = {}, {}, {}
  for _, inbox in ipairs(Menu.inboxes) do
    for _, family in ipairs(inbox.families) do
      if not tags[family.name] then order[#order + 1], tags[family.name] = family.name, {} end
      for _, tag in ipairs(family.tags) do
        if not have[tag] then table.insert(tags[family.name], tag) end
        have[tag] = true
      end
    end
  end
  return order, tags
end

local titles = { label = "rules of" }
for number, inbox in ipairs(Menu.inboxes) do titles[number] = inbox.title end
local rules, order, tags = dt.new_widget("combobox")(titles), families()
local rows = { orientation = "vertical", folder_widget("inbox", Menu.inboxes[1].folder),
  entry("project", "{folder}"), entry("room", "{title|file}") }
if #Menu.inboxes > 1 then rows[#rows + 1] = rules end
for _, family in ipairs(order) do
  local choice = { label = "tag, " .. family, "none" }
  for _, tag in ipairs(tags[family]) do choice[#choice + 1] = tag end
  widgets["tag " .. family] = dt.new_widget("combobox")(choice)
  rows[#rows + 1] = widgets["tag " .. family]
end
rows[#rows + 1] = folder_widget("done", Menu.done)

local function told(lines, title)
  for _, line in ipairs(lines) do dt.print_log(NAME .. ": " .. line) end
  dt.print(title .. (#lines > 0 and "\n" .. table.concat(lines, "\n") or ""))
end

local function plan(images, extra)
  keep()
  local selected, photos, chosen = {}, {}, {}
  for _, image in ipairs(images) do selected[image.id] = true end
  for _, image in ipairs(images) do
    if #tags_of(image, PICTURE) == 0 then photos[#photos + 1] = facts(image, selected) end
  end
  local inbox, strange = Menu.inboxes[math.max(rules.selected, 1)], nil
  for _, family in ipairs(order) do
    local tag = widgets["tag " .. family].value
    if inbox.kinds[tag] then chosen[#chosen + 1] = tag elseif tag and tag ~= "none" then strange = tag end
  end
  local rooms, troubles = Rooms.plan(photos, { project = widgets.project.text, room = widgets.room.text, tags = chosen,
    kinds = inbox.kinds })
  local into = widgets.inbox.value
  if not (into and into ~= "" and fs.exists(into)) then
    rooms, troubles = {}, { "choose the inbox: the folder that hotfolder watches" }
  elseif strange then
    rooms, troubles = {}, { strange .. " is no tag of the inbox " .. inbox.title }
  end
  extra.drop, extra.rooms, extra.troubles, extra.where = Drop.new(fs, into, inbox.ready), rooms, troubles, {}
  for _, room in ipairs(rooms) do
    for _, photo in ipairs(room.photos) do extra.where[photo.photo.id] = { room = room, photo = photo } end
  end
end

-- Neither an error nor a list of other images may leave this function: darktable 5.0 would end, for it frees the
-- list twice. What belongs to no room is rendered in vain.
local function initialize(_, _, images, _, extra)
  extra.rooms, extra.troubles, extra.where = {}, {}, {}
  local fine, why = pcall(plan, images, extra)
  if not fine then extra.rooms, extra.troubles, extra.where = {}, { tostring(why) }, {} end
end

local function store(_, image, _, rendition, _, _, _, extra)
  local place = extra.where[image.id]
  if place and extra.drop:place(place.room, place.photo, rendition) then
    local name = place.photo.name .. "." .. rendition:match("%.([^./]+)$"):lower()
    place.photo.sent = Home.mark(name, fs.size(rendition)):gsub("\t", "|")
  end
end

local function finalize(_, _, extra)
  local lines = extra.troubles
  for _, room in ipairs(extra.rooms) do
    extra.drop:give_up(room, "the export was cancelled")
    if room.given_up then lines[#lines + 1] = room.project .. "/" .. room.folder .. ": " .. room.given_up end
    for _, photo in ipairs(room.whole and room.photos or {}) do
      dt.tags.attach(dt.tags.create(SENT .. photo.sent), photo.photo.object)
    end
  end
  told(lines, "hotfolder: " .. #extra.rooms .. " rooms")
end

local function receipts_below(folder)
  local paths = {}
  local list = io.popen("find " .. quoted(folder) .. " -mindepth 3 -maxdepth 3 -path '*/receipts/*.json'")
  for path in list:lines() do paths[#paths + 1] = path end
  list:close()
  return paths
end

local function remembered()
  local sent, home = {}, {}
  for number = 1, #dt.tags do
    local tag = dt.tags[number]
    local mark = tag.name:sub(1, #SENT) == SENT and tag.name:sub(#SENT + 1):gsub("|", "\t")
    for image = 1, mark and #tag or 0 do
      sent[mark] = sent[mark] or {}
      table.insert(sent[mark], known(tag[image]))
    end
    if tag.name:sub(1, #PICTURE) == PICTURE and #tag > 0 then home[tag.name:sub(#PICTURE + 1)] = true end
  end
  return sent, home
end

local function bring(one, done)
  local path, why = Home.copy(fs, done .. "/" .. one.file, one.beside.object.path)
  local image = path and dt.database.import(path)
  if not image then return why or "darktable can't import it" end
  dt.tags.attach(dt.tags.create(PICTURE .. one.sha256), image)
  if one.stack then
    image:group_with(one.beside.object.group_leader)
    image:make_group_leader()
  end
end

local function bring_home()
  keep()
  local done, notes, count = widgets.done.value, {}, 0
  if not (done and done ~= "" and fs.exists(done)) then
    return told({}, "hotfolder: choose the folder done, in the storage's options")
  end
  local sent, home = remembered()
  local pictures, more, strangers = Home.plan(Home.receipts(receipts_below(done), content, notes), sent, home)
  for _, one in ipairs(pictures) do
    local trouble = bring(one, done)
    if trouble then notes[#notes + 1] = one.file .. ": " .. trouble else count = count + 1 end
  end
  for _, note in ipairs(more) do notes[#notes + 1] = note end
  if strangers > 0 then notes[#notes + 1] = strangers .. " finished sets were not sent from here" end
  told(notes, "hotfolder: pictures brought home: " .. count)
end

rows[#rows + 1] = dt.new_widget("button") { label = "bring results home", clicked_callback = bring_home }
dt.register_storage(NAME, "hotfolder", store, finalize, nil, initialize,
  dt.new_widget("box")(rows))

return { bring_home = bring_home }
