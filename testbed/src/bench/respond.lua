-- What the module does with an ordinary request and with one that it answers.

local function now()
  return os.date("!%Y-%m-%dT%H:%M:%S.000Z")
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get(":path") == "/up" and headers:get(":method") == "GET" then
    handle:respond({
      [":status"] = "200",
      ["content-type"] = "application/json",
      ["cache-control"] = "no-store",
      ["x-heartbeat-status"] = "ready",
      ["x-envoy-upstream-healthchecked-cluster"] = "bench",
    }, '{"status":"ok","timestamp":"' .. now() .. '"}')
    return
  end
  if headers:get("x-envoy-upstream-health-check") then
    headers:remove("x-envoy-upstream-health-check")
  end
  if headers:get("x-heartbeat-probe") then
    headers:remove("x-heartbeat-probe")
  end
end
