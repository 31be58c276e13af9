--- What each server last said about itself in `hearthline/status`, and how the status line puts it.

local M = {}

---@class hearthline.Status The parameters of `hearthline/status`.
---@field state "starting"|"loading"|"ready"|"working"|"off"|"problem"
---@field message string a sentence for a person
---@field reason? string why there is no suggestion now
---@field model? string
---@field progress? number share of the loading done, 0.0 to 1.0

---@type table<integer, hearthline.Status> by client
local statuses = {}

--- Reasons that belong to typing itself; a status line that named them would only flicker.
local passing = { cancelled = true, stale = true }

--- Keep what a server said. Where a person waited in insert mode for the model to be ready, ask for them again.
---@param client_id integer
---@param params table the notification's parameters, JSON's null still as `vim.NIL`
function M.receive(client_id, params)
  local status = {}
  for key, value in pairs(params) do
    status[key] = value ~= vim.NIL and value or nil
  end
  local last = statuses[client_id]
  statuses[client_id] = status
  vim.cmd.redrawstatus({ bang = true })
  if status.state == "ready" and last and last.state ~= "ready" and last.state ~= "working" then
    require("hearthline.ghost").ask_again()
  end
end

--- Forget a server that has ended.
---@param client_id integer
function M.forget(client_id)
  statuses[client_id] = nil
  vim.cmd.redrawstatus({ bang = true })
end

--- What the server of a buffer last said about itself.
---@param buf integer
---@return hearthline.Status? status nil where Hearthline is not attached
function M.of(buf)
  local client = require("hearthline.rpc").client(buf)
  return client and (statuses[client.id] or { state = "starting", message = "starting" })
end

--- The text for the status line of `buf`: the bare name while all is well and nothing is being worked at, else what
--- there is to say.
---@param buf integer
---@return string text empty where Hearthline is not attached
function M.text(buf)
  local status, client = M.of(buf), require("hearthline.rpc").client(buf)
  if not status or not client then
    return ""
  end
  local work = require("hearthline.progress").text(client.id)
  if work and (status.state == "ready" or status.state == "working") then
    return "hearthline: " .. work
  end
  if status.state == "ready" and (not status.reason or passing[status.reason]) then
    return "hearthline"
  end
  local share = status.progress and (" (%d %%)"):format(status.progress * 100) or ""
  return "hearthline: " .. status.message .. share
end

return M
