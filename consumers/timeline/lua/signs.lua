-- Reads the sign of whoever holds a partition of the live generation.
-- KEYS: the generation's pointer. ARGV: prefix.
-- Returns owner, milliseconds since it was seen, records a second, the last error and its time; an owner that was fenced is ''.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local found = redis.call('HMGET', ARGV[1] .. generation .. ':meta', 'owner', 'seen', 'rate', 'error', 'error_at', 'signer', 'token')
if not found[2] then return {} end
local clock = redis.call('TIME')
local age = clock[1] * 1000 + math.floor(clock[2] / 1000) - tonumber(found[2])
return {found[6] == found[7] and found[1] or '', string.format('%d', age), found[3], found[4] or '', found[5] or '0'}
