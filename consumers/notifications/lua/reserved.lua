-- Reads who has reserved what, the time, and how far the ledger was read. KEYS: meta. ARGV: prefix.
local clock = redis.call('TIME')
local now = string.format('%d', clock[1] * 1000 + math.floor(clock[2] / 1000))
return {now, redis.call('HGET', KEYS[1], 'ledger') or '0', redis.call('HGETALL', ARGV[1] .. 'held')}
