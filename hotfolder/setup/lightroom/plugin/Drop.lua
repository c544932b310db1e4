-- Drop: putting rooms into the inbox so that none of them can start before it is whole, wherever the export
-- breaks off. Runs in Lua 5.1 and later; knows nothing of Lightroom.
--
-- `fs` does what touches files; what may fail answers false and why: child(folder, name), exists(path),
-- copy(from, to), rename(from, to), make(folder), touch(path); remove(path) for files and empty folders.
local Drop = {}
Drop.__index = Drop

local PART = ".part"
local READY = ".ready"

-- `ready`: whether a whole room is to start at once, and what the rules would hold for a person with it.
function Drop.new(fs, inbox, ready) return setmetatable({ fs = fs, inbox = inbox, ready = ready }, Drop) end

-- Make the room's folder: one of its own, also where an earlier export still lies there.
local function open(self, room)
  local project = self.fs.child(self.inbox, room.project)
  local number, folder = 1, self.fs.child(project, room.folder)
  while self.fs.exists(folder) do
    number = number + 1  -- what hotfolder takes for a copy of the same room
    folder = self.fs.child(project, room.folder .. " (" .. number .. ")")
  end
  local fine, why = self.fs.make(folder)
  if not fine then return false, why end
  room.path, room.placed, room.named = folder, {}, {}
  return true
end

-- Put a rendition of one of the room's photos into its folder; with the last one the room is let go. The file
-- stays where it was. Answers true, and "whole" once the room is; or false and why, and the room is given up.
function Drop:place(room, photo, rendition)
  if room.given_up then return false, room.given_up end
  local extension = (rendition:match("%.([^./\\]+)$") or "jpg"):lower()
  local fine, why = true, nil
  if not room.path then fine, why = open(self, room) end
  local name = photo.name .. "." .. extension
  if fine then
    room.placed[#room.placed + 1] = name
    fine, why = self.fs.copy(rendition, self.fs.child(room.path, name .. PART))
  end
  if fine and #room.placed == #room.photos then fine, why = self:let_go(room) end
  if not fine then
    self:give_up(room, why or "it can't be written")
    return false, room.given_up
  end
  return true, room.whole and "whole" or nil
end

-- While one of them has its temporary name, hotfolder waits for it.
function Drop:let_go(room)
  for _, name in ipairs(room.placed) do
    local path = self.fs.child(room.path, name)
    local fine, why = self.fs.rename(path .. PART, path)
    if not fine then return false, why end
    room.named[#room.named + 1] = path
  end
  room.whole = true
  if self.ready then self.fs.touch(self.fs.child(room.path, READY)) end  -- without it, it starts a little later
  return true
end

-- Take back what was put there. What has its own name goes first: as long as a temporary one is there, the
-- room can't start.
function Drop:give_up(room, why)
  if room.whole or room.given_up then return end
  room.given_up = why
  if not room.path then return end
  for _, path in ipairs(room.named) do self.fs.remove(path) end
  for _, name in ipairs(room.placed) do self.fs.remove(self.fs.child(room.path, name .. PART)) end
  self.fs.remove(room.path)
end

return Drop
