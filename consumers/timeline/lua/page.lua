-- Reads a page of a story's timeline, newest first: pointer and documents together.
-- KEYS: the generation's pointer. ARGV: prefix, story, index ('index' or 'key'), place to go on below ('+inf' for the head), limit.
-- Returns the story's state, the place to go on below ('' at the end), the documents, their places and the generation; nothing for
-- an unknown story.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story, limit = ARGV[1] .. generation .. ':', ARGV[2], tonumber(ARGV[5])
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end
local found = redis.call('ZREVRANGEBYSCORE', g .. ARGV[3] .. '/' .. story, ARGV[4], '-inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
local updates, places, after = {}, {}, ''
for i = 1, math.min(#found, 2 * limit), 2 do
  updates[#updates + 1], places[#places + 1] = found[i], found[i + 1]
end
if #found > 2 * limit then after = '(' .. found[2 * limit] end
local documents = {}
if #updates > 0 then documents = redis.call('HMGET', g .. 'docs/' .. story, unpack(updates)) end
return {state, after, documents, places, generation}
