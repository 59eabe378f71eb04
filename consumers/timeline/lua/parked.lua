-- Reads the parked stories of a partition and their entries. KEYS: the generation's pointer. ARGV: prefix.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
return redis.call('HGETALL', ARGV[1] .. generation .. ':parked')
