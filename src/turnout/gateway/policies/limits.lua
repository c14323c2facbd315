-- The limiter counts in parts of a bucket that is the same for everybody; people count requests.

local BUCKET = 1000000000
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

function envoy_on_response(handle)
  local limit = handle:streamInfo():dynamicMetadata():get("turnout").limit
  local headers = handle:headers()
  local name = "x-ratelimit-remaining"
  -- The app may have sent one too; the limiter's comes last.
  local values = headers:getNumValues(name)
  local left = values > 0 and tonumber(headers:getAtIndex(name, values - 1))
  if not left then return end
  local seconds = tonumber(limit.seconds)
  headers:replace("x-ratelimit-limit", tostring(limit.requests))
  headers:replace(name, tostring(min(limit.requests, floor(left / limit.cost))))
  headers:replace("x-ratelimit-reset", tostring(ceil((BUCKET - left) / BUCKET * seconds)))
  if headers:get(":status") == "429" and left < limit.cost then
    headers:replace("retry-after", tostring(max(1, ceil((limit.cost - left) / BUCKET * seconds))))
  end
end
