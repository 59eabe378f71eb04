-- Reads a page of a story's timeline, newest first, and what the last changes did to the rest of it: pointer and documents together.
-- KEYS: the generation's pointer. ARGV: prefix, story, place to go on below ('+inf' for the head), limit, how many of the last changes to
-- look at, how many other documents at most.
-- Returns a page as page.lua does; the other documents that changed last and their places; the updates that were taken off, the last
-- first, and their states. Nothing for an unknown story.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story, limit, most = ARGV[1] .. generation .. ':', ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[6])
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end
local found = redis.call('ZREVRANGEBYSCORE', g .. 'index/' .. story, ARGV[3], '-inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
local updates, places, after, seen = {}, {}, '', {}
for i = 1, math.min(#found, 2 * limit), 2 do
  updates[#updates + 1], places[#places + 1] = found[i], found[i + 1]
  seen[found[i]] = true
end
if #found > 2 * limit then after = '(' .. found[2 * limit] end
local documents = {}
if #updates > 0 then documents = redis.call('HMGET', g .. 'docs/' .. story, unpack(updates)) end

local others, beside, gone, states = {}, {}, {}, {}
for _, entry in ipairs(redis.call('XREVRANGE', g .. 'changes/' .. story, '+', '-', 'COUNT', ARGV[5])) do
  local update = cjson.decode(entry[2][2])[4]
  if update ~= cjson.null and not seen[update] then
    seen[update] = true
    local place = redis.call('ZSCORE', g .. 'index/' .. story, update)
    if not place then
      gone[#gone + 1], states[#states + 1] = update, redis.call('HGET', g .. 'state/' .. story, update)
    elseif #others < most then
      others[#others + 1], beside[#beside + 1] = redis.call('HGET', g .. 'docs/' .. story, update), place
    end
  end
end
return {{state, after, documents, places, generation}, {others, beside}, {gone, states}}
