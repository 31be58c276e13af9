--- What each server is working at (`$/progress`): for the status line, and to have it stop.

local rpc = require("hearthline.rpc")

local M = {}

---@class hearthline.Work
---@field token string to cancel it with
---@field title string
---@field message? string
---@field percentage? integer

---@type table<integer, hearthline.Work[]> by client, the newest last
local works = {}

---@param client_id integer
---@param token string|integer
---@return hearthline.Work? work
---@return integer? index
local function find(client_id, token)
  for index, work in ipairs(works[client_id] or {}) do
    if work.token == token then
      return work, index
    end
  end
end

--- Take what a server says of its work.
---@param client_id integer
---@param token string|integer
---@param value table of the kind `begin`, `report` or `end`
function M.receive(client_id, token, value)
  local work, index = find(client_id, token)
  if value.kind == "begin" then
    works[client_id] = works[client_id] or {}
    work = { token = token, title = (value.title:gsub("^Hearthline: ", "")) }
    table.insert(works[client_id], work)
  elseif index and value.kind == "end" then
    table.remove(works[client_id], index)
  end
  if work then
    work.message, work.percentage = value.message or work.message, value.percentage or work.percentage
  end
  vim.cmd.redrawstatus({ bang = true })
end

--- Forget a server that has ended.
---@param client_id integer
function M.forget(client_id)
  works[client_id] = nil
end

--- What a server is working at now, and how far it is.
---@param client_id integer
---@return string? words nil where it has nothing to do
function M.text(client_id)
  local all = works[client_id] or {}
  local work = all[#all]
  if not work then
    return nil
  end
  local message = work.message and work.message ~= "" and (", " .. work.message) or ""
  local share = work.percentage and (" (%d %%)"):format(work.percentage) or ""
  return work.title .. message .. share
end

--- Have a server stop all that it is working at.
---@param client vim.lsp.Client
---@return boolean stopped false where it had nothing to do
function M.stop(client)
  local all = works[client.id] or {}
  for _, work in ipairs(all) do
    rpc.notify(client, "window/workDoneProgress/cancel", { token = work.token })
  end
  return #all > 0
end

return M
