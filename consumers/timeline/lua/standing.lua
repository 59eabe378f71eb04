-- Reads where one story stands in the generation that a pointer names.
-- KEYS: the generation's pointer. ARGV: prefix, story.
-- Returns the generation and its next offset, log id, fold version, first offset and what has torn it, the story's state and its
-- parked entry ('' where there is none).
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g = ARGV[1] .. generation .. ':'
local found = redis.call('HMGET', g .. 'meta', 'next', 'log', 'fold', 'first', 'torn')
if not found[1] then return {} end
local function field(key) return redis.call('HGET', g .. key, ARGV[2]) or '' end
return {generation, found[1], found[2] or '', found[3] or '0', found[4] or '0', found[5] or '', field('stories'), field('parked')}
