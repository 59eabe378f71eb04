-- Reads a partition's stories, the last changed first, each with its state and how many updates are public.
-- KEYS: the generation's pointer. ARGV: prefix, how many at most, the time to go on below ('+inf' for all), the story to go on below there.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, limit, place, last, found, from = ARGV[1] .. generation .. ':', tonumber(ARGV[2]), ARGV[3], ARGV[4], {}, 0
while true do
  local listed = redis.call('ZREVRANGEBYSCORE', g .. 'recent', place, '-inf', 'WITHSCORES', 'LIMIT', from, limit)
  for i = 1, #listed, 2 do
    if place == '+inf' or tonumber(listed[i + 1]) < tonumber(place) or listed[i] < last then
      found[#found + 1] = {redis.call('HGET', g .. 'stories', listed[i]), redis.call('ZCARD', g .. 'index/' .. listed[i])}
      if #found == limit then return found end
    end
  end
  if #listed < 2 * limit then return found end
  from = from + limit
end
