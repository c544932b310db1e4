-- BringHome: imports each finished picture once, stacked with the middle exposure that it was made of.
local LrApplication = import "LrApplication"
local LrDialogs = import "LrDialogs"
local LrFileUtils = import "LrFileUtils"
local LrFunctionContext = import "LrFunctionContext"
local LrPathUtils = import "LrPathUtils"
local LrPrefs = import "LrPrefs"
local LrTasks = import "LrTasks"

local Files = require "Files"
local Home = require "Home"
local Menu = require "Menu"
local Photos = require "Photos"

-- The folder with the finished pictures: as it was last time, else as somebody chooses now.
local function done()
  local prefs = LrPrefs.prefsForPlugin()
  local folder = prefs.done or Menu.done
  if folder ~= "" and LrFileUtils.exists(folder) == "directory" then return folder end
  local found = LrDialogs.runOpenPanel { title = "Where are the finished pictures? Choose the folder done.",
    canChooseFiles = false, canChooseDirectories = true, allowsMultipleSelection = false }
  prefs.done = found and found[1]
  return prefs.done
end

local function receipts_below(folder)
  local paths = {}
  for project in LrFileUtils.directoryEntries(folder) do
    local below = LrPathUtils.child(project, "receipts")
    if LrFileUtils.exists(below) == "directory" then
      for path in LrFileUtils.files(below) do
        if LrPathUtils.extension(path):lower() == "json" then paths[#paths + 1] = path end
      end
    end
  end
  return paths
end

local function remembered(catalog)
  local sent, home = {}, {}
  for _, photo in ipairs(catalog:findPhotosWithProperty(_PLUGIN.id, "sent")) do
    local known = Photos.known(photo)
    for mark in (photo:getPropertyForPlugin(_PLUGIN, "sent") or ""):gmatch("[^\n]+") do
      sent[mark] = sent[mark] or {}
      table.insert(sent[mark], known)
    end
  end
  for _, photo in ipairs(catalog:findPhotosWithProperty(_PLUGIN.id, "picture")) do
    home[photo:getPropertyForPlugin(_PLUGIN, "picture") or ""] = true
  end
  return sent, home
end

local function bring(catalog, pictures, folder, notes)
  local ready, count = {}, 0
  for _, one in ipairs(pictures) do
    local source = folder
    for part in one.file:gmatch("[^/]+") do source = LrPathUtils.child(source, part) end
    -- To where its brackets lie: a stack is of one folder.
    local path, why = Home.copy(Files, source, LrPathUtils.parent(one.beside.path))
    if path then
      ready[#ready + 1] = { path = path, one = one, photo = catalog:findPhotoByPath(path) }
    else
      notes[#notes + 1] = one.file .. ": " .. why .. "."
    end
  end
  if #ready == 0 then return 0 end
  local outcome = catalog:withWriteAccessDo("Bring results home", function()
    for _, it in ipairs(ready) do
      local fine, photo = true, it.photo
      if not photo then
        fine, photo = LrTasks.pcall(function()
          if it.one.stack then return catalog:addPhoto(it.path, it.one.beside.object, "above") end
          return catalog:addPhoto(it.path)
        end)
      end
      if fine then
        photo:setPropertyForPlugin(_PLUGIN, "picture", it.one.sha256)
        count = count + 1
      else
        notes[#notes + 1] = it.one.file .. ": " .. tostring(photo) .. "."
      end
    end
  end, { timeout = 60 })
  if outcome ~= "executed" then notes[#notes + 1] = "The catalogue was busy; bring results home once more." end
  return count
end

LrTasks.startAsyncTask(function()
  LrFunctionContext.callWithContext("hotfolder: bring results home", function(context)
    LrDialogs.attachErrorDialogToFunctionContext(context)
    local folder = done()
    if not folder then return end
    local catalog, notes = LrApplication.activeCatalog(), {}
    local sent, home = remembered(catalog)
    local pictures, more, strangers = Home.plan(
      Home.receipts(receipts_below(folder), LrFileUtils.readFile, notes), sent, home)
    local count = bring(catalog, pictures, folder, notes)
    for _, note in ipairs(more) do notes[#notes + 1] = note end
    if strangers > 0 then
      notes[#notes + 1] = strangers .. " finished sets were not sent from this catalogue by this plug-in."
    end
    LrDialogs.message("Pictures brought home: " .. count, table.concat(notes, "\n"), "info")
  end)
end)
