-- What a person does in darktable, for `python -m tests.lightroom.darktable`: imports a folder, groups each
-- room's brackets, selects everything; and, when asked, brings results home and tells what is there then.
local dt = require "darktable"
local folder = os.getenv("HOTFOLDER_TEST")

local function say(name, text)
  local file = assert(io.open(folder .. "/" .. name .. ".part", "w"))
  file:write(text)
  file:close()
  os.rename(folder .. "/" .. name .. ".part", folder .. "/" .. name)
end
local function wait_for(name)
  repeat
    dt.control.sleep(200)
    local file = io.open(folder .. "/" .. name)
    if file then file:close() end
  until file
end

local fine, why = pcall(function()
  dt.database.import(folder .. "/12 Elm Road")
  repeat dt.control.sleep(200) until #dt.database == tonumber(os.getenv("HOTFOLDER_TEST_PHOTOS"))
  local leaders, images = {}, {}
  for number = 1, #dt.database do
    local image = dt.database[number]
    local room = image.filename:match("^(.-)%-[^-]*$")
    if leaders[room] then image:group_with(leaders[room]) else leaders[room] = image end
    image.title = room
    if room == "front" then dt.tags.attach(dt.tags.create("sky-twilight"), image) end
    images[#images + 1] = image
  end
  dt.gui.selection(images)
  say("selected", "")
  wait_for("seen")
  dt.gui.action("lib/export/export", 0, "", "", 1.0)
  for time = 1, 2 do
    wait_for("finished " .. time)
    require("hotfolder/hotfolder").bring_home()
    dt.control.sleep(1000)
    local lines = {}
    for number = 1, #dt.database do
      local image = dt.database[number]
      lines[number] = image.filename .. "\t" .. image.group_leader.filename
    end
    say("home " .. time, table.concat(lines, "\n"))
  end
end)
if not fine then say("trouble", tostring(why)) end
