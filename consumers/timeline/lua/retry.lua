-- Asks for one more try of a parked story, if its entry still is what the caller saw. Whoever holds the partition sees it and does it.
-- KEYS: the generation's pointer. ARGV: prefix, story, its entry, the entry that asks. Returns 1, or 0 if the entry is another or gone.
local generation = redis.call('GET', KEYS[1])
local parked = generation and ARGV[1] .. generation .. ':parked'
if not parked or redis.call('HGET', parked, ARGV[2]) ~= ARGV[3] then return 0 end
redis.call('HSET', parked, ARGV[2], ARGV[4])
return 1
