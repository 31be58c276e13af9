--- Starts the language server again when it has ended by itself; a server that keeps ending is left alone.

local M = {}

local delay_ms = 500
local starts_max = 3
local period_ms = 3 * 60 * 1000

---@type integer[] when it was started again, in milliseconds of the loop's clock
local starts = {}

---@return boolean
local function is_wanted()
  return not vim.lsp.is_enabled or vim.lsp.is_enabled("hearthline")
end

--- Start it in all buffers that it is for, as when Neovim started.
local function start()
  if vim.lsp.enable then
    vim.lsp.enable("hearthline")
  else
    require("hearthline.start").attach_all()
  end
end

--- Told how a server ended.
---@param code integer
---@param signal integer
function M.ended(code, signal)
  local was_asked = code == 0 and signal == 0
  if was_asked or vim.v.exiting ~= vim.NIL or not is_wanted() then
    return
  end
  local now = vim.uv.now()
  starts = vim.tbl_filter(function(at)
    return now - at < period_ms
  end, starts)
  if #starts == starts_max then
    vim.notify(
      "Hearthline's language server keeps ending. `:Hearthline log` says why; `:edit` in a file starts it again",
      vim.log.levels.ERROR
    )
    return
  end
  starts[#starts + 1] = now
  vim.defer_fn(start, delay_ms)
end

return M
