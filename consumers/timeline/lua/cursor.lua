-- Reads how far a generation of a partition is.
-- KEYS: the generation's pointer. ARGV: prefix.
-- Returns the generation and its next offset, log id, fold version, homeless and undecodable records, when made, its first offset, what has
-- torn it, the claim's token, stories, the newest problems, and how many stories are parked.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g = ARGV[1] .. generation .. ':'
local found = redis.call('HMGET', g .. 'meta', 'next', 'log', 'fold', 'homeless', 'undecodable', 'made', 'first', 'torn', 'token')
if not found[1] then return {} end
local stories = redis.call('ZCARD', g .. 'recent')
return {generation, found, stories, redis.call('ZREVRANGE', g .. 'problems', 0, 9), redis.call('HLEN', g .. 'parked')}
