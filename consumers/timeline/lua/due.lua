-- Reads the embargoes that are over: 'story/update' and their end in microseconds, the earliest first.
-- Those of a parked story are left out: whether they still hold is in records that the view has not seen.
-- KEYS: the generation's pointer. ARGV: prefix, now in microseconds, how many at most.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, most, start, found = ARGV[1] .. generation .. ':', tonumber(ARGV[3]), 0, {}
local parked = redis.call('HLEN', g .. 'parked') > 0
repeat
  local due = redis.call('ZRANGEBYSCORE', g .. 'embargoes', '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', start, most)
  for i = 1, #due, 2 do
    local story = string.match(due[i], '^[^/]*')
    if #found < 2 * most and not (parked and redis.call('HEXISTS', g .. 'parked', story) == 1) then
      found[#found + 1], found[#found + 2] = due[i], due[i + 1]
    end
  end
  start = start + most
until #due < 2 * most or #found >= 2 * most
return found
