-- Reads what there is to tell in some stories, each with what the updates are now and who got which.
-- KEYS: meta. ARGV: prefix, {{story, since, {subscription, …}, {seq to be sent once more, …}}, …} packed, most changes of a story.
-- Returns for each story, packed: its state, changes, changes to be sent once more, update names, states, documents, the notes by
-- update and seq, and by update what each subscription got.
local g, found = ARGV[1], {}
for i, asked in ipairs(cmsgpack.unpack(ARGV[2])) do
  local story, subs, again = asked[1], asked[3], asked[4]
  local texts, redone, names, known, notes = {}, {}, {}, {}, {}
  local function take(entry, into)
    into[#into + 1] = entry[2][2]
    local change = cjson.decode(entry[2][2])[1]
    local update, seq = change[4], change[1]
    if update ~= cjson.null then
      if not known[update] then
        known[update] = true
        names[#names + 1] = update
      end
      local note = redis.call('HGET', g .. 'notes/' .. story .. '/' .. update, seq)
      if note then notes[#notes + 1] = {whole(seq), note} end
    end
  end
  for _, entry in ipairs(redis.call('XRANGE', g .. 'news/' .. story, '(' .. whole(asked[2]) .. '-0', '+', 'COUNT', ARGV[3])) do
    take(entry, texts)
  end
  for _, seq in ipairs(again) do
    local entry = redis.call('XRANGE', g .. 'news/' .. story, whole(seq) .. '-0', whole(seq) .. '-0')[1]
    if entry then take(entry, redone) end
  end
  local states, docs, got = {}, {}, {}
  for n, name in ipairs(names) do
    states[n] = redis.call('HGET', g .. 'state/' .. story, name) or ''
    docs[n] = redis.call('HGET', g .. 'docs/' .. story, name) or ''
    got[n] = {}
    for m, sub in ipairs(subs) do
      got[n][m] = redis.call('HGET', g .. 'got/' .. story .. '/' .. name, sub) or ''
    end
  end
  found[i] = {redis.call('HGET', g .. 'stories', story) or '', texts, redone, names, states, docs, notes, got}
end
return cmsgpack.pack(found)
