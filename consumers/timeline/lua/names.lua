-- Reads the ids of a story's updates that are public, for "did you mean".
-- KEYS: the generation's pointer. ARGV: prefix, story, how many at most (the newest).
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
return redis.call('ZREVRANGE', ARGV[1] .. generation .. ':index/' .. ARGV[2], 0, ARGV[3] - 1)
