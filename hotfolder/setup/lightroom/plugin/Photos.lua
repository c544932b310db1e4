-- Photos: what the catalogue says of a photo, as Rooms.lua and Home.lua want to know it. To be asked in a task,
-- and in no pcall: Lightroom may let other tasks run meanwhile.
local LrPathUtils = import "LrPathUtils"

local Photos = {}

local COPIED = { time = "dateTimeOriginal", seconds = "shutterSpeed", aperture = "aperture", iso = "isoSpeedRating",
  bias = "exposureBias", focal = "focalLength" }
local FIELDS = { title = "title", caption = "caption", headline = "headline", job = "jobIdentifier",
  location = "location", city = "city", label = "label", folder = "folderName" }

-- Who a photo is and whether it can be had, without what it shows.
function Photos.known(photo)
  local path = photo:getRawMetadata("path")
  return {
    id = photo.localIdentifier,
    object = photo,
    path = path,
    file = LrPathUtils.removeExtension(LrPathUtils.leafName(path)),
    offline = not photo:checkPhotoAvailability(),
    copy = photo:getRawMetadata("isVirtualCopy") and (photo:getFormattedMetadata("copyName") or "Copy") or nil,
  }
end

-- The collection that is shown, or the only one that the photo is in; else why it can't be told.
local function collection(photo, shown)
  if #shown == 1 then return shown[1] end
  local names = {}
  for _, one in ipairs(photo:getContainedCollections()) do names[#names + 1] = one:getName() end
  if #names == 1 then return names[1] end
  if #names == 0 then return nil, "it is in no collection" end
  return nil, "it is in " .. #names .. " collections (" .. table.concat(names, ", ") .. "); open one of them"
end

-- The names of the collections that are shown now.
function Photos.shown(catalog)
  local names = {}
  for _, source in ipairs(catalog:getActiveSources()) do
    local kind = type(source) == "table" and source.type and source:type()
    if kind == "LrCollection" or kind == "LrPublishedCollection" then names[#names + 1] = source:getName() end
  end
  return names
end

-- Everything that decides about rooms. `selected` holds the photos of the export by their identifiers.
function Photos.facts(photo, selected, shown)
  local facts = Photos.known(photo)
  for name, key in pairs(COPIED) do facts[name] = photo:getRawMetadata(key) end
  facts.camera = photo:getFormattedMetadata("cameraModel")
  facts.keywords, facts.fields = {}, {}
  for _, keyword in ipairs(photo:getRawMetadata("keywords") or {}) do
    facts.keywords[#facts.keywords + 1] = keyword:getName()
  end
  for name, key in pairs(FIELDS) do facts.fields[name] = photo:getFormattedMetadata(key) end
  facts.fields.collection, facts.no_project = collection(photo, shown)
  facts.fields.date = (photo:getRawMetadata("dateTimeOriginalISO8601") or ""):sub(1, 10)
  if photo:getRawMetadata("isInStackInFolder") then
    local missing = 0
    for _, member in ipairs(photo:getRawMetadata("stackInFolderMembers")) do
      local id = member.localIdentifier  -- the objects themselves are others each time
      if not facts.stack or id < facts.stack then facts.stack = id end
      if not (selected[id] or member:getPropertyForPlugin(_PLUGIN, "picture")) then missing = missing + 1 end
    end
    facts.missing = photo:getRawMetadata("stackInFolderIsCollapsed") and missing or 0
  end
  return facts
end

return Photos
