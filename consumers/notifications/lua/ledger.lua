-- Takes over what the ledger says, up to an offset. What it says twice is taken over once.
-- KEYS: meta. ARGV: token, prefix, owner, now in milliseconds, the offset up to which the ledger was read,
-- {{what, subscription, story, seq, update, revision, entry's id}, …} packed.
-- Returns how many steps the index has taken, or 0 if the claim is lost and nothing was written.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local g, owner, now = ARGV[2], ARGV[3], tonumber(ARGV[4])
for _, one in ipairs(cmsgpack.unpack(ARGV[6])) do
  local what, sub, story, seq, update, revision = one[1], one[2], one[3], one[4], one[5], one[6]
  local pair = sub .. '/' .. story
  if what == 'redriven' then
    local redo = redis.call('HGET', g .. 'redo', pair)
    local list = redo and cjson.decode(redo) or {}
    list[#list + 1] = {seq, one[7]}
    redis.call('HSET', g .. 'redo', pair, cjson.encode(list))
    if redis.call('HEXISTS', g .. 'held', pair) == 0 then await(g, sub, story, score_of(now, true)) end
  else
    local at, sent = standing(g, sub, story)
    stand(g, sub, story, math.max(at, seq), what == 'sent' and math.max(sent, seq) or sent)
    if update ~= '' and seq > at then redis.call('HSET', g .. 'got/' .. story .. '/' .. update, sub, whole(revision)) end
    redriven(g, pair, function(asked) return asked[1] == seq end)
    local held = redis.call('HGET', g .. 'held', pair)
    if held and string.match(held, '^(%S+) ') ~= owner then
      redis.call('HDEL', g .. 'held', pair)
      go_on(g, sub, story, now)
    end
  end
end
redis.call('HSET', KEYS[1], 'ledger', ARGV[5])
return redis.call('HINCRBY', KEYS[1], 'step', 1)
