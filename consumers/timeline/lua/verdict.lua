-- Reads what became of an event. KEYS: live. ARGV: prefix, story, event id.
local generation = redis.call('GET', KEYS[1])
if not generation then return '' end
return redis.call('HGET', ARGV[1] .. generation .. ':events/' .. ARGV[2], ARGV[3]) or ''
