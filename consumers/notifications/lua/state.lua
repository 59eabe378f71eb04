-- Reads how the notifier does in one partition. KEYS: the index's pointer. ARGV: prefix.
-- Returns the cursor, how many pairs are due or to be tried again, how many are under way, and the hosts whose circuits are open.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g = ARGV[1] .. generation .. ':'
local waiting = 0
for _, sub in ipairs(redis.call('ZRANGE', g .. 'turns', 0, -1)) do waiting = waiting + redis.call('ZCARD', g .. 'due/' .. sub) end
return {redis.call('HGET', g .. 'meta', 'next') or '0', waiting, redis.call('HLEN', g .. 'held'), redis.call('HGETALL', g .. 'circuits')}
