--- What a configuration or a mapping may call. Everything else under `hearthline.` is internal.

local M = {}

--- Accept the suggestion that is shown at the cursor.
---@return boolean accepted false where none is shown; nothing has happened then
function M.accept()
  return require("hearthline.ghost").accept()
end

--- One short text for the status line about the current buffer; empty where Hearthline is not at work.
---@return string
function M.status()
  return require("hearthline.status").text(vim.api.nvim_get_current_buf())
end

return M
