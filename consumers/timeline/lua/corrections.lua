-- Reads a partition's corrections, or one story's, of what is public, the last recorded first, each with its update's document as it is now.
-- KEYS: the generation's pointer.
-- ARGV: prefix, story or '', how many at most, the score to go on below ('+inf' for all), the correction to go on below there.
-- Returns {score, 'story/update/revision', document}; the score is when it was recorded, or within one story its seq.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, limit, place, last, found, from = ARGV[1] .. generation .. ':', tonumber(ARGV[3]), ARGV[4], ARGV[5], {}, 0
local key = g .. 'corrections'
if ARGV[2] ~= '' then key = key .. '/' .. ARGV[2] end
while true do
  local listed = redis.call('ZREVRANGEBYSCORE', key, place, '-inf', 'WITHSCORES', 'LIMIT', from, limit)
  for i = 1, #listed, 2 do
    if place == '+inf' or tonumber(listed[i + 1]) < tonumber(place) or listed[i] < last then
      local story, update = string.match(listed[i], '^([^/]+)/([^/]+)/')
      local document = redis.call('HGET', g .. 'docs/' .. story, update)
      if document then found[#found + 1] = {listed[i + 1], listed[i], document} end
      if #found == limit then return found end
    end
  end
  if #listed < 2 * limit then return found end
  from = from + limit
end
