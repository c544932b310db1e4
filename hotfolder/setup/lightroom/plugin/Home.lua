-- Home: which finished pictures are to be brought home, and where to, as receipts tell. Runs in Lua 5.1 and
-- later; knows nothing of Lightroom.
local Json = require "Json"

local Home = {}

-- How a photo that was exported is known again in a receipt: by its file's name and size.
function Home.mark(name, bytes) return name .. "\t" .. string.format("%d", bytes) end

-- The middle exposure of a receipt's photos, as hotfolder chooses it for the pictures' metadata.
function Home.middle(photos)
  local ordered, told = {}, true
  for _, photo in ipairs(photos) do
    ordered[#ordered + 1] = photo
    told = told and photo.exposure_value ~= nil
  end
  table.sort(ordered, function(first, second)
    if told and first.exposure_value ~= second.exposure_value then
      return first.exposure_value > second.exposure_value
    end
    return first.name < second.name
  end)
  return ordered[math.floor(#ordered / 2) + 1]
end

local function inside(file)
  if type(file) ~= "string" or file:find("^[/\\]") or file:find(":", 1, true) then return false end
  return not ("/" .. file:gsub("\\", "/") .. "/"):find("/../", 1, true)
end

-- What is to be done for the receipts. `sent` lists the catalogue's photos by mark: { file, offline, copy };
-- `home` holds the hashes of pictures that are there. Answers the pictures to bring, { file, sha256, beside,
-- stack }, in order, `file` being below done; sentences about those that can't be; and how many receipts are of
-- photos that nobody sent from this catalogue.
function Home.plan(receipts, sent, home)
  local bring, notes, strangers, planned = {}, {}, 0, {}
  for _, receipt in ipairs(receipts) do
    local middle = Home.middle(receipt.photos or {})
    local found = middle and sent[Home.mark(middle.name, middle.size_bytes or 0)] or {}
    local room = tostring(receipt.project) .. "/" .. tostring(receipt.room)
    local wanted = {}
    for _, picture in ipairs(receipt.pictures or {}) do
      local sha = picture.sha256
      if (picture.rendition or "") == "" and inside(picture.file) and not (home[sha] or planned[sha]) then
        wanted[#wanted + 1] = picture
      end
    end
    if #found == 0 then
      strangers = strangers + 1
    elseif #wanted > 0 then
      local photo = found[1]
      if #found > 1 then
        notes[#notes + 1] = room .. ": " .. #found .. " photos of this catalogue may be its " .. middle.name
          .. ", such as " .. found[1].file .. " and " .. found[2].file .. "; import its pictures yourself."
      elseif photo.offline then
        notes[#notes + 1] = room .. ": the original of " .. photo.file .. " is offline; connect its disk, then"
          .. " bring results home once more."
      else
        if photo.copy then
          notes[#notes + 1] = room .. ": its middle exposure is " .. photo.copy .. ", a virtual copy of "
            .. photo.file .. "; its pictures lie beside that photo, and in no stack."
        end
        for _, picture in ipairs(wanted) do
          planned[picture.sha256] = true
          bring[#bring + 1] = { file = picture.file, sha256 = picture.sha256, beside = photo, stack = not photo.copy }
        end
      end
    end
  end
  return bring, notes, strangers
end

-- Whether a receipt has what `Home.plan` reads of it.
local function readable(receipt)
  if type(receipt.photos) ~= "table" or type(receipt.pictures) ~= "table" then return false end
  for _, photo in ipairs(receipt.photos) do
    local size = type(photo) == "table" and (photo.size_bytes or 0)
    if type(size) ~= "number" or size % 1 ~= 0 or size >= 2 ^ 53 or type(photo.name) ~= "string"
      or type(photo.exposure_value or 0) ~= "number" then return false end
  end
  for _, picture in ipairs(receipt.pictures) do
    if type(picture) ~= "table" or type(picture.sha256) ~= "string" or type(picture.file) ~= "string"
      or not picture.file:find("%.[^./\\]+$") then return false end
  end
  return true
end

-- The receipts in these files, as `read` reads them. A sentence for each that is none goes to `notes`.
function Home.receipts(paths, read, notes)
  local receipts = {}
  for _, path in ipairs(paths) do
    local receipt, why = Json.decode(read(path) or "")
    if type(receipt) == "table" and readable(receipt) then
      receipts[#receipts + 1] = receipt
    else
      local told = why or (type(receipt) == "table" and "photos or pictures are missing") or "no object"
      notes[#notes + 1] = path:match("[^/\\]*$") .. " is no receipt: " .. told .. "."
    end
  end
  return receipts
end

-- Put a copy of the picture at `source` into a folder, in place of nothing. The path that it has there; or nil
-- and why not. `fs` is as Drop.lua has it, with size(path).
function Home.copy(fs, source, folder)
  if not fs.exists(source) then return nil, "it isn't in done any more" end
  local stem, extension = source:match("([^/\\]*)(%.[^./\\]*)$")
  local number, target = 1, fs.child(folder, stem .. extension)
  while fs.exists(target) do
    if fs.size(target) == fs.size(source) then return target end  -- of a time that broke off
    number = number + 1
    target = fs.child(folder, stem .. "-" .. number .. extension)
  end
  local part = target .. ".part"
  fs.remove(part)
  local fine, why = fs.copy(source, part)
  if fine then fine, why = fs.rename(part, target) end
  return fine and target or nil, why
end

return Home
