-- Leaves a sign of whoever holds a partition, if the claim still holds. The time is Redis's own, so that no two clocks are compared.
-- KEYS: meta. ARGV: token, owner ('' for one that leaves), records a second, the last error or '', its time in milliseconds.
-- Returns whether the claim holds.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local clock = redis.call('TIME')
local seen = string.format('%d', clock[1] * 1000 + math.floor(clock[2] / 1000))
redis.call('HSET', KEYS[1], 'signer', ARGV[1], 'owner', ARGV[2], 'seen', seen, 'rate', ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'error', ARGV[4], 'error_at', ARGV[5]) end
return 1
