-- Reads which of some keys Redis will forget by itself, which no key of a view is meant to be.
-- KEYS: keys of one slot. Returns each that will be, and in how many milliseconds.
local found = {}
for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left >= 0 then found[#found + 1] = {key, left} end
end
return found
