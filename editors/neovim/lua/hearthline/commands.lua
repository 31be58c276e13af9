--- `:Hearthline SUBCOMMAND`: what a person asks for in words. Each works on the current buffer.

local rpc = require("hearthline.rpc")

local M = {}

---@class hearthline.Call How a subcommand was called.
---@field client vim.lsp.Client nil for `status` alone
---@field range? { start: [integer, integer], end: [integer, integer] } the lines it was given, (1, 0)-indexed
---@field rest string what follows the subcommand

---@param message string
local function complain(message)
  vim.notify("Hearthline: " .. message, vim.log.levels.WARN)
end

--- What is reported on the line of the cursor, or on the lines of the call, by whichever server.
---@param call hearthline.Call
---@return lsp.Diagnostic[]
local function diagnostics(call)
  local row = vim.api.nvim_win_get_cursor(0)[1]
  local first, last = row, row
  if call.range then
    first, last = call.range.start[1], call.range["end"][1]
  end
  local found = {}
  for _, each in ipairs(vim.diagnostic.get(0)) do
    local told = each.user_data and each.user_data.lsp
    if told and each.lnum < last and each.end_lnum >= first - 1 then
      found[#found + 1] = told
    end
  end
  return found
end

--- Choose among the server's code actions of one kind at the cursor or for the lines; a single one is taken at once.
---@param kind string
---@param command string only actions that run this command
---@return fun(call: hearthline.Call)
local function action(kind, command)
  return function(call)
    vim.lsp.buf.code_action({
      apply = true,
      range = call.range,
      context = { only = { kind }, diagnostics = diagnostics(call) },
      filter = function(each)
        return type(each.command) == "table" and vim.startswith(each.command.command, command)
      end,
    })
  end
end

--- Have the server do something; what it says against it is shown.
---@param call hearthline.Call
---@param command string
---@param argument? table
local function execute(call, command, argument)
  local params = { command = command, arguments = argument and { argument } or nil }
  rpc.request(call.client, "workspace/executeCommand", params, function(error)
    if error then
      complain(error.message)
    end
  end, vim.api.nvim_get_current_buf())
end

---@param command string
---@return fun(call: hearthline.Call)
local function plain(command)
  return function(call)
    execute(call, command)
  end
end

--- The place of a call and the version it is about, as the server's commands take them.
---@param call hearthline.Call
---@return table
local function place(call)
  local buf, encoding = vim.api.nvim_get_current_buf(), call.client.offset_encoding
  local params = call.range and vim.lsp.util.make_given_range_params(call.range.start, call.range["end"], buf, encoding)
    or vim.lsp.util.make_range_params(0, encoding)
  return {
    uri = params.textDocument.uri,
    range = params.range,
    version = vim.lsp.util.buf_versions[buf],
    what = call.range and "selection" or "symbol",
  }
end

---@param call hearthline.Call
local function ask(call)
  local argument = place(call)
  argument.question = call.rest ~= "" and call.rest or nil
  execute(call, "hearthline.ask", argument)
end

---@param call hearthline.Call
local function status(call)
  local told = require("hearthline.status").of(0)
  local work = call.client and require("hearthline.progress").text(call.client.id)
  local words = told and (work and ("%s; %s"):format(told.message, work) or told.message)
  vim.notify("Hearthline: " .. (words or "not attached to this buffer (:checkhealth hearthline)"))
end

---@param call hearthline.Call
local function stop(call)
  if not require("hearthline.progress").stop(call.client) then
    complain("there is nothing to stop")
  end
end

---@type table<string, fun(call: hearthline.Call)>
local subcommands = {
  ask = ask,
  document = action("refactor.rewrite", "hearthline.document"),
  explain = action("hearthline.explain", "hearthline.explain"),
  fix = action("quickfix", "hearthline.fix"),
  log = plain("hearthline.showLog"),
  pause = plain("hearthline.pause"),
  resume = plain("hearthline.resume"),
  status = status,
  stop = stop,
  tests = action("hearthline.tests", "hearthline.suggestTests"),
}

--- The subcommands that begin with `lead`.
---@param lead string
---@return string[]
function M.complete(lead)
  local names = vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, vim.tbl_keys(subcommands))
  table.sort(names)
  return names
end

---@param command table what `nvim_create_user_command` hands over
---@return { start: [integer, integer], end: [integer, integer] }?
local function range_of(command)
  if command.range == 0 then
    return nil
  end
  local last = vim.api.nvim_buf_get_lines(0, command.line2 - 1, command.line2, true)[1]
  return { start = { command.line1, 0 }, ["end"] = { command.line2, #last } }
end

--- Run what was typed behind `:Hearthline`.
---@param command table what `nvim_create_user_command` hands over
function M.run(command)
  local name, rest = command.args:match("^(%S+)%s*(.*)$")
  local subcommand = subcommands[name]
  if not subcommand then
    complain(("%s is none of %s"):format(name, table.concat(M.complete(""), ", ")))
    return
  end
  local client = rpc.client(0)
  if not client and name ~= "status" then
    complain("not attached to this buffer; `:checkhealth hearthline` says why")
    return
  end
  subcommand({ client = client, range = range_of(command), rest = rest })
end

return M
