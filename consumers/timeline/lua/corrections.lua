-- Reads a partition's corrections, or one story's, of what is public, the last recorded first, each with its update's document as it is now.
-- KEYS: the generation's pointer. ARGV: prefix, story or '', how many at most.
-- Returns {recorded at, 'story/update/revision', document}.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, limit, found, from = ARGV[1] .. generation .. ':', tonumber(ARGV[3]), {}, 0
local key = g .. 'corrections'
if ARGV[2] ~= '' then key = key .. '/' .. ARGV[2] end
while true do
  local listed = redis.call('ZREVRANGE', key, from, from + limit - 1, 'WITHSCORES')
  for i = 1, #listed, 2 do
    local story, update = string.match(listed[i], '^([^/]+)/([^/]+)/')
    local document = redis.call('HGET', g .. 'docs/' .. story, update)
    if document then found[#found + 1] = {listed[i + 1], listed[i], document} end
    if #found == limit then return found end
  end
  if #listed < 2 * limit then return found end
  from = from + limit
end
