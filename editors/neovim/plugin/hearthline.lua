--- Joins Hearthline's parts to Neovim when it starts; nothing has to be called.

if vim.fn.has("nvim-0.10") == 0 then
  vim.notify("Hearthline needs Neovim 0.10 or newer; this one is older", vim.log.levels.WARN)
  return
end

local augroup = vim.api.nvim_create_augroup("hearthline", {})

---@param event table
---@return boolean
local function is_about_hearthline(event)
  local client = vim.lsp.get_client_by_id(event.data.client_id)
  return client ~= nil and client.name == "hearthline"
end

vim.api.nvim_create_autocmd("LspAttach", {
  group = augroup,
  desc = "Hearthline: turn on ghost text",
  callback = function(event)
    if not is_about_hearthline(event) then
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

vim.api.nvim_create_autocmd("LspDetach", {
  group = augroup,
  desc = "Hearthline: turn off ghost text",
  callback = function(event)
    if is_about_hearthline(event) then
      require("hearthline.ghost").detach(event.buf)
    end
  end,
})

vim.api.nvim_create_autocmd("LspProgress", {
  group = augroup,
  desc = "Hearthline: tell in the status line what is being worked at",
  callback = function(event)
    if is_about_hearthline(event) then
      require("hearthline.progress").receive(event.data.client_id, event.data.params.token, event.data.params.value)
    end
  end,
})

vim.api.nvim_create_user_command("Hearthline", function(command)
  require("hearthline.commands").run(command)
end, {
  nargs = "+",
  range = true,
  desc = "Hearthline: explain, ask, tests, fix, document, stop, pause, resume, status, log",
  complete = function(lead, line)
    return line:match("Hearthline%s+%S*$") and require("hearthline.commands").complete(lead) or {}
  end,
})

---@class hearthline.Key
---@field plug string the name behind `<Plug>`
---@field key string where nothing else has it
---@field act fun(): boolean false where there was nothing to do; the key is then what it was
---@field desc string

---@type hearthline.Key[]
local keys = {
  {
    plug = "accept",
    key = "<Tab>",
    desc = "accept the suggestion",
    act = function()
      return require("hearthline").accept()
    end,
  },
  {
    plug = "accept-word",
    key = "<M-Right>",
    desc = "accept the next word of the suggestion",
    act = function()
      return require("hearthline").accept("word")
    end,
  },
  {
    plug = "accept-line",
    key = "<M-Down>",
    desc = "accept the next line of the suggestion",
    act = function()
      return require("hearthline").accept("line")
    end,
  },
  {
    plug = "dismiss",
    key = "<C-]>",
    desc = "take the suggestion away",
    act = function()
      return require("hearthline").dismiss()
    end,
  },
  {
    plug = "next",
    key = "<M-n>",
    desc = "show the next suggestion, or ask for one",
    act = function()
      return require("hearthline").cycle(1)
    end,
  },
  {
    plug = "previous",
    key = "<M-p>",
    desc = "show the suggestion before",
    act = function()
      return require("hearthline").cycle(-1)
    end,
  },
}

--- Whether a mapping is the one Neovim itself has on <Tab>, which jumps in snippets.
---@param mapping table<string, any> as `maparg()` gives it; empty where there is none
---@return boolean
local function is_neovims_own(mapping)
  return mapping.callback ~= nil and vim.startswith(mapping.desc or "", "vim.snippet.jump")
end

--- Neovim 0.10 jumps in snippets by a mapping that is made and removed with each of them.
---@return string? keys
local function snippet_jump()
  if vim.snippet and vim.snippet.active({ direction = 1 }) then
    return "<Cmd>lua vim.snippet.jump(1)<CR>"
  end
end

---@param name string
---@return boolean
local function is_switched_off(name)
  return vim.g.hearthline_keys == false or (name == "accept" and vim.g.hearthline_tab == false)
end

for _, each in ipairs(keys) do
  vim.keymap.set("i", ("<Plug>(hearthline-%s)"):format(each.plug), function()
    each.act()
  end, { desc = "Hearthline: " .. each.desc })
  local mapping = vim.fn.maparg(each.key, "i", false, true)
  if not is_switched_off(each.plug) and (vim.tbl_isempty(mapping) or is_neovims_own(mapping)) then
    vim.keymap.set("i", each.key, function()
      if each.act() then
        return ""
      end
      return each.plug == "accept" and snippet_jump() or each.key
    end, { expr = true, desc = "Hearthline: " .. each.desc .. ", otherwise " .. each.key })
  end
end
