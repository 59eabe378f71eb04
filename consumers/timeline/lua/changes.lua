-- Reads a story's changes after a seq, each with its note and its update's document as they are now: gone if it is gone.
-- KEYS: the generation's pointer. ARGV: prefix, story, since, limit.
-- Returns the story's state, the changes, the documents and the notes ('' where there is none); nothing for an unknown story.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story = ARGV[1] .. generation .. ':', ARGV[2]
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end
local changes, documents, notes = {}, {}, {}
for i, found in ipairs(redis.call('XRANGE', g .. 'changes/' .. story, '(' .. ARGV[3] .. '-0', '+', 'COUNT', ARGV[4])) do
  changes[i] = found[2][2]
  local change = cjson.decode(changes[i])
  local seq, update = change[1], change[4]
  documents[i], notes[i] = '', ''
  if update ~= cjson.null then
    documents[i] = redis.call('HGET', g .. 'docs/' .. story, update) or ''
    notes[i] = redis.call('HGET', g .. 'notes/' .. story .. '/' .. update, seq) or ''
  end
end
return {state, changes, documents, notes}
