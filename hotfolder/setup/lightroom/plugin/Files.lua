-- Files: what Drop.lua asks of the file system, by Lightroom's means. LrFileUtils and LrPathUtils know names
-- of all languages on Windows, which Lua's own `io` doesn't.
local LrFileUtils = import "LrFileUtils"
local LrPathUtils = import "LrPathUtils"

local Files = { child = LrPathUtils.child }

function Files.exists(path) return LrFileUtils.exists(path) and true or false end

function Files.copy(from, to)
  local fine, why = LrFileUtils.copy(from, to)
  return fine and true or false, why or ("it can't be copied to " .. to)
end

function Files.rename(from, to)
  local fine, why = LrFileUtils.move(from, to)
  return fine and true or false, why or ("it can't be renamed to " .. to)
end

function Files.make(folder)
  LrFileUtils.createAllDirectories(folder)
  return LrFileUtils.exists(folder) == "directory", "the folder " .. folder .. " can't be made"
end

function Files.remove(path)
  if LrFileUtils.exists(path) == "directory" then
    local entries = 0
    for _ in LrFileUtils.directoryEntries(path) do entries = entries + 1 end
    if entries > 0 then return end
  end
  if LrFileUtils.exists(path) then LrFileUtils.delete(path) end
end

function Files.touch(path) return Files.copy(LrPathUtils.child(_PLUGIN.path, "ready.txt"), path) end

function Files.size(path)
  local facts = LrFileUtils.fileAttributes(path)
  return facts and facts.fileSize or 0
end

return Files
