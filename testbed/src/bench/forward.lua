-- What the module does with a probe that it forwards.

function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get(":path") == "/health" and headers:get(":method") == "GET" then
    headers:remove("x-envoy-upstream-rq-per-try-timeout-ms")
    headers:remove("x-envoy-upstream-rq-timeout-alt-response")
    headers:remove("x-envoy-upstream-stream-duration-ms")
    headers:replace("x-envoy-upstream-health-check", "true")
    headers:replace("x-heartbeat-probe", "app")
    headers:replace("x-envoy-upstream-rq-timeout-ms", "3000")
    headers:replace("x-envoy-max-retries", "0")
    handle:streamInfo():dynamicMetadata():set("heartbeat", "probe", "app")
  end
end

function envoy_on_response(handle)
  local known = handle:streamInfo():dynamicMetadata():get("heartbeat")
  if known and known["probe"] then
    local headers = handle:headers()
    local status = headers:get(":status")
    local ready = status >= "200" and status < "400"
    headers:replace("x-envoy-upstream-healthchecked-cluster", "bench")
    headers:replace("x-heartbeat-status", ready and "ready" or "not-ready")
    if not ready then
      headers:replace("x-envoy-immediate-health-check-fail", "true")
    end
  end
end
