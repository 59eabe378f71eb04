-- Reads up to which seq of a story each of some subscriptions was told, of those for whom more is due or under way.
-- KEYS: the index's pointer. ARGV: prefix, story, subscription, … Returns a seq for each, -1 for one that waits for nothing.
local generation = redis.call('GET', KEYS[1])
local found = {}
for i = 3, #ARGV do
  found[i - 2] = -1
  if generation then
    local g, sub, story = ARGV[1] .. generation .. ':', ARGV[i], ARGV[2]
    if redis.call('ZSCORE', g .. 'due/' .. sub, story) or redis.call('HEXISTS', g .. 'held', sub .. '/' .. story) == 1 then
      found[i - 2] = standing(g, sub, story)
    end
  end
end
return found
