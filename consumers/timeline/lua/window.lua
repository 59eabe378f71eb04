-- Reads all of a story that has its place between two seqs, newest first, also what was taken off.
-- KEYS: the generation's pointer. ARGV: prefix, story, first seq, last seq.
-- Returns what recent.lua returns, without other documents.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story = ARGV[1] .. generation .. ':', ARGV[2]
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end
local documents, places, gone, states = {}, {}, {}, {}
for _, entry in ipairs(redis.call('XREVRANGE', g .. 'changes/' .. story, ARGV[4] .. '-0', ARGV[3] .. '-0')) do
  local change = cjson.decode(entry[2][2])
  local seq, kind, update = change[1], change[3], change[4]
  if kind == 'published' then -- its first showing, which gave it its place
    local document = redis.call('HGET', g .. 'docs/' .. story, update)
    if document then
      documents[#documents + 1], places[#places + 1] = document, seq
    else
      gone[#gone + 1], states[#states + 1] = update, redis.call('HGET', g .. 'state/' .. story, update)
    end
  end
end
return {{state, '', documents, places, generation}, {{}, {}}, {gone, states}}
