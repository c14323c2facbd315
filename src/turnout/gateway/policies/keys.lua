-- Lets a request pass if it brings a good key of the keyspace that its route names. Follows `sha256` in one chunk.
--
-- The metadata of the route names the keyspace, and the version of its keys; the keys themselves are in the filter
-- context of the route configuration, a line each. All of it is in the one resource that also says where the request
-- goes. Envoy copies a filter context whole whenever a script asks for it, so a version is read once in each thread.

local PREFIX = "tnk_"
local LENGTH = 47
local BUCKET = 1000000000
local KEPT = 500000
local DETAIL = "This domain needs a key, as `Authorization: Bearer <key>` or `X-API-Key: <key>`. "
  .. "There was none, or it is not one that is valid here and now."

local find, gmatch, lower, match, sub = string.find, string.gmatch, string.lower, string.match, string.sub
local floor = math.floor

-- By keyspace: `now` and `before`, each a version with its keys. Two, because projects that share a keyspace hear of
-- its new version one after another.
local held = {}
local count = 0

-- The keys of a version, by the SHA-256 of their secrets.
local function keys_of(handle, keyspace, version)
  local known = held[keyspace]
  if known ~= nil then
    if known.now.version == version then return known.now.keys end
    if known.before ~= nil and known.before.version == version then return known.before.keys end
  end
  local fresh = {version = version, keys = {}, count = 0}
  for hash, record in gmatch(handle:filterContext():get(keyspace) or "", "(%x+) ([^\n]+)") do
    fresh.keys[hash] = record
    fresh.count = fresh.count + 1
  end
  if count + fresh.count > KEPT then held, count, known = {}, 0, nil end
  if known ~= nil and known.before ~= nil then count = count - known.before.count end
  held[keyspace] = {now = fresh, before = known and known.now}
  count = count + fresh.count
  return fresh.keys
end

-- The header's value if it could be a key: of the right length and beginning.
local function formed(value)
  if #value == LENGTH and sub(value, 1, 4) == PREFIX then return value end
end

local function bearer(value)
  if lower(sub(value, 1, 7)) == "bearer " then return formed(match(value, "^ *(.-) *$", 8)) end
end

-- The key that the request brings, or nil. Whatever looks like one is taken out, so that no app ever sees a key.
local function take_key(headers)
  local key
  local value = headers:get("authorization")
  if value ~= nil and find(value, PREFIX, 1, true) then
    key = bearer(value)
    headers:remove("authorization")
  end
  value = headers:get("x-api-key")
  if value ~= nil and find(value, PREFIX, 1, true) then
    key = key or formed(value)
    headers:remove("x-api-key")
  end
  return key
end

-- Whether the request may pass; if so, the app and the log are told whose key it was.
local function admitted(handle, keyspace, version)
  local headers = handle:headers()
  local key = take_key(headers)
  if key == nil then return false end
  local record = keys_of(handle, keyspace, version)[sha256(key)]
  if record == nil then return false end
  local id, expires, requests, seconds = match(record, "^(%S+) (%d+) (%d+) (%d+)$")
  expires = tonumber(expires)
  if expires ~= 0 and handle:timestamp() >= expires then return false end
  local told = handle:streamInfo():dynamicMetadata()
  if requests ~= "0" then
    requests = tonumber(requests)
    told:set("turnout", "limit", {requests = requests, seconds = seconds, cost = floor(BUCKET / requests)})
  end
  headers:add("x-turnout-key-id", id)
  told:set("turnout", "key_id", id)
  return true
end

function envoy_on_request(handle)
  local policy = handle:metadata()
  local keyspace = policy:get("keyspace")
  if keyspace == nil then return end
  -- Envoy lets a request pass whose script has failed; here it must not.
  local ran, good = pcall(admitted, handle, keyspace, policy:get("version"))
  if ran and good then return end
  if not ran then handle:logErr("a key could not be checked, the request is refused: " .. tostring(good)) end
  handle:streamInfo():dynamicMetadata():set("turnout", "refused", "key")
  handle:respond({[":status"] = "401", ["www-authenticate"] = 'Bearer realm="turnout"'}, DETAIL)
end
