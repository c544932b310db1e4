-- Export: the service that Lightroom's export dialog offers. Each stack becomes a room in the inbox.
local LrApplication = import "LrApplication"
local LrBinding = import "LrBinding"
local LrDialogs = import "LrDialogs"
local LrFileUtils = import "LrFileUtils"
local LrView = import "LrView"

local Drop = require "Drop"
local Files = require "Files"
local Home = require "Home"
local Menu = require "Menu"
local Photos = require "Photos"
local Rooms = require "Rooms"

local PROJECTS = { "{collection}", "{folder}", "{title}", "{headline}", "{job}", "{location}", "{city}" }
local ROOMS = { "{title|file}", "{caption|file}", "{headline|file}", "{label} {seq}", "room {seq}" }
local WHOLE = { LR_size_doConstrain = false, LR_outputSharpeningOn = false, LR_useWatermark = false,
  LR_embeddedMetadataOption = "all", LR_minimizeEmbeddedMetadata = false, LR_removeLocationMetadata = false,
  LR_includeVideoFiles = false, LR_reimportExportedPhoto = false, LR_enableHDRDisplay = false,
  LR_jpeg_useLimitSize = false, LR_contentCredentials_include_status = "exclude" }

local service = {
  canExportVideo = false,
  allowFileFormats = { "JPEG", "TIFF" },
  allowColorSpaces = { "sRGB", "AdobeRGB" },
  hideSections = { "exportLocation", "fileNaming", "imageSettings", "outputSharpening", "metadata", "video",
    "watermarking" },
  exportPresetFields = {
    { key = "hotfolder_inbox", default = 1 },
    { key = "hotfolder_project", default = PROJECTS[1] },
    { key = "hotfolder_room", default = ROOMS[1] },
  },
}

local function folder_key(number) return "hotfolder_folder_" .. number end
local function tag_key(number, family) return "hotfolder_tag_" .. number .. "_" .. family end

for number, inbox in ipairs(Menu.inboxes) do
  table.insert(service.exportPresetFields, { key = folder_key(number), default = inbox.folder })
  for _, family in ipairs(inbox.families) do
    table.insert(service.exportPresetFields, { key = tag_key(number, family.name), default = "" })
  end
end

-- The number of the inbox that is chosen; one that a renewed menu hasn't got any more is the first.
local function chosen(settings) return Menu.inboxes[settings.hotfolder_inbox] and settings.hotfolder_inbox or 1 end

local function check(settings)
  local folder = settings[folder_key(chosen(settings))] or ""
  if folder == "" then
    settings.LR_cantExportBecause = "Choose the inbox: the folder that hotfolder watches, as this computer sees it."
  elseif LrFileUtils.exists(folder) ~= "directory" then
    settings.LR_cantExportBecause = "The inbox " .. folder .. " isn't there. Connect its share, or choose it anew."
  else
    settings.LR_cantExportBecause = nil
  end
end

function service.startDialog(settings)
  local function again() check(settings) end
  for _, field in ipairs(service.exportPresetFields) do settings:addObserver(field.key, again) end
  check(settings)
end

function service.updateExportSettings(settings)
  for key, value in pairs(WHOLE) do settings[key] = value end
end

local function row(f, title, ...)
  return f:row { f:static_text { title = title, width = LrView.share "label" }, ... }
end

local function inbox_rows(f, settings, number)
  local inbox, key = Menu.inboxes[number], folder_key(number)
  local rows = {
    spacing = f:control_spacing(),
    visible = LrBinding.keyEquals("hotfolder_inbox", number),
    row(f, "Its folder:", f:edit_field { value = LrView.bind(key), width_in_chars = 34 }, f:push_button {
      title = "Choose…",
      action = function()
        local found = LrDialogs.runOpenPanel { title = "The inbox " .. inbox.title, canChooseFiles = false,
          canChooseDirectories = true, allowsMultipleSelection = false }
        if found then settings[key] = found[1] end
      end,
    }),
  }
  for _, family in ipairs(inbox.families) do
    local items = { { title = "none", value = "" } }
    for _, tag in ipairs(family.tags) do items[#items + 1] = { title = tag, value = tag } end
    rows[#rows + 1] = row(f, "Tag, " .. family.name .. ":",
      f:popup_menu { value = LrView.bind(tag_key(number, family.name)), items = items })
  end
  return f:column(rows)
end

function service.sectionsForTopOfDialog(f, settings)
  local inboxes, columns = {}, { place = "overlapping" }
  for number, inbox in ipairs(Menu.inboxes) do
    inboxes[number] = { title = inbox.title, value = number }
    columns[number] = inbox_rows(f, settings, number)
  end
  return { {
    title = "hotfolder: one room for each stack",
    synopsis = LrView.bind "hotfolder_project",
    bind_to_object = settings,
    row(f, "Inbox:", f:popup_menu { value = LrView.bind "hotfolder_inbox", items = inboxes }),
    f:view(columns),
    row(f, "Project:", f:combo_box { value = LrView.bind "hotfolder_project", items = PROJECTS, width_in_chars = 30 }),
    row(f, "Room:", f:combo_box { value = LrView.bind "hotfolder_room", items = ROOMS, width_in_chars = 30 }),
    f:static_text { title = "These tags hold for every room. A keyword that is a tag, such as sky-twilight, holds for"
      .. " its photo's room.\nPhotos in no stack become rooms by what the camera took in one go." },
  } }
end

-- The rooms of the export, and by photo where it goes. What belongs to none is taken out of the session.
local function planned(session, settings, catalog)
  local selected, photos, facts, where = {}, {}, {}, {}
  for photo in session:photosToExport() do
    photos[#photos + 1] = photo
    selected[photo.localIdentifier] = true
  end
  local inbox, tags = Menu.inboxes[chosen(settings)], {}
  for _, family in ipairs(inbox.families) do
    local tag = settings[tag_key(chosen(settings), family.name)]
    if inbox.kinds[tag] then tags[#tags + 1] = tag end
  end
  local shown = Photos.shown(catalog)
  for _, photo in ipairs(photos) do
    if not photo:getPropertyForPlugin(_PLUGIN, "picture") then
      facts[#facts + 1] = Photos.facts(photo, selected, shown)
    end
  end
  local rooms, troubles = Rooms.plan(facts, { project = settings.hotfolder_project, room = settings.hotfolder_room,
    tags = tags, kinds = inbox.kinds })
  for _, room in ipairs(rooms) do
    for _, photo in ipairs(room.photos) do where[photo.photo.id] = { room = room, photo = photo } end
  end
  for _, photo in ipairs(photos) do
    if not where[photo.localIdentifier] then session:removePhoto(photo) end
  end
  return rooms, troubles, where
end

-- Answers "executed", or what came instead, as where something else held the catalogue for a minute.
local function remember(catalog, sent)
  return catalog:withPrivateWriteAccessDo(function()
    for _, one in ipairs(sent) do
      local before = one.photo:getPropertyForPlugin(_PLUGIN, "sent")
      one.photo:setPropertyForPlugin(_PLUGIN, "sent", (before and before .. "\n" or "") .. one.mark)
    end
  end, { timeout = 60 })
end

function service.processRenderedPhotos(_, context)
  local settings, session, catalog = context.propertyTable, context.exportSession, LrApplication.activeCatalog()
  local rooms, troubles, where = planned(session, settings, catalog)
  if #troubles > 0 then
    local question = #rooms > 0 and ("Export the other " .. #rooms .. " rooms?") or "Nothing is exported."
    local text = table.concat(troubles, "\n")
    if #rooms == 0 then return LrDialogs.message(question, text, "warning") end
    if LrDialogs.confirm(question, text, "Export", "Cancel") ~= "ok" then return end
  end
  local inbox, sent, failures = chosen(settings), {}, {}
  local drop = Drop.new(Files, settings[folder_key(inbox)], Menu.inboxes[inbox].ready)
  context:configureProgress { title = "hotfolder: " .. #rooms .. " rooms" }
  for _, rendition in context:renditions { stopIfCanceled = true } do
    local place = where[rendition.photo.localIdentifier]
    local fine, path = rendition:waitForRender()
    local why = path
    if fine then fine, why = drop:place(place.room, place.photo, path) end
    if fine then
      local name = place.photo.name .. "." .. (path:match("%.([^./\\]+)$") or "jpg"):lower()
      place.photo.sent = { photo = rendition.photo, mark = Home.mark(name, Files.size(path)) }
    else
      drop:give_up(place.room, why)
      rendition:uploadFailed(why)
    end
    if why == "whole" then
      for _, photo in ipairs(place.room.photos) do sent[#sent + 1] = photo.sent end
    end
  end
  for _, room in ipairs(rooms) do
    drop:give_up(room, "the export was cancelled")
    if room.given_up then failures[#failures + 1] = room.project .. "/" .. room.folder .. ": " .. room.given_up end
  end
  if #sent > 0 and remember(catalog, sent) ~= "executed" then
    LrDialogs.message("The catalogue was busy.", "The rooms are exported, but Bring results home will not know them:"
      .. " import their pictures from the folder done by hand.", "warning")
  end
  if #failures > 0 then
    local title = #failures .. " of " .. #rooms .. " rooms were not exported."
    LrDialogs.message(title, table.concat(failures, "\n"), "warning")
  end
end

return service
