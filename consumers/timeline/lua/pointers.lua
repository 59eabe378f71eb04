-- Reads which generations the pointers of a partition name. KEYS: the pointers. Returns their names, nil for one that names none.
return redis.call('MGET', unpack(KEYS))
