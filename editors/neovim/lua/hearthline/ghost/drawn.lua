--- Ghost text by this plugin, for Neovim 0.10 and 0.11, which cannot draw inline completions themselves.
---
--- Owns what is asked and what is drawn in each buffer. Invariant: what is drawn goes on from the cursor, word for word,
--- in the text as it is; a key that the suggestion does not say takes it away before the screen is drawn again.

local rpc = require("hearthline.rpc")

---@type hearthline.Ghost
local M = {}

local augroup = vim.api.nvim_create_augroup("hearthline.ghost", {})
local namespace = vim.api.nvim_create_namespace("hearthline.ghost")

--- One key makes several events, and pasted keys come in a burst: they are asked about once.
local gather_ms = 20

---@alias hearthline.ghost.Place [integer, integer] row and column, 0-based, in bytes

---@class hearthline.ghost.Suggestion
---@field texts string[] to choose from
---@field index integer the one that is shown
---@field place hearthline.ghost.Place where they were asked for; they go in there and replace nothing
---@field show_index boolean

---@class hearthline.ghost.State
---@field suggestion? hearthline.ghost.Suggestion
---@field timer? uv.uv_timer_t
---@field request? { client: vim.lsp.Client, id: integer } the one that is under way

---@type table<integer, hearthline.ghost.State> by buffer
local states = {}

---@return hearthline.ghost.Place
local function cursor_place()
  local cursor = vim.api.nvim_win_get_cursor(0)
  return { cursor[1] - 1, cursor[2] }
end

--- What is left of a suggestion at the cursor.
---@param buf integer
---@param suggestion hearthline.ghost.Suggestion
---@return string? rest nil where it does not go on there
local function rest_of(buf, suggestion)
  local from, to = suggestion.place, cursor_place()
  if to[1] < from[1] or (to[1] == from[1] and to[2] < from[2]) or from[1] >= vim.api.nvim_buf_line_count(buf) then
    return nil
  end
  local read, lines = pcall(vim.api.nvim_buf_get_text, buf, from[1], from[2], to[1], to[2], {})
  local typed = read and table.concat(lines, "\n") or nil
  local text = suggestion.texts[suggestion.index]
  if typed and #typed < #text and vim.startswith(text, typed) then
    return text:sub(#typed + 1)
  end
end

---@param buf integer
local function hide(buf)
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
end

--- Draw what is left of the suggestion at the cursor, or take it away where nothing is.
---@param buf integer
local function redraw(buf)
  local state = states[buf]
  local suggestion = state and state.suggestion
  local rest = suggestion and rest_of(buf, suggestion)
  hide(buf)
  if not suggestion or not rest then
    if state then
      state.suggestion = nil
    end
    return
  end
  local lines = vim.tbl_map(function(line)
    return { { line, "HearthlineGhost" } }
  end, vim.split(rest, "\n", { plain = true }))
  if suggestion.show_index then
    local hint = (" (%d/%d)"):format(suggestion.index, #suggestion.texts)
    table.insert(lines[#lines], { hint, "HearthlineGhost" })
  end
  local place = cursor_place()
  vim.api.nvim_buf_set_extmark(buf, namespace, place[1], place[2], {
    virt_text = lines[1],
    virt_text_pos = "inline",
    virt_lines = vim.list_slice(lines, 2),
    hl_mode = "combine",
  })
end

---@param state hearthline.ghost.State
local function withdraw_request(state)
  if state.timer then
    state.timer:stop()
    if not state.timer:is_closing() then
      state.timer:close()
    end
    state.timer = nil
  end
  if state.request then
    pcall(rpc.cancel, state.request.client, state.request.id)
    state.request = nil
  end
end

---@param buf integer
---@return boolean
local function is_typed_in(buf)
  return vim.api.nvim_get_current_buf() == buf and vim.startswith(vim.api.nvim_get_mode().mode, "i")
end

--- Take over what was answered about `place`, where the person has typed nothing else since.
---@param buf integer
---@param place hearthline.ghost.Place
---@param result any
---@param count integer how many places from the first one to show
local function receive(buf, place, result, count)
  local items = type(result) == "table" and (result.items or result) or {}
  local texts = {}
  for _, item in ipairs(items) do
    if type(item.insertText) == "string" and item.insertText ~= "" then
      texts[#texts + 1] = item.insertText
    end
  end
  if not is_typed_in(buf) then
    return
  end
  if #texts == 0 then
    states[buf].suggestion = nil
  else
    states[buf].suggestion = { texts = texts, index = count % #texts + 1, place = place, show_index = count ~= 0 }
  end
  redraw(buf)
end

---@param buf integer
---@param kind integer 1: the person asked; 2: they type
---@param count integer see `receive`
---@return boolean asked
local function ask(buf, kind, count)
  local client, state = rpc.client(buf), states[buf]
  if not client or not state or not is_typed_in(buf) then
    return false
  end
  withdraw_request(state)
  local place = cursor_place()
  local params = rpc.position_params(client)
  params.context = { triggerKind = kind }
  local id
  id = rpc.request(client, "textDocument/inlineCompletion", params, function(error, result)
    if states[buf] ~= state or not state.request or state.request.id ~= id then
      return
    end
    state.request = nil
    if not error then
      receive(buf, place, result, count)
    end
  end, buf)
  state.request = id and { client = client, id = id }
  return id ~= nil
end

---@param buf integer
local function ask_soon(buf)
  local state = states[buf]
  withdraw_request(state)
  state.timer = vim.defer_fn(function()
    state.timer = nil
    ask(buf, 2, 0)
  end, gather_ms)
end

---@param buf integer
local function forget(buf)
  local state = states[buf]
  if state then
    withdraw_request(state)
    state.suggestion = nil
  end
  if vim.api.nvim_buf_is_valid(buf) then
    hide(buf)
  end
end

function M.attach(buf)
  vim.api.nvim_set_hl(0, "HearthlineGhost", { default = true, link = "Comment" })
  states[buf] = states[buf] or {}
  vim.api.nvim_clear_autocmds({ group = augroup, buffer = buf })
  vim.api.nvim_create_autocmd({ "InsertEnter", "CursorMovedI", "TextChangedI", "TextChangedP" }, {
    group = augroup,
    buffer = buf,
    desc = "Hearthline: follow what is typed",
    callback = function()
      redraw(buf)
      ask_soon(buf)
    end,
  })
  vim.api.nvim_create_autocmd({ "InsertLeave", "BufLeave" }, {
    group = augroup,
    buffer = buf,
    desc = "Hearthline: take the suggestion away",
    callback = function()
      forget(buf)
    end,
  })
end

function M.detach(buf)
  vim.api.nvim_clear_autocmds({ group = augroup, buffer = buf })
  forget(buf)
  states[buf] = nil
end

function M.ask_again()
  ask(vim.api.nvim_get_current_buf(), 2, 0)
end

function M.accept(part)
  local buf = vim.api.nvim_get_current_buf()
  -- Keys that come in one burst move the cursor without an event between them.
  redraw(buf)
  if not states[buf] or not states[buf].suggestion then
    return false
  end
  vim.schedule(function()
    local suggestion = states[buf] and states[buf].suggestion
    local rest = suggestion and rest_of(buf, suggestion)
    if rest then
      require("hearthline.ghost.typing").type(part(rest))
      redraw(buf)
    end
  end)
  return true
end

function M.dismiss()
  local buf = vim.api.nvim_get_current_buf()
  local is_shown = states[buf] ~= nil and states[buf].suggestion ~= nil
  if is_shown then
    vim.schedule(function()
      forget(buf)
    end)
  end
  return is_shown
end

function M.cycle(count)
  local buf = vim.api.nvim_get_current_buf()
  local suggestion = states[buf] and states[buf].suggestion
  if not suggestion or #suggestion.texts == 1 then
    return ask(buf, 1, suggestion and count or 0)
  end
  suggestion.index = (suggestion.index - 1 + count) % #suggestion.texts + 1
  suggestion.show_index = true
  vim.schedule(function()
    redraw(buf)
  end)
  return true
end

return M
