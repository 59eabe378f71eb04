-- Reads a story's state and how many of its updates are public; nothing for an unknown story.
-- KEYS: the generation's pointer. ARGV: prefix, story.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story = ARGV[1] .. generation .. ':', ARGV[2]
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end
return {state, redis.call('ZCARD', g .. 'index/' .. story)}
