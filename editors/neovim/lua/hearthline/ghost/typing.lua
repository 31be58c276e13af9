--- Puts text in at the cursor as if it had been typed, in insert mode.

local M = {}

--- Type `text` at the cursor of the current window, and leave the cursor behind it.
---@param text string lines end with "\n"
function M.type(text)
  local cursor = vim.api.nvim_win_get_cursor(0)
  local row, column = cursor[1] - 1, cursor[2]
  local lines = vim.split(text, "\n", { plain = true })
  vim.api.nvim_buf_set_text(0, row, column, row, column, lines)
  local last = lines[#lines]
  vim.api.nvim_win_set_cursor(0, { row + #lines, #lines == 1 and column + #last or #last })
end

return M
