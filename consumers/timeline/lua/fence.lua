-- Takes a partition from whoever holds it, who claims it anew and loads again what it needs. KEYS: the generation's meta.
return redis.call('HDEL', KEYS[1], 'token')
