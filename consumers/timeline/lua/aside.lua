-- Runs write commands on keys that nobody reads yet. KEYS: a key of the slot. ARGV: {{command, key, …}, …} packed.
for _, write in ipairs(cmsgpack.unpack(ARGV[1])) do
  redis.call(unpack(write))
end
return 'OK'
