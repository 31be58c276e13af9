--- `:checkhealth hearthline`: from Neovim to the model, each link of the chain and what to do where it is broken.

local M = {}

local health = vim.health

---@return string[] command that starts the language server
local function server_command()
  local config = vim.lsp.config and vim.lsp.config.hearthline
  local client = vim.lsp.get_clients({ name = "hearthline" })[1]
  local cmd = (client and client.config.cmd) or (config and config.cmd)
  return type(cmd) == "table" and cmd or { "hearthline", "lsp" }
end

local function check_neovim()
  health.start("Neovim")
  if vim.lsp.inline_completion then
    health.ok("Neovim draws inline completions itself")
  elseif vim.fn.has("nvim-0.10") == 1 then
    health.ok("this Neovim cannot draw inline completions; the plugin draws them")
  else
    health.error("Hearthline needs Neovim 0.10 or newer")
  end
  local tab = vim.fn.maparg("<Tab>", "i", false, true)
  if vim.startswith(tab.desc or "", "Hearthline") then
    health.ok("<Tab> accepts a suggestion")
  else
    health.info("<Tab> is not Hearthline's; map <Plug>(hearthline-accept) to a key")
  end
end

---@return boolean
local function check_command()
  health.start("Language server")
  local command = server_command()
  if vim.fn.executable(command[1]) == 0 then
    health.error(command[1] .. " cannot be executed", {
      "Install Hearthline: `uv tool install hearthline`, or `pip install` in an environment of its own.",
      'Name it: vim.lsp.config("hearthline", { cmd = { "/path/to/hearthline", "lsp" } })',
    })
    return false
  end
  health.ok(table.concat(command, " ") .. " can be executed")
  return true
end

local function check_attached()
  local clients = vim.lsp.get_clients({ name = "hearthline" })
  if #clients == 0 then
    health.warn("not running: no buffer has it", {
      'Say vim.lsp.enable("hearthline") in your configuration (Neovim 0.10: require("hearthline").enable()).',
      "Open a file of a type in lsp/hearthline.lua; `:set filetype?` shows the type.",
    })
    return
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_filter(function(buf)
      return #vim.lsp.get_clients({ bufnr = buf, name = "hearthline" }) > 0
    end, vim.api.nvim_list_bufs())
    health.ok(("running, attached to %d buffers, root %s"):format(#buffers, client.config.root_dir or "none"))
    local status = buffers[1] and require("hearthline.status").of(buffers[1])
    if status and status.state == "problem" then
      health.error(status.message)
    elseif status then
      health.info(status.state .. ": " .. status.message)
    end
  end
end

--- Let `hearthline doctor` look at everything behind the language server.
local function check_doctor()
  health.start("Model and worker (hearthline doctor)")
  local done = vim.system({ server_command()[1], "doctor", "--json" }, { text = true, timeout = 30000 }):wait()
  local read, report = pcall(vim.json.decode, done.stdout or "")
  if not read or type(report) ~= "table" then
    health.warn("hearthline doctor did not answer; run it in a terminal")
    return
  end
  local tell = { ok = health.ok, warn = health.warn, fail = health.error }
  for _, check in ipairs(report.checks or {}) do
    local say = tell[check.verdict] or health.info
    say(("%s: %s"):format(check.name, check.found), check.advice ~= "" and { check.advice } or nil)
  end
end

--- Called by `:checkhealth`.
function M.check()
  check_neovim()
  local can_run = check_command()
  check_attached()
  if can_run then
    check_doctor()
  end
end

return M
