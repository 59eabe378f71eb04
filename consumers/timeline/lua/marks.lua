-- Reads into which windows of places a story's changes fell.
-- KEYS: the generation's pointer. ARGV: prefix, story, since, how many changes at most, how many places a window has.
-- Returns the generation, the story's state, the seq of the last change that was read, whether there are more, and the windows'
-- numbers with the seq of the last change in each; nothing for an unknown story.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story, limit, size = ARGV[1] .. generation .. ':', ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end

-- Where an update has its place: a public one's state begins with a truth value, a hidden one's with its id.
local function place_of(update)
  local kept = cjson.decode(redis.call('HGET', g .. 'state/' .. story, update))
  if type(kept[1]) == 'boolean' then return kept[3] end
  return kept[14]
end

local reached, last, numbers, seqs = tonumber(ARGV[3]), {}, {}, {}
local found = redis.call('XRANGE', g .. 'changes/' .. story, '(' .. ARGV[3] .. '-0', '+', 'COUNT', limit)
for _, entry in ipairs(found) do
  local change = cjson.decode(entry[2][2])
  local seq, kind, update = change[1], change[3], change[4]
  local place
  if kind == 'published' then place = seq
  elseif update ~= cjson.null then place = place_of(update)
  elseif kind == 'story_opened' or kind == 'story_revised' then place = 1 end
  if place then last[math.floor((place - 1) / size)] = seq end
  reached = seq
end
for number, seq in pairs(last) do
  numbers[#numbers + 1], seqs[#seqs + 1] = number, seq
end
return {generation, state, reached, #found == limit and 1 or 0, numbers, seqs}
