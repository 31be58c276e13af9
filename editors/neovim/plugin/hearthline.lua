--- Joins Hearthline's parts to Neovim when it starts; nothing has to be called.

if vim.fn.has("nvim-0.12") == 0 then
  vim.notify("Hearthline shows its suggestions in Neovim 0.12 or newer; this one is older", vim.log.levels.WARN)
  return
end

vim.api.nvim_create_autocmd("LspAttach", {
  group = vim.api.nvim_create_augroup("hearthline", {}),
  desc = "Hearthline: turn on ghost text",
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if not client or client.name ~= "hearthline" then
      return
    end
    -- Neovim counts the buffer as attached only once this event is over.
    vim.schedule(function()
      if vim.api.nvim_buf_is_valid(event.buf) then
        require("hearthline.ghost").attach(event.buf)
        vim.cmd.redrawstatus({ bang = true })
      end
    end)
  end,
})

vim.keymap.set("i", "<Plug>(hearthline-accept)", function()
  require("hearthline").accept()
end, { desc = "Hearthline: accept the suggestion" })

--- Whether a mapping is the one Neovim itself has on <Tab>, which jumps in snippets.
---@param mapping table<string, any> as `maparg()` gives it; empty where there is none
---@return boolean
local function is_neovims_own(mapping)
  return mapping.callback ~= nil and vim.startswith(mapping.desc or "", "vim.snippet.jump")
end

local tab = vim.fn.maparg("<Tab>", "i", false, true)
if vim.g.hearthline_tab ~= false and (vim.tbl_isempty(tab) or is_neovims_own(tab)) then
  vim.keymap.set("i", "<Tab>", function()
    if require("hearthline").accept() then
      return ""
    end
    return tab.callback and tab.callback() or "<Tab>"
  end, { expr = true, desc = "Hearthline: accept the suggestion, otherwise <Tab>" })
end
