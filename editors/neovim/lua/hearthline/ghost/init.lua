--- Ghost text in the buffers where Hearthline is attached: drawn by Neovim where it can (0.12), else by this plugin.

local parts = require("hearthline.ghost.parts")

---@class hearthline.Ghost What can be done with the suggestion of the current buffer, whoever draws it.
---@field attach fun(buf: integer) show suggestions in a buffer from now on
---@field detach fun(buf: integer)
---@field accept fun(part: fun(text: string): string): boolean take a part of what is shown; false where nothing is
---@field dismiss fun(): boolean take it away until the next key; false where none is shown
---@field cycle fun(count: integer): boolean show another one; asks for more where there are none yet
---@field ask_again fun() where a person is typing, ask as if the cursor had moved

---@type hearthline.Ghost
local drawer = require(vim.lsp.inline_completion and "hearthline.ghost.native" or "hearthline.ghost.drawn")

local M = {
  attach = drawer.attach,
  detach = drawer.detach,
  dismiss = drawer.dismiss,
  cycle = drawer.cycle,
}

--- Accept what is shown. Returns at once; the text follows in the next tick, so that mappings with `expr` can call it.
---@param part? "all"|"word"|"line"
---@return boolean accepted false where none is shown
function M.accept(part)
  return drawer.accept(parts[part or "all"])
end

--- Where a person is typing, ask for a suggestion.
function M.ask_again()
  if require("hearthline.rpc").client(0) and vim.startswith(vim.api.nvim_get_mode().mode, "i") then
    drawer.ask_again()
  end
end

return M
