-- Writes what became of reserved pairs, and lets go of them. What is sent or given up is in the ledger by now.
-- KEYS: meta. ARGV: token, prefix, owner, now in milliseconds,
-- {{subscription, story, what, seq, update, revision, due at, tries or '', redrive done or '',
-- {update owed, …}}, …} packed.
-- `what`: sent, gave_up, passed (nothing to tell up to seq), later (due at another time), ended (the subscription is told nothing more).
-- Returns how many steps the index has taken, or 0 if the claim is lost and nothing was written.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local g, owner, now = ARGV[2], ARGV[3], tonumber(ARGV[4])
for _, one in ipairs(cmsgpack.unpack(ARGV[5])) do
  local sub, story, what, seq, update, revision = one[1], one[2], one[3], one[4], one[5], one[6]
  local pair = sub .. '/' .. story
  local held = redis.call('HGET', g .. 'held', pair)
  local at, sent = standing(g, sub, story)
  if what == 'sent' or what == 'gave_up' then -- it is in the ledger, so it holds whoever has reserved the pair by now
    stand(g, sub, story, math.max(at, seq), what == 'sent' and math.max(sent, seq) or sent)
    if update ~= '' and (seq > at or one[9] ~= '') then redis.call('HSET', g .. 'got/' .. story .. '/' .. update, sub, whole(revision)) end
  end
  if held and string.match(held, '^(%S+) ') == owner then
    redis.call('HDEL', g .. 'held', pair)
    if what == 'passed' then
      stand(g, sub, story, math.max(at, seq), sent)
    end
    if one[8] ~= '' then redis.call('HSET', g .. 'tries', pair, one[8]) elseif what ~= 'passed' then redis.call('HDEL', g .. 'tries', pair) end
    for _, owed in ipairs(one[10]) do
      local got = redis.call('HGET', g .. 'got/' .. story .. '/' .. owed, sub)
      if not got or got == '0' then redis.call('HSET', g .. 'got/' .. story .. '/' .. owed, sub, -1) end
    end
    if one[9] ~= '' then redriven(g, pair, function(asked) return asked[2] == one[9] end) end
    if what == 'ended' then
      redis.call('DEL', g .. 'due/' .. sub, g .. 'at/' .. sub)
      redis.call('ZREM', g .. 'turns', sub)
      redis.call('HDEL', g .. 'redo', pair)
      redis.call('HDEL', g .. 'again', pair)
    elseif what == 'later' then
      local urgent = redis.call('HDEL', g .. 'again', pair) == 1
      await(g, sub, story, urgent and now - URGENT or one[7])
    else
      go_on(g, sub, story, now)
    end
  end
end
return redis.call('HINCRBY', KEYS[1], 'step', 1)
