--- Plays the steps of a test in a headless Neovim and writes down what it saw.
---
--- $HEARTHLINE_PLAY names a JSON file `{ "steps": [...], "deadline_ms": n, "report": path }`. A step is an object whose
--- key is the name of a function in `steps`; it may have a `deadline_ms` of its own beside it. Each waits for its
--- condition; the first one that is not met within the deadline ends the play. Written: one
--- `{ "ok": boolean, "seen": any, "ms": n }` for each step that ran.

local play = vim.json.decode(table.concat(vim.fn.readfile(assert(vim.env.HEARTHLINE_PLAY)), "\n"))
--- Neovim's own from 0.12 on; before, the plugin draws.
local namespace =
  vim.api.nvim_create_namespace(vim.lsp.inline_completion and "nvim.lsp.inline_completion" or "hearthline.ghost")
local poll_ms = 10

---@class Ghost
---@field text string
---@field row integer 0-based
---@field column integer 0-based, in bytes

--- What is drawn as ghost text in the current buffer.
---@return Ghost?
local function ghost()
  local mark = vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })[1]
  if not mark then
    return nil
  end
  local lines = {}
  for _, chunks in ipairs({ mark[4].virt_text, unpack(mark[4].virt_lines or {}) }) do
    lines[#lines + 1] = table.concat(vim
      .iter(chunks)
      :map(function(chunk)
        return chunk[1]
      end)
      :totable())
  end
  return { text = table.concat(lines, "\n"), row = mark[2], column = mark[3] }
end

--- The float, if there is one: its lines, its frame's words and whether it has the cursor.
---@return table?
local function float()
  for _, win in ipairs(vim.api.nvim_list_wins()) do
    local config = vim.api.nvim_win_get_config(win)
    if config.relative ~= "" then
      local function words(chunks)
        return vim.trim(table.concat(vim.tbl_map(function(chunk)
          return chunk[1]
        end, chunks or {})))
      end
      return {
        lines = vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(win), 0, -1, true),
        title = words(config.title),
        footer = words(config.footer),
        is_entered = win == vim.api.nvim_get_current_win(),
      }
    end
  end
end

--- What was said in notifications, the newest last.
---@type string[]
local said = {}
vim.notify = function(message)
  said[#said + 1] = message
end

--- Each returns whether its condition is met now, and what it saw.
---@type table<string, fun(wanted: any): boolean, any>
local steps = {
  --- The language server runs and ghost text is switched on; waited for before typing.
  attached = function()
    local clients = vim.lsp.get_clients({ bufnr = 0, name = "hearthline" })
    local is_followed = pcall(vim.api.nvim_get_autocmds, { group = "hearthline.ghost", buffer = 0 })
      and #vim.api.nvim_get_autocmds({ group = "hearthline.ghost", buffer = 0 }) > 0
    return #clients > 0 and is_followed, #clients
  end,
  keys = function(keys)
    vim.api.nvim_input(keys)
    return true, keys
  end,
  --- `wanted` has the fields that must be equal; an empty one is content with any ghost text.
  ghost = function(wanted)
    local seen = ghost()
    return seen ~= nil and vim.deep_equal(vim.tbl_extend("force", seen, wanted), seen), seen
  end,
  no_ghost = function()
    return ghost() == nil, ghost()
  end,
  lines = function(wanted)
    local seen = vim.api.nvim_buf_get_lines(0, 0, -1, true)
    return vim.deep_equal(seen, wanted), seen
  end,
  status = function(wanted)
    local seen = require("hearthline").status()
    return seen == wanted, seen
  end,
  --- `wanted` has the fields that must be equal; an empty one is content with any float.
  float = function(wanted)
    local seen = float()
    return seen ~= nil and vim.deep_equal(vim.tbl_extend("force", seen, wanted), seen), seen
  end,
  no_float = function()
    return float() == nil, float()
  end,
  --- A notification that contains it.
  said = function(wanted)
    return vim.iter(said):any(function(message)
      return message:find(wanted, 1, true) ~= nil
    end), said
  end,
  --- A Lua expression that becomes true.
  expression = function(source)
    local seen = assert(loadstring("return " .. source))()
    return seen and true or false, seen
  end,
}

---@param step table<string, any>
---@param done fun(result: table)
local function run(step, done)
  local deadline_ms = step.deadline_ms or play.deadline_ms
  step.deadline_ms = nil
  local name, wanted = next(step)
  local started = vim.uv.hrtime()
  local function look()
    local ran, ok, seen = pcall(steps[name], wanted)
    local ms = (vim.uv.hrtime() - started) / 1e6
    if ran and not ok and ms < deadline_ms then
      vim.defer_fn(look, poll_ms)
      return
    end
    done({ ok = ran and ok, seen = ran and (seen == nil and vim.NIL or seen) or ok, ms = ms })
  end
  look()
end

local results = {}

local function run_from(index)
  local last = results[#results]
  if index > #play.steps or (last and not last.ok) then
    vim.fn.writefile({ vim.json.encode(results) }, play.report)
    vim.cmd("qall!")
    return
  end
  run(play.steps[index], function(result)
    results[#results + 1] = result
    vim.schedule(function()
      run_from(index + 1)
    end)
  end)
end

vim.schedule(function()
  run_from(1)
end)
