-- A stand-in for Lightroom's SDK that enforces its rules: what waits may be called in tasks only, and in no pcall
-- (in Lua 5.1 a yield can't leave one); the catalogue changes inside of a gate alone; photos are other objects
-- each time one asks; a photo that was just added isn't found before its gate is left.
--
-- `disk` does what touches files; `catalog` holds `photos`, each a table with `id`, `path`, `raw`, `formatted`,
-- `properties`, `collections`, `offline`, and `busy` while no gate opens; `said` takes what dialogs say; `answers` has what people answer.
local disk, catalog, said, answers = ...

local function wait(what)
  if not coroutine.running() then error(what .. " has to be called in a task", 3) end
  coroutine.yield()
end

local gate
local function inside(what, least)
  if not gate or least == "write" and gate ~= "write" then error(what .. " needs a gate for writing", 3) end
end

local wrap
local function record(photo) return assert(getmetatable(photo), "no LrPhoto").record end

local Photo = {}
function Photo:getRawMetadata(key)
  wait("getRawMetadata")
  local it = record(self)
  if key == "path" then return it.path end
  if key == "isInStackInFolder" then return it.raw.stack ~= nil end
  if key == "stackInFolderIsCollapsed" then return it.raw.collapsed or false end
  if key == "isVirtualCopy" then return it.raw.virtual or false end
  if key == "stackInFolderMembers" then
    local members = {}
    for _, other in ipairs(catalog.photos) do
      if other.raw.stack and other.raw.stack == it.raw.stack then members[#members + 1] = wrap(other) end
    end
    return members
  end
  if key == "keywords" then
    local keywords = {}
    for _, word in ipairs(it.raw.keywords or {}) do keywords[#keywords + 1] = { getName = function() return word end } end
    return keywords
  end
  assert(({ dateTimeOriginal = 1, dateTimeOriginalISO8601 = 1, shutterSpeed = 1, aperture = 1, isoSpeedRating = 1,
    exposureBias = 1, focalLength = 1 })[key], "no raw metadata " .. tostring(key))
  return it.raw[key]
end
function Photo:getFormattedMetadata(key)
  wait("getFormattedMetadata")
  assert(({ copyName = 1, cameraModel = 1, title = 1, caption = 1, headline = 1, jobIdentifier = 1, location = 1,
    city = 1, label = 1, folderName = 1 })[key], "no formatted metadata " .. tostring(key))
  return record(self).formatted[key]
end
function Photo:getPropertyForPlugin(_, key)
  wait("getPropertyForPlugin")
  return record(self).properties[key]
end
function Photo:setPropertyForPlugin(_, key, value)
  inside("setPropertyForPlugin")
  record(self).properties[key] = value
end
function Photo:checkPhotoAvailability()
  wait("checkPhotoAvailability")
  return not record(self).offline
end
function Photo:getContainedCollections()
  wait("getContainedCollections")
  local found = {}
  for _, name in ipairs(record(self).collections or {}) do found[#found + 1] = { getName = function() return name end } end
  return found
end

function wrap(it)
  return setmetatable({ localIdentifier = it.id }, { __index = Photo, record = it })
end

local Catalog = {}
function Catalog:getActiveSources()
  local found = {}
  for _, one in ipairs(catalog.sources or {}) do
    found[#found + 1] = one.kind and { type = function() return one.kind end, getName = function() return one.name end }
      or one.name
  end
  return found
end
function Catalog:findPhotosWithProperty(plugin, key)
  wait("findPhotosWithProperty")
  assert(plugin == "org.hotfolder.lightroom", "another plug-in's property")
  local found = {}
  for _, it in ipairs(catalog.photos) do
    if it.properties[key] ~= nil then found[#found + 1] = wrap(it) end
  end
  return found
end
function Catalog:findPhotoByPath(path)
  wait("findPhotoByPath")
  for _, it in ipairs(catalog.photos) do
    if it.path == path and not it.fresh and not it.raw.virtual then return wrap(it) end
  end
end
function Catalog:addPhoto(path, beside, position)
  inside("addPhoto", "write")
  wait("addPhoto")
  assert(disk.exists(path) == "file", "there is no file " .. path)
  for _, it in ipairs(catalog.photos) do assert(it.path ~= path or it.raw.virtual, path .. " is in the catalogue already") end
  local fresh = { id = 1000 + #catalog.photos, path = path, raw = {}, formatted = {}, properties = {}, fresh = true }
  if beside then
    local other = record(beside)
    assert(path:match("^(.*)/") == other.path:match("^(.*)/"), "a stack is of one folder")
    assert(position == "above" or position == "below")
    other.raw.stack = other.raw.stack or "new " .. other.id
    fresh.raw.stack, fresh.above = other.raw.stack, position == "above"
  end
  table.insert(catalog.photos, fresh)
  return wrap(fresh)
end
local function gated(kind)
  return function(_, ...)
    local change = kind == "write" and select(2, ...) or ...
    wait("a gate")
    assert(not gate, "a gate inside of another")
    if catalog.busy then return "aborted" end
    gate = kind
    change({})
    gate = nil
    for _, it in ipairs(catalog.photos) do it.fresh = nil end
    return "executed"
  end
end
Catalog.withWriteAccessDo = gated("write")
Catalog.withPrivateWriteAccessDo = gated("private")

local tasks = {}
local LrTasks = {}
function LrTasks.startAsyncTask(work) tasks[#tasks + 1] = coroutine.create(work) end
function LrTasks.pcall(work, ...)
  local inner = coroutine.create(work)
  local found = { coroutine.resume(inner, ...) }
  while coroutine.status(inner) ~= "dead" do
    coroutine.yield()
    found = { coroutine.resume(inner) }
  end
  return unpack(found)
end

local LrPathUtils = {}
function LrPathUtils.child(folder, name) return assert(folder) .. "/" .. assert(name) end
function LrPathUtils.leafName(path) return path:match("[^/]*$") end
function LrPathUtils.parent(path) return path:match("^(.*)/[^/]*$") end
function LrPathUtils.extension(path) return path:match("%.([^./]*)$") or "" end
function LrPathUtils.removeExtension(path) return (path:gsub("%.[^./]*$", "")) end

local function each(list)
  local at = 0
  return function()
    at = at + 1
    return list[at]
  end
end
local LrFileUtils = { copy = disk.copy, move = disk.move, delete = disk.delete, exists = disk.exists,
  readFile = disk.read, createAllDirectories = disk.make }
function LrFileUtils.directoryEntries(path) return each(disk.entries(path)) end
function LrFileUtils.files(path) return each(disk.files(path)) end
function LrFileUtils.fileAttributes(path) return { fileSize = disk.size(path) } end

local function say(title, text) said[#said + 1] = title .. "\n" .. (text or "") end
local modules = {
  LrApplication = { activeCatalog = function() return setmetatable({}, { __index = Catalog }) end },
  LrBinding = { keyEquals = function(key, value) return { key = key, value = value } end },
  LrDialogs = {
    message = say,
    confirm = function(title, text) say(title, text) return answers.confirm or "ok" end,
    runOpenPanel = function() return answers.folder and { answers.folder } end,
    attachErrorDialogToFunctionContext = function(context) assert(context.named) end,
  },
  LrFileUtils = LrFileUtils,
  LrFunctionContext = { callWithContext = function(name, work) return work({ named = name }) end },
  LrPathUtils = LrPathUtils,
  LrPrefs = { prefsForPlugin = function() return answers end },
  LrTasks = LrTasks,
  LrView = { bind = function(key) return { bound = key } end, share = function(name) return name end },
}

-- What of Lua a plug-in has. `os` can't remove or rename, there is no debug and no package.
local function environment(folder)
  local loaded = {}
  local _PLUGIN = { id = "org.hotfolder.lightroom", path = folder }
  local env = { assert = assert, error = error, getmetatable = getmetatable, ipairs = ipairs, math = math, next = next,
    pairs = pairs, pcall = pcall, rawget = rawget, rawset = rawset, select = select, setmetatable = setmetatable,
    string = string, table = table, tonumber = tonumber, tostring = tostring, type = type, unpack = unpack, io = io,
    os = { clock = os.clock, date = os.date, time = os.time, tmpname = os.tmpname }, _PLUGIN = _PLUGIN }
  function env.import(name) return assert(modules[name], "no module " .. name .. " in the SDK") end
  function env.run(name)
    local chunk = assert(loadstring(disk.read(folder .. "/" .. name .. ".lua"), name))
    local strict = { __index = function(_, key) error("no global " .. key, 2) end,
      __newindex = function(_, key) error("a global is set: " .. key, 2) end }
    return setfenv(chunk, name == "Info" and {} or setmetatable({}, {
      __index = function(_, key) return env[key] == nil and strict.__index(_, key) or env[key] end,
      __newindex = strict.__newindex }))()
  end
  function env.require(name)
    loaded[name] = loaded[name] or env.run(name)
    return loaded[name]
  end
  return env
end

-- A view factory that knows the controls which the plug-in may use.
local factory = {}
for _, name in ipairs { "row", "column", "view", "static_text", "edit_field", "popup_menu", "combo_box", "push_button" } do
  factory[name] = function(_, given)
    assert(type(given) == "table")
    return { control = name, given = given }
  end
end
function factory.control_spacing() return 4 end

local sdk = { factory = factory }

-- A property table: what observers are told of.
function sdk.settings(values)
  local observers = {}
  local methods = { addObserver = function(_, key, act) observers[key] = act end }
  return setmetatable({}, {
    __index = function(_, key) return methods[key] or values[key] end,
    __newindex = function(self, key, value)
      values[key] = value
      if observers[key] then observers[key](self, key, value) end
    end,
  })
end

-- An export of these photos. `stop_at`: the rendition at which it is cancelled. `render(id)` makes the file.
function sdk.export_context(ids, settings, render, stop_at)
  local photos, removed, begun, failed = {}, {}, false, {}
  for _, it in ipairs(catalog.photos) do
    for _, id in ipairs(ids) do if it.id == id then photos[#photos + 1] = it end end
  end
  local session = {}
  function session.photosToExport()
    local at = 0
    return function()
      at = at + 1
      return photos[at] and wrap(photos[at])
    end
  end
  function session.removePhoto(_, photo)
    assert(not begun, "rendering has begun")
    removed[photo.localIdentifier] = true
  end
  local context = { propertyTable = settings, exportSession = session, failed = failed }
  function context.configureProgress(_, given) assert(given.title) end
  function context.renditions(_, given)
    assert(given.stopIfCanceled)
    local at, number = 0, 0
    return function()
      repeat at = at + 1 until not photos[at] or not removed[photos[at].id]
      number = number + 1
      local it = photos[at]
      if not it or number == stop_at then return nil end
      local rendition = { photo = wrap(it) }
      function rendition.waitForRender()
        begun = true
        wait("waitForRender")
        local path = render(it.id)
        if path then return true, path end
        return false, "it can't be rendered"
      end
      function rendition.uploadFailed(_, why) failed[#failed + 1] = it.id .. ": " .. assert(why) end
      return number, rendition
    end
  end
  return context
end

-- Run the tasks that were started until none is left, or until `steps` of them were made.
function sdk.run(steps)
  local made = 0
  while #tasks > 0 do
    if steps and made >= steps then
      tasks = {}
      return false
    end
    made = made + 1
    local task = table.remove(tasks, 1)
    local fine, why = coroutine.resume(task)
    if not fine then error(why, 0) end
    if coroutine.status(task) ~= "dead" then tasks[#tasks + 1] = task end
  end
  return true
end

sdk.environment, sdk.start = environment, LrTasks.startAsyncTask
return sdk
