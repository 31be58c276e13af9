--- The request `hearthline/input`: asks the person for one line of text.

local M = {}

--- Ask, and answer the server once the person has answered. Runs in the coroutine of the request.
---@param prompt string
---@return { text: string }|userdata answer `vim.NIL`, JSON's null, where the person declined
function M.ask(prompt)
  local request = coroutine.running()
  vim.schedule(function()
    vim.ui.input({ prompt = prompt .. " " }, function(text)
      local answer = text and vim.trim(text) ~= "" and { text = text } or vim.NIL
      local resumed, failure = coroutine.resume(request, answer)
      assert(resumed, failure)
    end)
  end)
  return coroutine.yield()
end

return M
