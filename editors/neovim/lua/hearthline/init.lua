--- What a configuration or a mapping may call. Everything else under `hearthline.` is internal.

local M = {}

--- Start Hearthline in Neovim 0.10; from 0.11 on the same as `vim.lsp.config` and `vim.lsp.enable`.
---@param own? table what differs from lsp/hearthline.lua, such as `cmd` or `settings`
function M.enable(own)
  if vim.lsp.enable then
    vim.lsp.config("hearthline", own or {})
    vim.lsp.enable("hearthline")
  else
    require("hearthline.start").enable(own or {})
  end
end

--- Accept the suggestion that is shown at the cursor, or its first word or line.
---@param part? "all"|"word"|"line"
---@return boolean accepted false where none is shown; nothing has happened then
function M.accept(part)
  return require("hearthline.ghost").accept(part)
end

--- Take the suggestion away until the next key.
---@return boolean dismissed false where none is shown
function M.dismiss()
  return require("hearthline.ghost").dismiss()
end

--- Show another suggestion: the next one, or for -1 the one before. Asks for some where there is none to choose.
---@param count? integer
---@return boolean asked false where Hearthline is not attached
function M.cycle(count)
  return require("hearthline.ghost").cycle(count or 1)
end

--- One short text for the status line about the current buffer; empty where Hearthline is not at work.
---@return string
function M.status()
  return require("hearthline.status").text(vim.api.nvim_get_current_buf())
end

return M
