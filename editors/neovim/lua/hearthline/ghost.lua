--- Ghost text in the buffers where Hearthline is attached.
---
--- Neovim asks for it, draws it and inserts it (`vim.lsp.inline_completion`). This module adds what is missing in
--- between, while the person types on: a suggestion that is no longer what they are typing goes away at once, and one
--- that still is can be accepted without doubling what was typed.

local M = {}

local augroup = vim.api.nvim_create_augroup("hearthline.ghost", {})
local namespace = vim.api.nvim_create_namespace("nvim.lsp.inline_completion")

---@param item vim.lsp.inline_completion.Item?
---@return boolean
local function is_ours(item)
  local client = item and vim.lsp.get_client_by_id(item.client_id)
  return client ~= nil and client.name == "hearthline"
end

--- The text between the place of the suggestion and the cursor of the current window.
---@param buf integer
---@param range vim.Range
---@return string? typed nil where the cursor has left the suggestion: it is on another line, or before it
local function typed_since(buf, range)
  local cursor = vim.api.nvim_win_get_cursor(0)
  local row, column = cursor[1] - 1, cursor[2]
  if row ~= range.start_row or column < range.start_col then
    return nil
  end
  return vim.api.nvim_buf_get_text(buf, row, range.start_col, row, column, {})[1]
end

--- Whether the cursor still is at a place where the suggestion goes on.
---@param buf integer
---@param item vim.lsp.inline_completion.Item
---@return boolean
local function is_current(buf, item)
  local text, range = item.insert_text, item.range
  if type(text) ~= "string" or not range then
    return true
  end
  local typed = typed_since(buf, range)
  return typed ~= nil and #typed < #text and vim.startswith(text, typed)
end

--- Take away a suggestion that no longer fits. Neovim keeps drawing the last answer until the next one comes, and has
--- no public way to withdraw it, hence the look into its state; where that has another shape, nothing is done.
---@param buf integer
local function withdraw_stale(buf)
  local found, completor = pcall(function()
    return vim.lsp._capability.all.inline_completion.active[buf]
  end)
  if not found or not completor or not is_ours(completor.current) then
    return
  end
  if not is_current(buf, completor.current) then
    completor.current = nil
    vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  end
end

--- Remove what was typed of the suggestion since it was made: Neovim inserts all of it at the place it was made for.
---@param buf integer
---@param item vim.lsp.inline_completion.Item
local function remove_typed(buf, item)
  local typed = item.range and typed_since(buf, item.range)
  if typed and is_current(buf, item) then
    local row, column = item.range.start_row, item.range.start_col
    vim.api.nvim_buf_set_text(buf, row, column, row, column + #typed, { "" })
  end
end

--- Turn ghost text on in `buf`.
---@param buf integer
function M.attach(buf)
  vim.lsp.inline_completion.enable(true, { bufnr = buf })
  vim.api.nvim_clear_autocmds({ group = augroup, buffer = buf })
  vim.api.nvim_create_autocmd({ "CursorMovedI", "TextChangedP" }, {
    group = augroup,
    buffer = buf,
    desc = "Hearthline: take away a suggestion that no longer fits",
    callback = function()
      withdraw_stale(buf)
    end,
  })
end

--- Where a person is typing, have Neovim ask for a suggestion, as it does when the cursor moves.
function M.ask_again()
  local is_attached = #vim.lsp.get_clients({ bufnr = 0, name = "hearthline" }) > 0
  if is_attached and vim.startswith(vim.api.nvim_get_mode().mode, "i") then
    vim.api.nvim_exec_autocmds("CursorMovedI", { buffer = 0, modeline = false })
  end
end

--- Accept the suggestion that is shown in the current buffer. Returns at once; the text follows in the next tick, so
--- that mappings with `expr` can call this.
---@return boolean accepted false where none is shown
function M.accept()
  local buf = vim.api.nvim_get_current_buf()
  -- Keys that come in one burst move the cursor without an event between them.
  withdraw_stale(buf)
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      if is_ours(item) then
        remove_typed(buf, item)
      end
      return item
    end,
  })
end

return M
