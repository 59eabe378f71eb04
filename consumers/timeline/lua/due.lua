-- Reads the embargoes that are over: 'story/update' and their end in microseconds, the earliest first.
-- KEYS: live. ARGV: prefix, now in microseconds, how many at most.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
return redis.call('ZRANGEBYSCORE', ARGV[1] .. generation .. ':embargoes', '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
