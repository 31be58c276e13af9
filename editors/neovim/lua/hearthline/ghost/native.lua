--- Ghost text by Neovim 0.12: it asks, draws and inserts (`vim.lsp.inline_completion`).
---
--- This module adds what is missing in between. While the person types on, a suggestion that is no longer what they are
--- typing goes away at once, and one that still is can be accepted without doubling what was typed. Neovim has no
--- public way to withdraw a suggestion or to take a part of it, hence the look into its state; where that has another
--- shape, nothing is done.

local parts = require("hearthline.ghost.parts")
local rpc = require("hearthline.rpc")

---@type hearthline.Ghost
local M = {}

local augroup = vim.api.nvim_create_augroup("hearthline.ghost", {})
local namespace = vim.api.nvim_create_namespace("nvim.lsp.inline_completion")

--- Neovim's own state for a buffer.
---@param buf integer
---@return table?
local function completor_of(buf)
  local found, completor = pcall(function()
    return vim.lsp._capability.all.inline_completion.active[buf]
  end)
  return found and completor or nil
end

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

--- What is left of a suggestion at the cursor.
---@param buf integer
---@param item vim.lsp.inline_completion.Item
---@return string? rest nil where the cursor is at no place where the suggestion goes on
local function rest_of(buf, item)
  local text, range = item.insert_text, item.range
  if type(text) ~= "string" or not range then
    return nil
  end
  local typed = typed_since(buf, range)
  if typed and #typed < #text and vim.startswith(text, typed) then
    return text:sub(#typed + 1)
  end
end

---@param buf integer
---@param completor table
local function withdraw(buf, completor)
  completor.current = nil
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
end

--- Take away a suggestion that no longer fits: Neovim keeps drawing the last answer until the next one comes.
---@param buf integer
local function withdraw_stale(buf)
  local completor = completor_of(buf)
  if completor and is_ours(completor.current) and not rest_of(buf, completor.current) then
    withdraw(buf, completor)
  end
end

--- Remove what was typed of the suggestion since it was made: Neovim inserts all of it at the place it was made for.
---@param buf integer
---@param item vim.lsp.inline_completion.Item
local function remove_typed(buf, item)
  local typed = item.range and typed_since(buf, item.range)
  if typed and rest_of(buf, item) then
    local row, column = item.range.start_row, item.range.start_col
    vim.api.nvim_buf_set_text(buf, row, column, row, column + #typed, { "" })
  end
end

--- Type a part of the suggestion for the person; what is left of it goes on behind.
---@param buf integer
---@param part fun(text: string): string
local function type_part(buf, part)
  local completor = completor_of(buf)
  local item = completor and completor.current
  local rest = item and rest_of(buf, item)
  if not completor or not item or not rest then
    return
  end
  local taken = part(rest)
  require("hearthline.ghost.typing").type(taken)
  if #taken == #rest then
    withdraw(buf, completor)
    return
  end
  local cursor = vim.api.nvim_win_get_cursor(0)
  local place = { line = cursor[1] - 1, character = cursor[2] }
  item.insert_text = rest:sub(#taken + 1)
  item.range = vim.range.lsp(buf, { start = place, ["end"] = place }, "utf-8")
  completor:show()
end

--- Ask for several suggestions to choose from, and show another than the first.
---@param buf integer
---@param count integer
---@return boolean asked
local function ask_for_more(buf, count)
  local client, completor = rpc.client(buf), completor_of(buf)
  if not client or not completor then
    return false
  end
  local params = rpc.position_params(client)
  params.context = { triggerKind = vim.lsp.protocol.InlineCompletionTriggerKind.Invoked }
  local was_shown = completor.current ~= nil
  local tick = vim.api.nvim_buf_get_changedtick(buf)
  local id = rpc.request(client, "textDocument/inlineCompletion", params, function(error, result, context)
    if error or not result or tick ~= vim.api.nvim_buf_get_changedtick(buf) then
      return
    end
    completor:handler(nil, result, context)
    if was_shown and completor:count_items() > 1 then
      vim.lsp.inline_completion.select({ bufnr = buf, count = count })
    end
  end, buf)
  return id ~= nil
end

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

function M.detach(buf)
  vim.api.nvim_clear_autocmds({ group = augroup, buffer = buf })
end

function M.ask_again()
  vim.api.nvim_exec_autocmds("CursorMovedI", { buffer = 0, modeline = false })
end

function M.accept(part)
  local buf = vim.api.nvim_get_current_buf()
  -- Keys that come in one burst move the cursor without an event between them.
  withdraw_stale(buf)
  if part == parts.all then
    return vim.lsp.inline_completion.get({
      on_accept = function(item)
        if is_ours(item) then
          remove_typed(buf, item)
        end
        return item
      end,
    })
  end
  local completor = completor_of(buf)
  if not completor or not is_ours(completor.current) then
    return false
  end
  vim.schedule(function()
    type_part(buf, part)
  end)
  return true
end

function M.dismiss()
  local buf = vim.api.nvim_get_current_buf()
  local completor = completor_of(buf)
  if not completor or not is_ours(completor.current) then
    return false
  end
  vim.schedule(function()
    completor:abort()
  end)
  return true
end

function M.cycle(count)
  local buf = vim.api.nvim_get_current_buf()
  local completor = completor_of(buf)
  if not completor then
    return false
  end
  if completor.current and completor:count_items() > 1 then
    vim.schedule(function()
      vim.lsp.inline_completion.select({ bufnr = buf, count = count })
    end)
    return true
  end
  return ask_for_more(buf, count)
end

return M
