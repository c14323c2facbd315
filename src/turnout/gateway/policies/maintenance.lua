-- Answers 503 for an environment in maintenance. Runs only for routes that name this script, with their settings
-- as the context. Whoever is let in was found out by the RBAC filter before, in its own words in the metadata.

local PAGE = [[<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Back soon</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;margin:20vh auto;max-width:30rem;padding:0 1rem}
</style></head><body><h1>Back soon</h1><p>This site is being worked on. Please try again in a little while.</p>
</body></html>
]]

local PROBLEM = '{"type":"about:blank","title":"Maintenance","status":503,'
  .. '"detail":"This site is being worked on. Try again after the seconds in Retry-After."}'

local function let_in(handle)
  local found = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.rbac")
  return found ~= nil and found["maintenance_shadow_engine_result"] == "allowed"
end

-- Proofs that a domain is ours have to be answered at any time, or its certificate would end with the maintenance.
local function is_challenge(path)
  return path ~= nil and string.match(path, "^/%.well%-known/acme%-challenge/[%w_-]+$") ~= nil
end

local function wants_page(headers)
  local accept = headers:get("accept")
  return accept ~= nil and string.find(string.lower(accept), "text/html", 1, true) ~= nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local ok, passes = pcall(function()
    return let_in(handle) or is_challenge(headers:get(":path"))
  end)
  if ok and passes then return end
  local context = handle:filterContext()
  local answer, body = "problem", PROBLEM
  if wants_page(headers) then
    answer, body = "page", context:get("page") or PAGE
  end
  handle:streamInfo():dynamicMetadata():set("turnout", "answer", answer)
  handle:respond({
    [":status"] = "503",
    ["retry-after"] = context:get("retry_after") or "300",
    ["cache-control"] = "no-store",
    ["vary"] = "accept",
  }, body)
end
