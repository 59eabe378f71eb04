-- Reads a story's changes after a seq, each with its update's document as it is now.
-- KEYS: live. ARGV: prefix, story, since, limit.
-- Returns the story's state, the changes and the documents ('' where there is none); nothing for an unknown story.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story = ARGV[1] .. generation .. ':', ARGV[2]
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end
local changes, documents = {}, {}
for i, found in ipairs(redis.call('XRANGE', g .. 'changes/' .. story, '(' .. ARGV[3] .. '-0', '+', 'COUNT', ARGV[4])) do
  changes[i] = found[2][2]
  local update = cjson.decode(changes[i])[4]
  documents[i] = update ~= cjson.null and redis.call('HGET', g .. 'docs/' .. story, update) or ''
end
return {state, changes, documents}
