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

--- Stop the server, as an editor does that leaves.
---@param client vim.lsp.Client
function M.stop(client)
  call(client, "stop")
end

return M
