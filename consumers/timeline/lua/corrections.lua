-- Reads a partition's corrections, or one story's, the last recorded first, each with its update's document as it is now.
-- KEYS: live. ARGV: prefix, story or '', how many at most.
-- Returns {recorded at, 'story/update/revision', document or ''}.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, found = ARGV[1] .. generation .. ':', {}
local key = g .. 'corrections'
if ARGV[2] ~= '' then key = key .. '/' .. ARGV[2] end
local listed = redis.call('ZREVRANGE', key, 0, ARGV[3] - 1, 'WITHSCORES')
for i = 1, #listed, 2 do
  local story, update = string.match(listed[i], '^([^/]+)/([^/]+)/')
  found[#found + 1] = {listed[i + 1], listed[i], redis.call('HGET', g .. 'docs/' .. story, update) or ''}
end
return found
