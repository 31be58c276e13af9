--- Starts the language server in Neovim 0.10, which has no `vim.lsp.enable`.

local M = {}

---@type vim.lsp.ClientConfig? nil until it is enabled
local config

---@return vim.lsp.ClientConfig
local function packaged()
  local file = vim.api.nvim_get_runtime_file("lsp/hearthline.lua", false)[1]
  local base = dofile(assert(file, "lsp/hearthline.lua is not on 'runtimepath'"))
  base.capabilities = vim.tbl_deep_extend("force", vim.lsp.protocol.make_client_capabilities(), base.capabilities or {})
  return base
end

--- The folder of the project: the nearest one with a marker of the first kind, else of the next.
---@param buf integer
---@param root_markers string[][]
---@return string?
local function root(buf, root_markers)
  for _, markers in ipairs(root_markers) do
    local found = vim.fs.root(buf, markers)
    if found then
      return found
    end
  end
end

--- Start it in a buffer, where it is for that type of file.
---@param buf integer
local function attach(buf)
  if not config or vim.bo[buf].buftype ~= "" or not vim.tbl_contains(config.filetypes, vim.bo[buf].filetype) then
    return
  end
  local started = vim.tbl_extend("force", config, { name = "hearthline", root_dir = root(buf, config.root_markers) })
  vim.lsp.start(started, { bufnr = buf })
end

--- Start it in every buffer that is loaded.
function M.attach_all()
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buf) then
      attach(buf)
    end
  end
end

--- Start it now and for every file that is opened later.
---@param own table what differs from lsp/hearthline.lua, or from what was told before
function M.enable(own)
  config = vim.tbl_deep_extend("force", config or packaged(), own)
  vim.api.nvim_create_autocmd("FileType", {
    group = vim.api.nvim_create_augroup("hearthline.start", {}),
    desc = "Hearthline: start the language server",
    callback = function(event)
      attach(event.buf)
    end,
  })
  M.attach_all()
end

return M
