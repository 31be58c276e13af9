--- What of a suggestion is taken when not all of it is. Pure.

local M = {}

--- The first word with the white space before it, or the first run of other characters.
---@param text string not empty
---@return string
function M.word(text)
  return text:match("^%s*[%w_\128-\255]+") or text:match("^%s*[^%w_%s\128-\255]+") or text
end

--- The first line; of a text that begins on the next line, that one.
---@param text string not empty
---@return string
function M.line(text)
  return assert(text:match("^\n*[^\n]*"))
end

--- The whole text.
---@param text string
---@return string
function M.all(text)
  return text
end

return M
