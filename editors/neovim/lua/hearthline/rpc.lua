--- Asking the language server, in every Neovim from 0.10 on: from 0.11 a client's functions take the client first.

local M = {}

local with_self = vim.fn.has("nvim-0.11") == 1

---@param client vim.lsp.Client
---@param name string
---@param ... any
---@return any ...
local function call(client, name, ...)
  if with_self then
    return client[name](client, ...)
  end
  return client[name](...)
end

--- The Hearthline that is attached to a buffer.
---@param buf integer 0 for the current one
---@return vim.lsp.Client?
function M.client(buf)
  local bufnr = buf == 0 and vim.api.nvim_get_current_buf() or buf
  return vim.lsp.get_clients({ bufnr = bufnr, name = "hearthline" })[1]
end

--- Send a request; what was typed until now is sent first.
---@param client vim.lsp.Client
---@param method string
---@param params table
---@param handler fun(error?: lsp.ResponseError, result?: any, context?: table)
---@param buf integer
---@return integer? id to cancel it with; nil where the server is gone
function M.request(client, method, params, handler, buf)
  local sent, id = call(client, "request", method, params, handler, buf)
  return sent and id or nil
end

---@param client vim.lsp.Client
---@param method string
---@param params table
function M.notify(client, method, params)
  call(client, "notify", method, params)
end

---@param client vim.lsp.Client
---@param id integer of `request`
function M.cancel(client, id)
  call(client, "cancel_request", id)
end

--- The document and the place of the cursor of the current window.
---@param client vim.lsp.Client
---@return table
function M.position_params(client)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding) --[[@as table]]
  if not with_self and client.offset_encoding ~= "utf-8" then
    -- Behind characters of several bytes, Neovim 0.10 may take the end of the line for the place of the cursor.
    local column = vim.api.nvim_win_get_cursor(0)[2]
    local utf32, utf16 = vim.str_utfindex(vim.api.nvim_get_current_line(), column)
    params.position.character = client.offset_encoding == "utf-16" and utf16 or utf32
  end
  return params
end

return M
