-- Reads one update: the story's state, its own, its document if it is public, and its history, oldest first.
-- KEYS: the generation's pointer. ARGV: prefix, story, update, '1' if the history is wanted.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story, update = ARGV[1] .. generation .. ':', ARGV[2], ARGV[3]
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end
local history = {}
if ARGV[4] == '1' then history = redis.call('ZRANGE', g .. 'history/' .. story .. '/' .. update, 0, -1) end
local found = redis.call('HGET', g .. 'state/' .. story, update) or ''
return {state, found, redis.call('HGET', g .. 'docs/' .. story, update) or '', history}
