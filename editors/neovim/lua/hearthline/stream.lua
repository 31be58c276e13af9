--- The float in which an explanation appears while the model writes it (`hearthline/stream`).
---
--- Owns the one float there is. Invariant: a float that goes away while its text is still being written, by whatever
--- means, has the writing cancelled.

local rpc = require("hearthline.rpc")

local M = {}

---@class hearthline.StreamBegin
---@field id string also the token to cancel it with
---@field state "begin"
---@field title string
---@field uri string

---@class hearthline.StreamText
---@field id string
---@field state "text"
---@field text string Markdown to append

---@class hearthline.StreamEnd
---@field id string
---@field state "end"
---@field outcome "done"|"cancelled"|"failed"
---@field message? string

---@alias hearthline.StreamParams hearthline.StreamBegin|hearthline.StreamText|hearthline.StreamEnd

---@class hearthline.Float
---@field id string
---@field client_id integer
---@field buf integer
---@field win integer
---@field is_written boolean the model still writes

---@type hearthline.Float?
local float

local width_max = 100
local least_height = 4
local namespace = vim.api.nvim_create_namespace("hearthline.stream")

--- Where the float has room: below the cursor, or above it where that is more.
---@return vim.api.keyset.win_config
---@return integer height at most
local function place()
  local row = vim.fn.screenrow()
  -- The frame takes two lines, the command line and the status line two more.
  local below, above = vim.o.lines - row - 4, row - 4
  local is_below = below >= above or below >= 12
  local height = math.max(least_height, is_below and below or above)
  return {
    relative = "cursor",
    anchor = is_below and "NW" or "SW",
    row = is_below and 1 or 0,
    col = 0,
    width = math.max(20, math.min(width_max, vim.o.columns - 4)),
    height = 1,
    style = "minimal",
    border = "rounded",
  },
    height
end

---@param footer string
local function set_footer(footer)
  if float and vim.api.nvim_win_is_valid(float.win) then
    vim.api.nvim_win_set_config(float.win, { footer = " " .. footer .. " ", footer_pos = "right" })
  end
end

--- Cancel what is still being written, and forget the float.
local function let_go()
  local old = float
  float = nil
  local client = old and old.is_written and vim.lsp.get_client_by_id(old.client_id)
  if old and client then
    rpc.notify(client, "window/workDoneProgress/cancel", { token = old.id })
  end
end

--- Close the float; what is still being written is cancelled.
function M.close()
  local win = float and float.win
  let_go()
  if win and vim.api.nvim_win_is_valid(win) then
    vim.api.nvim_win_close(win, true)
  end
end

--- The file and line that the link at or behind the cursor leads to.
---@return string? uri
---@return integer? line 1-based
local function link()
  local line, column = vim.api.nvim_get_current_line(), vim.api.nvim_win_get_cursor(0)[2]
  local from = 1
  while true do
    local first, last, uri, number = line:find("%[[^%]]*%]%((file://[^)#]*)#L(%d+)%)", from)
    if not first then
      return nil
    elseif last > column then
      return uri, tonumber(number)
    end
    from = last + 1
  end
end

--- Go where the link under the cursor leads; the float stays.
local function follow()
  local uri, line = link()
  if not uri or not line then
    return
  end
  vim.cmd.wincmd("p")
  vim.cmd.edit(vim.fn.fnameescape(vim.uri_to_fname(uri)))
  vim.api.nvim_win_set_cursor(0, { math.min(line, vim.api.nvim_buf_line_count(0)), 0 })
end

---@param title string
---@return integer buf
local function make_buffer(title)
  local buf = vim.api.nvim_create_buf(false, true)
  vim.bo[buf].bufhidden = "wipe"
  vim.b[buf].hearthline_title = title
  for _, key in ipairs({ "q", "<Esc>" }) do
    vim.keymap.set("n", key, M.close, { buffer = buf, nowait = true, desc = "Hearthline: close, and stop writing" })
  end
  vim.keymap.set("n", "<CR>", follow, { buffer = buf, desc = "Hearthline: go where the link leads" })
  vim.api.nvim_create_autocmd("BufWipeout", {
    buffer = buf,
    callback = function()
      if float and float.buf == buf then
        let_go()
      end
    end,
  })
  return buf
end

---@param client_id integer
---@param params hearthline.StreamBegin
local function begin(client_id, params)
  M.close()
  local config, height_max = place()
  config.title, config.title_pos = " " .. params.title .. " ", "left"
  local buf = make_buffer(params.title)
  -- A person who types already goes on typing.
  local is_entered = vim.api.nvim_get_mode().mode == "n"
  local win = vim.api.nvim_open_win(buf, is_entered, config)
  vim.wo[win].wrap, vim.wo[win].linebreak, vim.wo[win].conceallevel = true, true, 2
  vim.w[win].hearthline_height_max = height_max
  float = { id = params.id, client_id = client_id, buf = buf, win = win, is_written = true }
  vim.bo[buf].filetype = "markdown"
  vim.bo[buf].modifiable = false
  set_footer("writing… q stops")
end

--- As many lines as the text takes, wrapped, up to what there is room for.
---@param win integer
local function fit(win)
  local lines = vim.api.nvim_win_text_height(win, {}).all
  vim.api.nvim_win_set_height(win, math.max(1, math.min(lines, vim.w[win].hearthline_height_max)))
end

---@param text string
local function append(text)
  if not float or not vim.api.nvim_buf_is_valid(float.buf) then
    return
  end
  local buf = float.buf
  local last = vim.api.nvim_buf_line_count(buf) - 1
  local column = #vim.api.nvim_buf_get_lines(buf, last, last + 1, true)[1]
  -- A cursor at the end would be pushed along, and who reads from the beginning with it.
  local view = vim.api.nvim_win_call(float.win, vim.fn.winsaveview)
  vim.bo[buf].modifiable = true
  vim.api.nvim_buf_set_text(buf, last, column, last, column, vim.split(text, "\r?\n"))
  vim.bo[buf].modifiable = false
  fit(float.win)
  vim.api.nvim_win_call(float.win, function()
    vim.fn.winrestview(view)
  end)
end

--- What happened to it, under the text: words of the server are no Markdown of the model.
---@param params hearthline.StreamEnd
local function finish(params)
  if not float then
    return
  end
  float.is_written = false
  if params.message and vim.api.nvim_buf_is_valid(float.buf) then
    local last = vim.api.nvim_buf_line_count(float.buf) - 1
    local line = { { params.message, params.outcome == "failed" and "DiagnosticError" or "DiagnosticInfo" } }
    vim.api.nvim_buf_set_extmark(float.buf, namespace, last, 0, { virt_lines = { line } })
    fit(float.win)
  end
  set_footer(params.outcome == "done" and "q closes, ⏎ follows a link" or (params.outcome .. ", q closes"))
end

--- Take what a server streams.
---@param client_id integer
---@param params hearthline.StreamParams JSON's null may be `vim.NIL`
function M.receive(client_id, params)
  if params.state == "begin" then
    begin(client_id, params)
  elseif not float or float.id ~= params.id or float.client_id ~= client_id then
    return -- of one that was closed
  elseif params.state == "text" then
    append(params.text)
  else
    local message = params.message ~= vim.NIL and params.message or nil
    finish({ id = params.id, state = "end", outcome = params.outcome, message = message })
  end
end

--- The server is gone: nothing more will come.
---@param client_id integer
function M.abandon(client_id)
  if float and float.client_id == client_id and float.is_written then
    finish({ id = float.id, state = "end", outcome = "failed", message = "The language server ended." })
  end
end

return M
