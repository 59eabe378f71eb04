-- Reads a story's updates that have words and are not public: withheld, or under embargo. For desks, not for readers.
-- KEYS: the generation's pointer. ARGV: prefix, story.
-- Returns the story's state, and the updates' ids and states; nothing for an unknown story.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story = ARGV[1] .. generation .. ':', ARGV[2]
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end
local updates, states = redis.call('ZRANGE', g .. 'hidden/' .. story, 0, 999), {}
if #updates > 0 then states = redis.call('HMGET', g .. 'state/' .. story, unpack(updates)) end
return {state, updates, states}
